"""``spiritsafe policy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.files import read_struct
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, LimitOption
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import policy_pb2

COLUMNS = ("name", "settings", "reason", "creator", "create_time")

app = new_app("The written policy on contested questions, in revisions. Not legal advice.")


@app.command("list")
def list_policies(limit: LimitOption = 100, form: FormatOption = Format.TABLE) -> None:
    """List the revisions, newest first; the last is the policy as shipped.

    Example: spiritsafe policy list
    """
    with connect() as client:
        found = every(client.policies.ListPolicies, policy_pb2.ListPoliciesRequest(), "policies", limit)
        output.print_list(form, "policies", found, COLUMNS)


@app.command("show")
def show(
    revision: Annotated[str, typer.Argument(help="Number of a revision; the one in force when left out.")] = "current",
    form: FormatOption = Format.TABLE,
) -> None:
    """Show one revision with its settings and the reason for it.

    Example: spiritsafe policy show
    """
    with connect() as client:
        request = policy_pb2.GetPolicyRequest(name=f"policies/{revision.removeprefix('policies/')}")
        output.print_one(form, client.policies.GetPolicy(request).policy)


@app.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(help="JSON file with every setting.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")],
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Put a whole new settings document in force; every verdict follows it at once.

    Example: spiritsafe policy set policy.json --reason "Counsel's memo of 12 May"
    """
    settings = read_struct(file, "write every setting with its value; `policy show --format json` shows them")
    request = policy_pb2.CreatePolicyRequest(settings=settings, reason=reason, validate_only=dry_run)
    with connect() as client:
        output.print_one(form, client.policies.CreatePolicy(request).policy)
