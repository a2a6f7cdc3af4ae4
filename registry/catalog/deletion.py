"""Deleting models, datasets and versions so that they can be brought back, until they are purged (AIP-164).

What somebody relies on cannot be deleted: versions from which others descend, which a channel holds, or which recorded
decisions name. So whatever is deleted, everything else keeps its meaning, and so it does once the deleted is purged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from registry.clock import now, to_timestamp
from registry.errors import deleted, wrong_state
from registry.storage.audit import Event
from registry.storage.lookup import node_name, version_name
from registry.storage.tables import Agreement, Channel, Edge, Node, Version
from spiritsafe.errors import FailedPrecondition

SINGULAR = {"models": "model", "datasets": "dataset"}
# Columns of rows that go with the version or node that they refer to. Any other reference is history.
OWNED = {
    "versions": {"files.version_id", "edges.child_id", "verdicts.version_id", "findings.version_id"}
    | {"version_terms.version_id"},
    "nodes": {"versions.node_id", "node_terms.node_id"},
}
# Looked at in their own way.
_APART = {"edges.parent_id", "channels.version_id"}


def delete_version(session: Session, node: Node, version: Version, retention: int) -> Event:
    """Marks a version as deleted for ``retention`` microseconds. Its number is never given again.

    Raises FailedPrecondition when something descends from it, a channel holds it, or recorded decisions rest on it.
    """
    name = str(version_name(node, version))
    _check_unused(session, sqlalchemy.select(col(Version.id)).where(col(Version.id) == version.id), name)
    _mark(version, retention)
    session.add(version)
    return Event("version.deleted", name, _details(version) | {"state": version.state, "digest": version.digest})


def undelete_version(session: Session, node: Node, version: Version) -> Event:
    """Brings a version back. Raises FailedPrecondition when it is not deleted, or what it stands on is."""
    name = str(version_name(node, version))
    if node.delete_time is not None:
        raise deleted(str(node_name(node)))
    _check_deleted(version, name)
    _check_parents(session, col(Version.id) == version.id)
    _unmark(version)
    session.add(version)
    return Event("version.undeleted", name, {"digest": version.digest})


def delete_node(session: Session, node: Node, retention: int) -> Event:
    """Marks a model or dataset as deleted, which hides its versions. Its id stays taken until it is purged.

    Raises FailedPrecondition when one of its versions could not be deleted, or an agreement names it.
    """
    name = str(node_name(node))
    _check_unused(session, sqlalchemy.select(col(Version.id)).where(col(Version.node_id) == node.id), name, node)
    if _named_by_agreement(session, node) or referred(session, "nodes", [node.id]):
        raise _kept(name, "is named by agreements or channels", "HAS_HISTORY", "keep it: history must resolve")
    _mark(node, retention)
    session.add(node)
    return Event(f"{SINGULAR[node.collection]}.deleted", name, _details(node))


def undelete_node(session: Session, node: Node) -> Event:
    """Brings a model or dataset back, with its versions but those that were deleted by themselves.

    Raises FailedPrecondition when it is not deleted, or what its versions stand on is.
    """
    name = str(node_name(node))
    _check_deleted(node, name)
    _check_parents(session, col(Version.node_id) == node.id, col(Version.delete_time).is_(None))
    _unmark(node)
    session.add(node)
    return Event(f"{SINGULAR[node.collection]}.undeleted", name, {})


def times(node: Any, version: Any = None) -> dict[str, Any]:
    """``delete_time`` and ``purge_time`` of a message; a version has those of its model or dataset where it has none.

    Rows of columns do as well as objects.
    """
    row = version if version is not None and version.delete_time is not None else node
    return {"delete_time": to_timestamp(row.delete_time), "purge_time": to_timestamp(row.purge_time)}


def _mark(row: Node | Version, retention: int) -> None:
    row.delete_time = now()
    row.purge_time = row.delete_time + retention
    row.revision += 1


def _unmark(row: Node | Version) -> None:
    row.delete_time = row.purge_time = None
    row.revision += 1


def _details(row: Node | Version) -> dict[str, Any]:
    return {"purge_time": row.purge_time}


def _check_deleted(row: Node | Version, name: str) -> None:
    if row.delete_time is None:
        raise wrong_state(name, "is not deleted", reason="NOT_DELETED", remedy="there is nothing to bring back")


def _check_unused(session: Session, ids: Select[Any], name: str, node: Node | None = None) -> None:
    """For all versions of a node at once, where it is given: what descends from them within it goes with them."""
    child, home = aliased(Version), aliased(Node)
    descending = (
        sqlalchemy.select(col(Edge.id))
        .join(child, col(Edge.child_id) == child.id)
        .join(home, col(child.node_id) == home.id)
        .where(col(Edge.parent_id).in_(ids), col(child.delete_time).is_(None), col(home.delete_time).is_(None))
    )
    if node is not None:
        descending = descending.where(col(child.node_id) != node.id)
    if session.execute(descending.limit(1)).first():
        raise _kept(name, "has descendants", "HAS_DESCENDANTS", "delete them first")
    held = sqlalchemy.select(col(Channel.id)).where(col(Channel.version_id).in_(ids))
    if session.execute(held.limit(1)).first():
        raise _kept(name, "is held by a channel", "IN_CHANNEL", "promote another version or roll back first")
    if referred(session, "versions", ids):
        why = (
            "is named by recorded promotions, reviews, evaluation reports, bundles, attestations, approvals or recalls"
        )
        raise _kept(name, why, "HAS_HISTORY", "keep it: history must resolve")


def referred(session: Session, table: str, ids: Select[Any] | Sequence[int | None]) -> bool:
    """Whether rows that do not go with these versions or nodes refer to them."""
    for other in SQLModel.metadata.sorted_tables:
        for key in other.foreign_keys:
            written = f"{other.name}.{key.parent.name}"
            if key.column.table.name != table or written in OWNED[table] | _APART:
                continue
            if session.execute(sqlalchemy.select(key.parent).where(key.parent.in_(ids)).limit(1)).first():
                return True
    return False


def _named_by_agreement(session: Session, node: Node) -> bool:
    return any(node.id in ids for ids in session.exec(select(Agreement.node_ids)))


def _check_parents(session: Session, *children: ColumnElement[bool]) -> None:
    """Raises FailedPrecondition when such versions stand on deleted ones."""
    parent, home = aliased(Version), aliased(Node)
    gone_with_another = col(home.delete_time).is_not(None) & (col(parent.node_id) != col(Version.node_id))
    query = (
        sqlalchemy.select(parent, home)
        .join(Edge, col(Edge.parent_id) == parent.id)
        .join(Version, col(Edge.child_id) == Version.id)
        .join(home, col(parent.node_id) == home.id)
        .where(*children, col(parent.delete_time).is_not(None) | gone_with_another)
    )
    found = session.execute(query.limit(1)).first()
    if found is not None:
        raise deleted(str(version_name(found[1], found[0])))


def _kept(name: str, why: str, reason: str, remedy: str) -> FailedPrecondition:
    return wrong_state(name, f"cannot be deleted: it {why}", reason=reason, remedy=remedy)
