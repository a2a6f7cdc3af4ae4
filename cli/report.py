"""``spiritsafe report``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DistributedOption,
    OutboundOption,
    VersionArgument,
    invalid,
    resolve_version,
)
from cli.session import connect
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import evidence_pb2

app = new_app(no_args_is_help=False)


class ReportFormat(StrEnum):
    """The documents that there are."""

    HTML = "html"
    JSON = "json"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    IN_TOTO = "in-toto"
    HF_CARD = "hf-card"

    @property
    def number(self) -> evidence_pb2.ReportFormat.ValueType:
        return evidence_pb2.ReportFormat.Value(f"REPORT_FORMAT_{self.replace('-', '_').upper()}")


@app.command()
def report(
    version: VersionArgument,
    form: Annotated[ReportFormat, typer.Option("--format", help="Which document.")] = ReportFormat.HTML,
    context: Annotated[
        list[ContextName] | None,
        typer.Option("--context", help="Verdicts in this context; all unless told. Repeatable."),
    ] = None,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    signed: Annotated[bool, typer.Option("--signed", help="In a DSSE envelope, signed by the registry.")] = False,
    save: Annotated[Path | None, typer.Option("--output", help="File or folder to write to.")] = None,
) -> None:
    """Write a document about a version: a page for people, a bill of materials, a signed statement, a hub card.

    Example: spiritsafe report support-tool@1 --format html --output support-tool.html
    """
    with connect() as client:
        name = resolve_version(client, version)
        request = evidence_pb2.GetReportRequest(
            name=str(name),
            format=form.number,
            contexts=[context_value(one) for one in context or ()],
            outbound_license=outbound,
            distributed=distributed,
            signed=signed,
        )
        answer = client.evidence.GetReport(request)
    if save is None:
        sys.stdout.write(answer.content.decode())
        sys.stdout.flush()
        return
    target = save / answer.file_name if save.is_dir() else save
    try:
        target.write_bytes(answer.content)
    except OSError as error:
        raise invalid("output", f"{target} cannot be written: {error.strerror}") from error
    output.notices().print(f"wrote {target}, {len(answer.content):,} bytes; completeness {answer.completeness} %")
