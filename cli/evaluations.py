"""Verdicts as people read them: reasons with their licence, path and remedy, then duties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.struct_pb2 import Struct
from rich.console import Console
from rich.markup import escape

from cli import output
from cli.options import ContextName
from cli.output import Data
from spiritsafe.rpc.names import shorten


def print_evaluation(data: Data, console: Console | None = None) -> None:
    """Prints one evaluation of a version."""
    console = console or output.console()
    outbound = f" as {data['outbound_license']}" if data["outbound_license"] else ""
    console.print(
        f"[bold]{escape(shorten(data['version']))}[/] in {data['context']}{outbound}: {output.cell(data['verdict'])}"
    )
    if data["explanation"]:
        console.print(f"  {escape(data['explanation'])}")
    print_reasons(data["reasons"], console)
    if data["obligations"]:
        console.print("  duties: " + escape(", ".join(one["code"] for one in data["obligations"])))


def print_reasons(reasons: Sequence[Data], console: Console) -> None:
    """Prints why a verdict is not better, one paragraph a reason."""
    for reason in reasons:
        style = "red" if reason.get("status", "denial") == "denial" else "yellow"
        terms = escape(", ".join(reason["licenses"]))
        console.print(f"  [{style}]{reason['code']}[/] {terms}")
        console.print(f"    path: {escape(path_text(reason['path']))}")
        for field in ("clause", "remedy"):
            if reason[field]:
                console.print(f"    {field}: {escape(reason[field])}")


def path_text(path: Sequence[str]) -> str:
    """A lineage path n1, edge, n2, edge, n3 as "n1 -edge-> n2 -edge-> n3"."""
    return "".join(f" -{step}-> " if position % 2 else shorten(step) for position, step in enumerate(path))


def scenarios(result: Struct) -> dict[str, Any]:
    """What-if scenarios as JSON data, the verdicts of each case in the usual order of contexts."""
    data = output.struct_data(result)
    for case in data["cases"]:
        case["contexts"] = {context.value: case["contexts"][context] for context in ContextName}
    return data


def print_explanations(result: dict[str, Any]) -> None:
    """Prints the verdicts of what-if scenarios in plain language, one paragraph for each case and context."""
    console = output.console()
    for case in result["cases"]:
        for context, found in case["contexts"].items():
            console.print(f"[bold]{escape(case['id'])}[/] {context}: {escape(found['explanation'])}\n")


def print_scenarios(result: dict[str, Any]) -> None:
    """Prints the verdicts of what-if scenarios."""
    rows = [
        {
            "case": case["id"],
            "context": context,
            "verdict": found["verdict"],
            "reasons": [reason["code"] for reason in found["reasons"]],
            "duties": found["obligations"],
        }
        for case in result["cases"]
        for context, found in case["contexts"].items()
    ]
    output.console().print(output.table(rows, ("case", "context", "verdict", "reasons", "duties")))
