"""Removing for good what was deleted long enough ago, a few rows at a time, each with its audit event."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, select

from registry.catalog.deletion import SINGULAR, referred
from registry.storage.audit import Event, append
from registry.storage.lookup import node_name, version_name
from registry.storage.tables import Edge, File, Finding, LastVerdict, Node, Version

ACTOR = "system"
# Of one write transaction.
BATCH_VERSIONS = 50
# Looked at for one that waits for nothing.
BATCH_NODES = 50
_OWNED = ((File, File.version_id), (Edge, Edge.child_id), (LastVerdict, LastVerdict.version_id))


def purge_some(session: Session, at: int) -> int:
    """Removes a batch of what is due at a time (UTC microseconds), in a write transaction; gives how many.

    A version from which others descend waits for them. One that recorded decisions came to name while it was deleted,
    such as a recall, stays deleted and is never removed, and neither is its model or dataset.
    """
    versions = _purge_versions(session, col(Version.purge_time) <= at)
    if versions:
        return versions
    nodes = session.exec(select(Node).where(col(Node.purge_time) <= at).order_by(col(Node.id)).limit(BATCH_NODES)).all()
    return next((done for node in nodes if (done := _purge_node(session, node))), 0)


def _purge_node(session: Session, node: Node) -> int:
    """Some of its versions, or at last itself; 0 where it waits."""
    versions = _purge_versions(session, col(Version.node_id) == node.id)
    if versions:
        return versions
    left = sqlalchemy.select(col(Version.id)).where(col(Version.node_id) == node.id)
    if referred(session, "versions", left) or referred(session, "nodes", [node.id]):
        node.purge_time = None
        return 1
    if session.execute(left.limit(1)).first():
        return 0
    append(session, Event(f"{SINGULAR[node.collection]}.purged", str(node_name(node)), {"uid": node.uid}), ACTOR)
    session.delete(node)
    session.flush()
    return 1


def _purge_versions(session: Session, due: ColumnElement[bool]) -> int:
    child = aliased(Edge)
    query = select(Node, Version).where(Version.node_id == Node.id, due)
    query = query.where(~select(child.id).where(child.parent_id == Version.id).exists())
    rows = session.exec(query.order_by(col(Version.id)).limit(BATCH_VERSIONS)).all()
    done = 0
    for node, version in rows:
        if referred(session, "versions", [version.id]):
            done += version.purge_time is not None
            version.purge_time = None
            continue
        for table, column in (*_OWNED, (Finding, Finding.version_id)):
            session.exec(delete(table).where(col(column) == version.id))
        details = {"uid": version.uid, "digest": version.digest}
        append(session, Event("version.purged", str(version_name(node, version)), details), ACTOR)
        session.delete(version)
        session.flush()
        done += 1
    return done
