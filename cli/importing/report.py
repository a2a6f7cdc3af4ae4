"""What an import prints: where every fact came from, what was left out, and what a person should look at."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from cli import output
from cli.importing.importer import Outcome
from cli.output import Data, Format
from spiritsafe.rpc.names import shorten

FACT_COLUMNS = ("field", "value", "origin", "confidence")
LEFT_OUT_COLUMNS = ("path", "reason", "description")


def data(outcome: Outcome) -> dict[str, Any]:
    """The outcome for programs; parents in the same form."""
    plan = output.to_data(outcome.plan)
    return {
        "version": outcome.version,
        "outcome": _outcome(outcome),
        "hub_repo": outcome.snapshot.ref.repo,
        "revision": outcome.snapshot.commit,
        "gated": outcome.snapshot.gated,
        "files": outcome.files,
        "external_files": outcome.external_files,
        "declared_licenses": plan.get("declared_licenses", {}).get("ids"),
        "facts": plan["facts"],
        "left_out": plan["left_out"],
        "warnings": outcome.warnings,
        "parents": [data(parent) for parent in outcome.parents],
    }


def show(outcome: Outcome, form: Format) -> None:
    """Prints the outcome."""
    found = data(outcome)
    if form is Format.JSON:
        output.print_json(found)
        return
    console = output.console()
    _show(found, 0)
    for title, rows, columns in (
        ("Where it comes from", found["facts"], FACT_COLUMNS),
        ("Left out", found["left_out"], LEFT_OUT_COLUMNS),
    ):
        if rows:
            console.print()
            console.print(output.table(rows, columns, title))


def _show(found: Data, depth: int) -> None:
    console, indent = output.console(), "  " * depth
    at = f" at {found['revision'][:12]}" if found["revision"] else ""
    name = shorten(found["version"]) or "not registered"
    console.print(
        f"{indent}[bold]{escape(name)}[/] {found['outcome']}: {escape(found['hub_repo'])}{at}, {_bytes(found)}"
    )
    for warning in found["warnings"]:
        console.print(f"{indent}  [yellow]note[/] {escape(warning)}")
    for parent in found["parents"]:
        _show(parent, depth + 1)


def _bytes(found: Data) -> str:
    if not found["files"]:
        return "no bytes"
    external = found["external_files"]
    return f"{found['files']} files" + (f", {external} of them external" if external else "")


def _outcome(outcome: Outcome) -> str:
    if outcome.imported:
        return "imported"
    return "unchanged" if outcome.version else "planned"
