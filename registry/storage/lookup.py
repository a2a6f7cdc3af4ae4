"""From resource names to rows and back. The get functions raise NotFound, and InvalidArgument for a malformed name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import sqlalchemy
from sqlalchemy import ColumnElement, Text, bindparam, func
from sqlalchemy.orm import Mapped, defer
from sqlmodel import Session, col, select

from registry.errors import not_found
from registry.storage.tables import Channel, Node, Version
from spiritsafe.rpc.names import ChannelName, Collection, NodeName, VersionName, node_texts, version_texts


def get_node(session: Session, name: NodeName | str, field: str = "name") -> Node:
    """The model or dataset of that name; ``field`` is the request's field that a malformed name is blamed on."""
    parsed = NodeName.parse(name, field) if isinstance(name, str) else name
    query = select(Node).where(
        Node.namespace == parsed.namespace, Node.collection == parsed.collection, Node.slug == parsed.id
    )
    node = session.exec(query).first()
    if node is None:
        raise not_found(str(parsed))
    return node


def get_version(session: Session, name: VersionName | str, field: str = "name") -> tuple[Node, Version]:
    """The version of that name and the model or dataset that it belongs to."""
    parsed = VersionName.parse(name, field) if isinstance(name, str) else name
    node = get_node(session, parsed.node, field)
    version = session.exec(select(Version).where(Version.node_id == node.id, Version.number == parsed.number)).first()
    if version is None:
        raise not_found(str(parsed))
    return node, version


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


def among(column: Mapped[Any], parameter: str) -> ColumnElement[bool]:
    """Whether the column's value is in the list that is bound to a parameter as ``id_list`` writes it.

    One bound value, however long the list: ``IN`` with a value for each is limited, and slow to prepare.
    """
    listed = func.json_each(bindparam(parameter, type_=Text)).table_valued("value")
    return column.in_(sqlalchemy.select(listed.c.value))


def id_list(ids: Iterable[int]) -> str:
    """Ids for a statement with ``among``."""
    return f"[{','.join(map(str, ids))}]"


_NAMES = (
    sqlalchemy.select(col(Node.namespace), col(Node.collection), col(Node.slug), col(Version.number), col(Version.id))
    .join(Version, col(Version.node_id) == Node.id)
    .where(among(col(Version.id), "ids"))
)
