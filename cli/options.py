"""Options and arguments that commands share, and how their text is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.output import Format
from spiritsafe.client import Client
from spiritsafe.errors import InvalidArgument, NotFound, Violation
from spiritsafe.operations import version_of
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from spiritsafe.rpc.names import Collection, NodeName, VersionName, expand


class ContextName(StrEnum):
    """Where something is deployed."""

    RESEARCH = "research"
    EDUCATION = "education"
    INTERNAL = "internal"
    COMMERCIAL = "commercial"


FormatOption = Annotated[Format, typer.Option("--format", help="table for people, json for programs.")]
NamespaceOption = Annotated[str, typer.Option("--namespace", help="Namespace to look in.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="Print at most so many.")]
FilterOption = Annotated[
    str, typer.Option("--filter", help="Comparisons joined by AND, OR, NOT and brackets, e.g. 'kind = \"adapter\"'.")
]
OrderOption = Annotated[str, typer.Option("--order-by", help="Fields to sort by, e.g. 'create_time desc'.")]
ShowDeletedOption = Annotated[bool, typer.Option("--show-deleted", help="Deleted ones as well.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check everything and change nothing.")]
OutboundOption = Annotated[str, typer.Option("--outbound", help="Licence under which it is released.")]
DistributedOption = Annotated[
    bool, typer.Option("--distributed", help="It is handed to others also outside commercial contexts.")
]
DisplayNameOption = Annotated[str, typer.Option("--display-name", help="Public name, e.g. acme/Support-Tool-8B.")]
DescriptionOption = Annotated[str, typer.Option("--description", help="Text for people.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="KEY=VALUE; repeatable.")]
VersionArgument = Annotated[str, typer.Argument(help="MODEL@N, dataset:DATASET@N or a full resource name.")]
HomeOption = Annotated[Path | None, typer.Option("--home", help="Home folder; $SPIRITSAFE_HOME unless told.")]


def invalid(field: str, description: str, remedy: str = "") -> InvalidArgument:
    """An InvalidArgument about one option."""
    return InvalidArgument(
        f"{field}: {description}",
        reason="INVALID_OPTION",
        remedy=remedy,
        violations=(Violation(field, description),),
    )


def namespace_name(namespace: str) -> str:
    return f"namespaces/{namespace}"


def node_name(text: str, collection: Collection = "models") -> NodeName:
    """A model or dataset; a version's number is dropped."""
    name = expand(text, collection)
    return name.node if isinstance(name, VersionName) else name


def exact_version(text: str, collection: Collection = "models") -> VersionName:
    """A version with its number, as every decision needs it. Raises InvalidArgument without one."""
    return version_of(text, collection)


def resolve_version(client: Client, text: str, collection: Collection = "models") -> VersionName:
    """A version; the newest one where the text has no number. Raises NotFound where there is none."""
    name = expand(text, collection)
    if isinstance(name, VersionName):
        return name
    request = version_pb2.ListVersionsRequest(parent=str(name), page_size=1)
    newest = client.versions.ListVersions(request).versions
    if newest:
        return VersionName.parse(newest[0].name)
    raise NotFound(f"{name.short} has no versions", reason="NO_VERSIONS", remedy="register one first")


def edges(texts: Iterable[str]) -> list[version_pb2.Edge]:
    """Reads TYPE:PARENT, for example adapter:teacher@1 or trained_on:dataset:traces@2."""
    return [_edge(text) for text in texts]


def _edge(text: str) -> version_pb2.Edge:
    kind, colon, parent = text.partition(":")
    label = f"EDGE_TYPE_{kind.upper()}"
    if not colon or label not in version_pb2.EdgeType.keys() or kind == "unspecified":  # noqa: SIM118 - no mapping
        known = ", ".join(name.removeprefix("EDGE_TYPE_").lower() for name in version_pb2.EdgeType.keys()[1:])
        raise invalid("edge", f"{text!r} is not TYPE:PARENT with a known type", f"types are {known}")
    data = kind in ("trained_on", "derived_from", "evaluated_on")
    return version_pb2.Edge(
        type=version_pb2.EdgeType.Value(label), parent=str(exact_version(parent, "datasets" if data else "models"))
    )


def tags(texts: Sequence[str] | None) -> dict[str, str]:
    """Reads KEY=VALUE pairs."""
    result = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise invalid("tag", f"{text!r} is not KEY=VALUE")
        result[key] = value
    return result


def licenses(named: Sequence[str] | None, none_of_its_own: bool) -> licensing_pb2.LicenseSet | None:
    """The declared licences: absent when nothing is known, empty when it has none of its own."""
    if named and none_of_its_own:
        raise invalid("license", "--license and --no-license exclude each other")
    if named or none_of_its_own:
        return licensing_pb2.LicenseSet(ids=named or [])
    return None
