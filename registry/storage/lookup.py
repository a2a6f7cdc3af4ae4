"""From resource names to rows and back.

The get functions raise NotFound, InvalidArgument for a malformed name, and FailedPrecondition for what is deleted:
only callers that say so, with ``deleted``, get that as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Self, cast

import sqlalchemy
from sqlalchemy import Boolean, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, defer
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlmodel import Session, col, select

from registry import errors
from registry.errors import not_found
from registry.storage.tables import Channel, Node, Version
from spiritsafe.rpc.names import ChannelName, Collection, NodeName, VersionName, node_texts, version_texts


def get_node(session: Session, name: NodeName | str, field: str = "name", *, deleted: bool = False) -> Node:
    """The model or dataset of that name; ``field`` is the request's field that a malformed name is blamed on."""
    parsed = NodeName.parse(name, field) if isinstance(name, str) else name
    key = {"of_namespace": parsed.namespace, "of_collection": parsed.collection, "of_slug": parsed.id}
    node: Node | None = session.execute(_NODE, key).scalar()
    if node is None:
        raise not_found(str(parsed))
    if node.delete_time is not None and not deleted:
        raise errors.deleted(str(parsed))
    return node


def get_version(
    session: Session, name: VersionName | str, field: str = "name", *, deleted: bool = False
) -> tuple[Node, Version]:
    """The version of that name and the model or dataset that it belongs to."""
    parsed = VersionName.parse(name, field) if isinstance(name, str) else name
    node = get_node(session, parsed.node, field, deleted=deleted)
    version = session.exec(select(Version).where(Version.node_id == node.id, Version.number == parsed.number)).first()
    if version is None:
        raise not_found(str(parsed))
    if version.delete_time is not None and not deleted:
        raise errors.deleted(str(parsed))
    return node, version


def get_versions(session: Session, names: Sequence[VersionName]) -> list[tuple[Node, Version]]:
    """Many versions in the order of their names, deleted ones too, by a handful of statements."""
    slugs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in names:
        slugs[name.node.namespace, name.node.collection].add(name.node.id)
    found: dict[VersionName, tuple[Node, Version]] = {}
    for (namespace, collection), ids in slugs.items():
        query = select(Node, Version).where(
            Version.node_id == Node.id,
            Node.namespace == namespace,
            Node.collection == collection,
            col(Node.slug).in_(ids),
            col(Version.number).in_({name.number for name in names}),
        )
        found |= {version_name(*row): row for row in session.exec(query)}
    for name in names:
        if name not in found:
            raise not_found(str(name))
    return [found[name] for name in names]


def deleted_since(node: Any, version: Any) -> int | None:
    """Since when a version is hidden, by itself or with its model or dataset; None where it is not.

    Rows of columns do as well as objects.
    """
    return min((each for each in (node.delete_time, version.delete_time) if each is not None), default=None)


def alive() -> list[ColumnElement[bool]]:
    """Limits versions, joined with their nodes, to those that are not deleted in either way."""
    return [col(Version.delete_time).is_(None), col(Node.delete_time).is_(None)]


def node_name(node: Node) -> NodeName:
    return NodeName(node.namespace, cast("Collection", node.collection), node.slug)


def channel_name(node: Node, channel: Channel) -> ChannelName:
    return ChannelName(node_name(node), channel.context, channel.stage)


def version_name(node: Node, version: Version) -> VersionName:
    return VersionName(node_name(node), version.number)


def rows_of(session: Session, version_ids: Iterable[int]) -> dict[int, tuple[Node, Version]]:
    """Rows by version id; ids that are not there are left out."""
    query = select(Node, Version).where(Version.node_id == Node.id, col(Version.id).in_(set(version_ids)))
    # Exposures can be long, and names do not need them.
    query = query.options(defer(Version.exposures))  # type: ignore[arg-type] # a column at class level
    return {cast("int", version.id): (node, version) for node, version in session.exec(query)}


def names_of(session: Session, ids: Iterable[int]) -> dict[int, VersionName]:
    """Resource names by version id; ids that are not there are left out."""
    return {
        version_id: VersionName(NodeName(namespace, cast("Collection", collection), slug), number)
        for namespace, collection, slug, number, version_id in session.execute(_NAMES, {"ids": id_list(ids)})
    }


def name_texts_of(session: Session, ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The same as texts, in full and in short: a verdict over a long lineage asks for hundreds."""
    return {
        version_id: version_texts(*node_texts(namespace, collection, slug), number)
        for namespace, collection, slug, number, version_id in session.execute(_NAMES, {"ids": id_list(ids)})
    }


class among(FunctionElement[bool]):  # noqa: N801 - reads as the function that it is in SQL
    """Whether the column's value is in the list that is bound to a parameter as ``id_list`` writes it.

    One bound value, however long the list: ``IN`` with a value for each is limited, and slow to prepare.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Mapped[Any], parameter: str) -> None:
        super().__init__(column, bindparam(parameter, type_=Text))

    def self_group(self, against: Any = None) -> Self:  # noqa: ARG002 - of the base class
        """As it is: ``(... IN ...) = 1``, which a condition among others would become for SQLite, uses no index."""
        return self


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - of compiled parts


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY (CAST(translate({ids}, '[]', '{{}}') AS BIGINT[]))"


def id_list(ids: Iterable[int]) -> str:
    """Ids for a statement with ``among``."""
    return f"[{','.join(map(str, ids))}]"


# Statements are made once, so that they are compiled once.
_NODE = sqlalchemy.select(Node).where(
    col(Node.namespace) == bindparam("of_namespace"),
    col(Node.collection) == bindparam("of_collection"),
    col(Node.slug) == bindparam("of_slug"),
)
_NAMES = (
    sqlalchemy.select(col(Node.namespace), col(Node.collection), col(Node.slug), col(Version.number), col(Version.id))
    .join(Version, col(Version.node_id) == Node.id)
    .where(among(col(Version.id), "ids"))
)
