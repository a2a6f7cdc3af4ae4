"""``spiritsafe recall``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import (
    DryRunOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    VersionArgument,
    exact_version,
    namespace_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import recall_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "version", "severity", "reason", "advice", "creator", "create_time", "lift_time")
Severity = Literal["low", "medium", "high", "critical"]

app = new_app("Versions that must not be used any more, and with them whatever was made from them.")


@app.command("add")
def add(
    version: VersionArgument,
    severity: Annotated[Severity, typer.Option("--severity", help="How bad it is.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    advice: Annotated[str, typer.Option("--advice", help="What those should do who use it.")] = "",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Recall a version, and print the channels that hold it or something made from it.

    Example: spiritsafe recall add teacher@1 --severity high --reason "Leaks prompts" --advice "Roll back"
    """
    request = recall_pb2.RecallVersionRequest(
        version=str(exact_version(version)),
        severity=recall_pb2.RecallSeverity.Value(f"RECALL_SEVERITY_{severity.upper()}"),
        reason=reason,
        advice=advice,
        validate_only=dry_run,
    )
    with connect() as client:
        output.print_one(form, client.recalls.RecallVersion(request))


@app.command("lift")
def lift(
    name: Annotated[str, typer.Argument(help="Resource name of the recall.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """End a recall.

    Example: spiritsafe recall lift namespaces/default/recalls/6f1c --reason "It was another version"
    """
    request = recall_pb2.LiftRecallRequest(name=name, reason=reason, validate_only=dry_run)
    with connect() as client:
        output.print_one(form, client.recalls.LiftRecall(request).recall)


@app.command("list")
def list_recalls(
    version: Annotated[str, typer.Argument(help="MODEL@N; all of the namespace when left out.")] = "",
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that were ended, too.")] = False,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List recalls, newest first.

    Example: spiritsafe recall list
    """
    parent = str(exact_version(version)) if version else namespace_name(namespace)
    request = recall_pb2.ListRecallsRequest(parent=parent, show_lifted=lifted)
    with connect() as client:
        output.print_list(form, "recalls", every(client.recalls.ListRecalls, request, "recalls", limit), COLUMNS)
