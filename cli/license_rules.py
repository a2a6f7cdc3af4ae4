"""The commands of ``spiritsafe license`` that change profiles, and those that tell what a change does to verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.files import read_struct
from cli.options import DryRunOption, FormatOption, LimitOption, invalid
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import licensing_pb2

CHANGE_COLUMNS = ("version", "context", "before", "after", "outbound_license", "channels")
RECORDED_COLUMNS = ("change_time", *CHANGE_COLUMNS, "cause", "cause_resource")
JOB_COLUMNS = ("name", "cause", "cause_resource", "state", "reached", "evaluated", "changed", "create_time", "end_time")
_PROFILE = "write one profile in the form of the shipped ones"
_POLICY = "write every setting with its value; `policy show --format json` shows them"


def revise(
    file: Annotated[Path, typer.Argument(help="JSON file with the whole profile.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the record.")],
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Put a revised licence profile in force, or add one for a licence that has none.

    Example: spiritsafe license revise house.json --reason "Read with counsel on 12 May"
    """
    document = read_struct(file, _PROFILE)
    request = licensing_pb2.ReviseLicenseRequest(document=document, reason=reason, validate_only=dry_run)
    with connect() as client:
        output.print_one(form, client.licenses.ReviseLicense(request).license)


def impact(
    profile: Annotated[Path | None, typer.Option(help="JSON file with a profile.")] = None,
    policy: Annotated[Path | None, typer.Option(help="JSON file with every setting of a policy.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the verdicts that a profile or a policy would change, deployed versions first; changes nothing.

    Example: spiritsafe license impact --policy policy.json --format json
    """
    if (profile is None) == (policy is None):
        raise invalid("profile", "name either a --profile or a --policy")
    request = licensing_pb2.PreviewImpactRequest()
    if profile is not None:
        request.profile.CopyFrom(read_struct(profile, _PROFILE))
    if policy is not None:
        request.policy.CopyFrom(read_struct(policy, _POLICY))
    with connect() as client:
        parts = list(client.licenses.PreviewImpact(request))
    reached = parts[-1].reached
    data = [output.to_data(change) for part in parts for change in part.changes]
    if form is Format.JSON:
        kept = [{key: one[key] for key in CHANGE_COLUMNS} for one in data]
        output.print_json({"reached": reached, "changes": kept})
        return
    if data:
        output.console().print(output.table(data, CHANGE_COLUMNS))
    output.notices().print(f"verdicts that would change: {len(data)}; versions that the change reaches: {reached}")


def changes(limit: LimitOption = 100, form: FormatOption = Format.TABLE) -> None:
    """List the last changes of verdicts, newest first, with what caused them.

    Example: spiritsafe license changes --limit 20
    """
    request = licensing_pb2.ListVerdictChangesRequest()
    with connect() as client:
        found = every(client.licenses.ListVerdictChanges, request, "changes", limit)
        output.print_list(form, "changes", found, RECORDED_COLUMNS)


def reevaluations(limit: LimitOption = 20, form: FormatOption = Format.TABLE) -> None:
    """List the runs through stored verdicts that changes of licence data set off, with their progress.

    Example: spiritsafe license reevaluations
    """
    request = licensing_pb2.ListReevaluationsRequest()
    with connect() as client:
        found = every(client.licenses.ListReevaluations, request, "reevaluations", limit)
        output.print_list(form, "reevaluations", found, JOB_COLUMNS)
