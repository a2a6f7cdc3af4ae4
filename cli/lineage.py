"""``spiritsafe lineage``."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.tree import Tree

from cli import output
from cli.lazy import app as new_app
from cli.options import FormatOption, VersionArgument, resolve_version
from cli.output import Data, Format
from cli.session import connect
from spiritsafe.client import Client
from spiritsafe.registry.v1 import version_pb2
from spiritsafe.rpc.names import VersionName, shorten

WITHOUT_EFFECT = ("evaluated_on", "evaluated_against", "tokenizer_of")

app = new_app("Where versions come from and what came of them.")


@app.callback()
def _group() -> None:
    """A group, although it has one command so far."""


@app.command("show")
def show(
    version: VersionArgument,
    direction: Annotated[Literal["ancestors", "descendants"], typer.Option(help="Which way to look.")] = "ancestors",
    depth: Annotated[int, typer.Option(min=0, help="Edges away from the version; 0 for all.")] = 0,
    basic: Annotated[bool, typer.Option("--basic", help="Without licences and verdicts: for very large ones.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the lineage of a version as a tree, with licences and verdicts.

    Example: spiritsafe lineage show support-tool@1
    """
    with connect() as client:
        name = resolve_version(client, version)
        data = output.to_data(read(client, name, direction, depth, basic=basic))
    if form is Format.JSON:
        output.print_json(data)
    else:
        output.console().print(tree(data, descendants=direction == "descendants", basic=basic))


def read(
    client: Client, name: VersionName, direction: str = "ancestors", depth: int = 0, *, basic: bool = False
) -> version_pb2.GetLineageResponse:
    """The lineage around a version."""
    way = version_pb2.LineageDirection.Value(f"LINEAGE_DIRECTION_{direction.upper()}")
    request = version_pb2.GetLineageRequest(name=str(name), direction=way, max_depth=depth)
    if basic:
        request.view = version_pb2.VERSION_VIEW_BASIC
    return client.versions.GetLineage(request)


def tree(data: Data, *, descendants: bool = False, basic: bool = False) -> Tree:
    """A lineage as a tree from its first node.

    A node that is met again, or over an edge without effect on licences, is only named.
    """
    nodes = {node["name"]: node for node in data["nodes"]}
    branches: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in data["edges"]:
        near, far = (edge["parent"], edge["child"]) if descendants else (edge["child"], edge["parent"])
        branches[near].append((edge["type"], far))
    root = data["nodes"][0]["name"]
    result = Tree(_label(nodes[root], basic=basic))
    seen = {root}
    waiting = [(root, result)]
    while waiting:
        name, place = waiting.pop()
        for kind, far in sorted(branches[name], key=lambda branch: (branch[0] in WITHOUT_EFFECT, branch)):
            again = far in seen or kind in WITHOUT_EFFECT
            leaf = place.add(f"[cyan]{kind}[/] {_label(nodes[far], short=again, basic=basic)}")
            if not again:
                seen.add(far)
                waiting.append((far, leaf))
    return result


def _label(node: Data, *, short: bool = False, basic: bool = False) -> str:
    name = f"[bold]{escape(shorten(node['name']))}[/]"
    if short:
        return name
    stand_in = " [magenta]stand-in[/]" if node["stand_in"] else ""
    if basic:
        return f"{name} {escape(node['public_name'])}{stand_in}"
    licences = ", ".join(node["licenses"]) or "no licence of its own"
    verdicts = "  ".join(f"{one['context']} {output.cell(one['verdict'])}" for one in node["deployable"])
    lines = [f"{name} {escape(node['public_name'])}{stand_in} [dim]({escape(licences)})[/]"]
    return "\n".join([*lines, verdicts] if verdicts else lines)
