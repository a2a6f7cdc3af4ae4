"""``spiritsafe finding``, and the scan that ``spiritsafe version rescan`` repeats."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import (
    DryRunOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    exact_version,
    namespace_name,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import finding_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "version", "code", "alert", "file", "state", "reviewer")
FindingArgument = Annotated[str, typer.Argument(help="Id of the finding, or its full resource name.")]

app = new_app("What the files of versions say, where it differs from what was declared.")


def finding_name(text: str, namespace: str = DEFAULT_NAMESPACE) -> str:
    return text if text.startswith("namespaces/") else f"{namespace_name(namespace)}/findings/{text}"


@app.command("list")
def list_findings(
    state: Annotated[
        Literal["open", "concluded", "superseded", "any"], typer.Option(help="Findings in that state.")
    ] = "open",
    version: Annotated[str, typer.Option(help="Of one version alone: MODEL@N or dataset:DATASET@N.")] = "",
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List findings, newest first; open ones unless told.

    Example: spiritsafe finding list --version support-tool@1 --filter 'code = "LICENSE_CONFLICT"'
    """
    conditions = [condition] if condition else []
    if state != "any":
        conditions.append(f'state = "{state}"')
    if version:
        conditions.append(f'version = "{exact_version(version)}"')
    request = finding_pb2.ListFindingsRequest(parent=namespace_name(namespace), filter=" AND ".join(conditions))
    with connect() as client:
        found = every(client.findings.ListFindings, request, "findings", limit)
        output.print_list(form, "findings", found, COLUMNS)


@app.command("show")
def show(
    finding: FindingArgument, namespace: NamespaceOption = DEFAULT_NAMESPACE, form: FormatOption = Format.TABLE
) -> None:
    """Show one finding: what was seen in which file, by which detector, and how sure it is.

    Example: spiritsafe finding show 0d1f6c2e9a7b4f58a1c3e5d7f9b0a2c4
    """
    with connect() as client:
        request = finding_pb2.GetFindingRequest(name=finding_name(finding, namespace))
        output.print_one(form, client.findings.GetFinding(request).finding)


@app.command("conclude")
def conclude(
    finding: FindingArgument,
    rationale: Annotated[str, typer.Option(help="Why; kept in the record.")],
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Record that a person looked into a finding. Nobody concludes a finding of what they registered.

    The licences that count stay the same; `spiritsafe license conclude` changes those.

    Example: spiritsafe finding conclude 0d1f6c2e9a7b4f58a1c3e5d7f9b0a2c4 --rationale "only the tokenizer is theirs"
    """
    with connect() as client:
        name = finding_name(finding, namespace)
        current = client.findings.GetFinding(finding_pb2.GetFindingRequest(name=name)).finding
        request = finding_pb2.ConcludeFindingRequest(
            name=name, rationale=rationale, etag=current.etag, validate_only=dry_run
        )
        output.print_one(form, client.findings.ConcludeFinding(request).finding)


def print_rescan(text: str, form: Format, *, dry_run: bool) -> None:
    """Scans a version again and prints its findings, and what the scan left out."""
    with connect() as client:
        request = finding_pb2.RescanVersionRequest(version=str(exact_version(text)), validate_only=dry_run)
        response = client.findings.RescanVersion(request)
    if form is Format.JSON:
        output.print_json(output.to_data(response))
        return
    output.print_list(form, "findings", response.findings, COLUMNS)
    for sentence in response.not_looked_at:
        output.notices().print(f"not looked at: {sentence}", markup=False)
