"""``spiritsafe deploy``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli import evaluations, exits, output
from cli.lazy import app as new_app
from cli.options import (
    ContextName,
    DistributedOption,
    FormatOption,
    OutboundOption,
    exact_version,
    invalid,
)
from cli.output import Format
from cli.session import connect
from spiritsafe.evidence import envelope_json
from spiritsafe.operations import context_value
from spiritsafe.registry.v1 import promotion_pb2

CHUNK_BYTES = 1 << 20

app = new_app("Whether bytes may be deployed, as a signed and short-lived answer.")


@app.callback()
def _group() -> None:
    """A group, although it has one command so far."""


@app.command("check")
def check(
    version: Annotated[str, typer.Argument(help="MODEL@N, dataset:DATASET@N or a full resource name.")] = "",
    context: Annotated[ContextName, typer.Option("--context", help="Where it would run.")] = ContextName.COMMERCIAL,
    outbound: OutboundOption = "",
    distributed: DistributedOption = False,
    digest: Annotated[str, typer.Option("--digest", help="Manifest digest instead of a version.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="One of its files, found by its SHA-256.")] = None,
    file_sha256: Annotated[str, typer.Option("--file-sha256", help="SHA-256 of one of its files.")] = "",
    save: Annotated[Path | None, typer.Option("--output", help="Write the signed answer (DSSE) to this file.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Ask whether a version, a digest or one file may be deployed; exit code 3 if not.

    Example: spiritsafe deploy check support-tool@1 --context commercial --outbound openrail-m --output decision.json
    """
    request = promotion_pb2.CheckDeploymentRequest(
        context=context_value(context), outbound_license=outbound, distributed=distributed
    )
    field, value = _subject(version, digest, file, file_sha256)
    setattr(request, field, value)
    with connect() as client:
        answer = client.promotions.CheckDeployment(request)
    envelope = envelope_json(answer.envelope)
    if save is not None:
        save.write_text(json.dumps(envelope) + "\n")
    data = output.to_data(answer) | {"envelope": envelope}
    if form is Format.JSON:
        output.print_json(data)
    else:
        _print(data)
    if not answer.allowed:
        raise typer.Exit(exits.DENIED)


def _subject(version: str, digest: str, file: Path | None, file_sha256: str) -> tuple[str, str]:
    """The request's field and its value. Raises InvalidArgument unless exactly one is given."""
    given = {"version": version, "digest": digest, "file": str(file or ""), "file_sha256": file_sha256}
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        raise invalid("version", "name one of VERSION, --digest, --file, --file-sha256", f"given: {len(named)}")
    if file is not None:
        return "file_sha256", _sha256(file)
    return named[0], str(exact_version(version)) if version else given[named[0]]


def _sha256(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise invalid("file", f"{path} cannot be read: {error.strerror}") from error


def _print(data: dict[str, Any]) -> None:
    console = output.console()
    word = "allowed" if data["allowed"] else "denied"
    console.print(f"deployment {output.cell(word)} until {data['expire_time']}")
    for one in data["evaluations"]:
        evaluations.print_evaluation(one, console)
    for name in data["stand_ins"]:
        console.print(f"  [red]stand-in[/] {escape(name)}")
    for each in data["recalls"]:
        advice = f": {each['advice']}" if each["advice"] else ""
        console.print(
            f"  [red]recalled[/] {escape(each['version'] or 'an ancestor that you may not see')}{escape(advice)}"
        )
    console.print(f"  signed with key {data['envelope']['signatures'][0]['keyid']}")
