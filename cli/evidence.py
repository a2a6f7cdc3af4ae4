"""``spiritsafe evidence``: the registry's public keys, and verifying what it signed without asking it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli import exits, output
from cli.lazy import app as new_app
from cli.options import FormatOption, invalid
from cli.output import Format
from cli.session import connect
from spiritsafe.evidence import DECISION_TYPE, STATEMENT_TYPE, Verified, parse_envelope, read_decision, verify_envelope
from spiritsafe.registry.v1 import evidence_pb2

app = new_app("Evidence that leaves the registry: its public keys, and offline verification.")


@app.command("keys")
def keys(
    save: Annotated[Path | None, typer.Option("--output", help="Write the keys (PEM) to this file.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the public keys of the registry; hand them to whoever verifies.

    Example: spiritsafe evidence keys --output registry.pem
    """
    with connect() as client:
        found = client.evidence.GetSigningKeys(evidence_pb2.GetSigningKeysRequest()).keys
    if save is not None:
        save.write_text("".join(key.public_key_pem for key in found))
    output.print_list(form, "keys", found, ("id", "algorithm"))


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A signed answer or document (DSSE), or deploy check's JSON.")],
    key: Annotated[Path, typer.Option("--key", help="File with the registry's public keys (PEM).")],
    save: Annotated[Path | None, typer.Option("--output", help="Write what was signed to this file.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Verify a signed answer or document offline; exit code 1 if it does not hold, 3 for a decision that refuses.

    Example: spiritsafe evidence verify decision.json --key registry.pem
    """
    verified = verify_envelope(parse_envelope(_read(file, "file")), _read(key, "key").decode(errors="replace"))
    data: dict[str, Any] = {"verified": True, "key": verified.key_id, "payload_type": verified.payload_type}
    if verified.payload_type == DECISION_TYPE:
        data["decision"] = dict(read_decision(verified).fields)
    elif verified.payload_type == STATEMENT_TYPE:
        data["statement"] = verified.data
    if save is not None:
        save.write_bytes(verified.payload)
    if form is Format.JSON:
        output.print_json(data)
    else:
        _print(verified, data)
    if not data.get("decision", {"allowed": True})["allowed"]:
        raise typer.Exit(exits.DENIED)


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(field, f"{path} cannot be read: {error.strerror}") from error


def _print(verified: Verified, data: dict[str, Any]) -> None:
    console = output.console()
    console.print(f"[green]signature holds[/], key {verified.key_id}")
    if "decision" in data:
        _print_decision(data["decision"])
    elif "statement" in data:
        (subject,) = data["statement"]["subject"]
        console.print(f"statement about {escape(subject['name'])}, SHA-256 {subject['digest']['sha256']}")
        for verdict in data["statement"]["predicate"]["verdicts"]:
            console.print(f"  {verdict['context']}: {output.cell(verdict['verdict'])}")
    else:
        console.print(f"document of type {escape(verified.payload_type)}, {len(verified.payload):,} bytes")


def _print_decision(decision: dict[str, Any]) -> None:
    console = output.console()
    word = "allowed" if decision["allowed"] else "denied"
    outbound = f" as {decision['outbound_license']}" if decision["outbound_license"] else ""
    subject = decision["subject"]
    console.print(
        f"deployment {output.cell(word)} in {decision['context']}{escape(outbound)}: "
        f"{escape(subject['kind'])} {escape(subject['value'])}"
    )
    console.print(f"  issued {decision['issue_time']}, expires {decision['expire_time']}, epoch {decision['epoch']}")
    for one in decision["verdicts"]:
        codes = ", ".join(reason["code"] for reason in one["reasons"])
        console.print(f"  {escape(one['version'])}: {output.cell(one['verdict'])} {escape(codes)}".rstrip())
    for name in decision["stand_ins"]:
        console.print(f"  [red]stand-in[/] {escape(name)}")
