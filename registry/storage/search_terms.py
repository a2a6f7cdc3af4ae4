"""The index behind lists over many models, and searches by tag and licence: the terms of versions and models.

Kept in step with the rows by the database session itself, whoever changes them. A term is a hash, so that long tags
have short keys on every database: a search also compares the tag itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, delete, event, insert, inspect
from sqlalchemy.orm import Mapper, object_session

from registry.licensing.effective import effective
from registry.storage.tables import Node, NodeTerm, Version, VersionTerm

LICENSE = "licenses"
_VERSION_FIELDS = ("tags", "declared", "detected", "concluded")


def tag_term(key: str, value: str) -> int:
    """The term of a tag."""
    return term(f"tags.{key}", value)


def license_term(license_id: str) -> int:
    """The term of a licence that counts for a version."""
    return term(LICENSE, license_id)


def term(field: str, value: str) -> int:
    """64 bits, signed as databases hold them."""
    digest = hashlib.sha256(f"{field}\0{value}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def collection_term(collection: str, namespace: str = "") -> int:
    """The term of the versions of all models, or all datasets; of one namespace, where one is given."""
    return term(collection, namespace)


def version_terms(version: Version, node: Node) -> set[int]:
    """All terms of a version of a model or dataset."""
    licenses = effective(version.concluded, version.declared, version.detected, version.imported)
    homes = {collection_term(node.collection), collection_term(node.collection, node.namespace)}
    return homes | _tag_terms(version.tags) | {license_term(each) for each in licenses}


def node_terms(node: Node) -> set[int]:
    """All terms of a model or dataset."""
    return _tag_terms(node.tags)


def _tag_terms(tags: dict[str, str]) -> set[int]:
    return {tag_term(key, value) for key, value in tags.items()}


@event.listens_for(Version, "after_insert")
def _version_inserted(_mapper: Mapper[Version], connection: Connection, version: Version) -> None:
    _add(connection, VersionTerm, "version_id", version.id, version_terms(version, _node_of(version)))


@event.listens_for(Version, "after_update")
def _version_updated(_mapper: Mapper[Version], connection: Connection, version: Version) -> None:
    if any(inspect(version).attrs[field].history.has_changes() for field in _VERSION_FIELDS):
        _replace(connection, VersionTerm, "version_id", version.id, version_terms(version, _node_of(version)))


@event.listens_for(Version, "before_delete")
def _version_deleted(_mapper: Mapper[Version], connection: Connection, version: Version) -> None:
    _replace(connection, VersionTerm, "version_id", version.id, ())


@event.listens_for(Node, "after_insert")
def _node_inserted(_mapper: Mapper[Node], connection: Connection, node: Node) -> None:
    _add(connection, NodeTerm, "node_id", node.id, node_terms(node))


@event.listens_for(Node, "after_update")
def _node_updated(_mapper: Mapper[Node], connection: Connection, node: Node) -> None:
    if inspect(node).attrs["tags"].history.has_changes():
        _replace(connection, NodeTerm, "node_id", node.id, node_terms(node))


@event.listens_for(Node, "before_delete")
def _node_deleted(_mapper: Mapper[Node], connection: Connection, node: Node) -> None:
    _replace(connection, NodeTerm, "node_id", node.id, ())


def _node_of(version: Version) -> Node:
    session = object_session(version)
    assert session is not None
    return session.get_one(Node, version.node_id)


def _replace(connection: Connection, model: Any, column: str, owner: int | None, terms: Iterable[int]) -> None:
    table: Table = model.__table__
    connection.execute(delete(table).where(table.c[column] == owner))
    _add(connection, model, column, owner, terms)


def _add(connection: Connection, model: Any, column: str, owner: int | None, terms: Iterable[int]) -> None:
    rows = [{"term": each, column: owner} for each in terms]
    if rows:
        connection.execute(insert(model.__table__), rows)
