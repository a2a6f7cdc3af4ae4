"""Recalls: a version that must not be used any more, and everything that weights or data of it went into.

Whether something is recalled is never stored beside it: it follows from the recalls in force and the lineage, so that a
recall of an ancestor of a hundred thousand versions is one row, and takes hold with its commit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast
from uuid import uuid4

import sqlalchemy
from sqlalchemy import CTE
from sqlmodel import Session, col, select

from registry.clock import now, to_timestamp
from registry.decisions.checks import required_text
from registry.errors import check_etag, etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace, may_use
from registry.licensing.vocabulary import NO_EFFECT_EDGES
from registry.storage.audit import Event
from registry.storage.lookup import get_version, names_of
from registry.storage.tables import Channel, Edge, Node, RecalledVersion, Version
from registry.wire import enum_number, enum_text
from spiritsafe.registry.v1 import recall_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import ChannelName, NodeName, VersionName

_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/recalls/(?P<uid>[^/]+)")
# What an event and an answer name of the channels that a recall reaches.
MAX_CHANNELS = 1_000
_WITHOUT_EFFECT = sorted(NO_EFFECT_EDGES)
_IN_FORCE = col(RecalledVersion.lift_time).is_(None)
# For a statement that has rows of its own: whether any recall is in force at all.
ANY_RECALL = sqlalchemy.exists().where(_IN_FORCE).correlate(None)


def recall_name(row: RecalledVersion) -> str:
    return f"namespaces/{row.namespace}/recalls/{row.uid}"


def recall(
    session: Session, caller: Caller, name: VersionName, request: recall_pb2.RecallVersionRequest
) -> tuple[RecalledVersion, list[str], int, Event]:
    """Recalls a version; gives the channels that hold it or a descendant too, and how many there are.

    Raises:
        InvalidArgument: no severity or reason.
        FailedPrecondition: it is recalled already, or a draft.
    """
    node, version = get_version(session, name, "version", deleted=True)
    severity = enum_text(recall_pb2.RecallSeverity, request.severity, "severity")
    if not severity:
        raise invalid("severity", "is low, medium, high or critical", reason="REQUIRED_FIELD")
    if version.state != "ready":
        raise wrong_state(str(name), "is a draft", reason="VERSION_NOT_READY", remedy="delete it")
    version_id = cast("int", version.id)
    if session.exec(select(RecalledVersion).where(RecalledVersion.version_id == version_id, _IN_FORCE)).first():
        raise wrong_state(str(name), "is recalled already", reason="ALREADY_RECALLED", remedy="lift that recall first")
    row = RecalledVersion(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=version_id,
        severity=severity,
        reason=required_text(request.reason, "reason"),
        advice=request.advice,
        creator=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    channels, count = channels_reached(session, caller, version_id)
    details = {"recall": recall_name(row), "severity": severity, "reason": row.reason, "advice": row.advice}
    reached = {"channels": channels, "channel_count": count}
    return row, channels, count, Event("version.recalled", str(name), details | reached)


def lift(session: Session, caller: Caller, request: recall_pb2.LiftRecallRequest) -> tuple[RecalledVersion, Event]:
    """Ends a recall. Raises FailedPrecondition when it was ended before, Aborted for an old etag."""
    row = _get(session, caller, request.name)
    check_etag(request.etag, row.revision, request.name)
    if row.lift_time is not None:
        raise wrong_state(request.name, "is lifted already", reason="RECALL_LIFTED")
    row.lift_time, row.lifter = now(), caller.identity
    row.lift_reason = required_text(request.reason, "reason")
    row.revision += 1
    session.add(row)
    session.flush()
    channels, count = channels_reached(session, caller, row.version_id)
    version = str(names_of(session, {row.version_id})[row.version_id])
    details = {"recall": request.name, "reason": row.lift_reason, "channels": channels, "channel_count": count}
    return row, Event("version.recall_lifted", version, details)


def recalls_of(session: Session, version_ids: Iterable[int]) -> dict[int, list[RecalledVersion]]:
    """The recalls in force of each of the versions, and of their ancestors."""
    ids = sorted(set(version_ids))
    if not ids or not session.execute(sqlalchemy.select(ANY_RECALL)).scalar_one():
        return {}
    reached = _ancestors(ids)
    query = (
        sqlalchemy.select(reached.c.start, RecalledVersion)
        .join(reached, reached.c.id == RecalledVersion.version_id)
        .where(_IN_FORCE)
        .order_by(reached.c.start, col(RecalledVersion.id))
    )
    found: dict[int, list[RecalledVersion]] = defaultdict(list)
    for start, row in session.execute(query):
        found[start].append(row)
    return found


def channels_reached(session: Session, caller: Caller, version_id: int) -> tuple[list[str], int]:
    """The first channels that the caller may see and that hold the version or a descendant, and the number of all."""
    reached = _descendants(version_id)
    query = (
        sqlalchemy.select(
            col(Node.namespace), col(Node.collection), col(Node.slug), col(Channel.context), col(Channel.stage)
        )
        .join(reached, reached.c.id == Channel.version_id)
        .join(Node, col(Channel.node_id) == Node.id)
        .order_by(col(Channel.id))
    )
    rows = session.execute(query).all()
    names = [
        str(ChannelName(NodeName(row.namespace, row.collection, row.slug), row.context, row.stage))
        for row in rows
        if may_use(caller, row.namespace)
    ]
    return names[:MAX_CHANNELS], len(rows)


def describe(session: Session, rows: Sequence[RecalledVersion]) -> list[recall_pb2.Recall]:
    """In the words of the contract."""
    names = names_of(session, {row.version_id for row in rows})
    return [
        recall_pb2.Recall(
            name=recall_name(row),
            version=str(names[row.version_id]),
            severity=enum_number(recall_pb2.RecallSeverity, row.severity),
            reason=row.reason,
            advice=row.advice,
            creator=row.creator,
            create_time=to_timestamp(row.create_time),
            lift_time=to_timestamp(row.lift_time),
            lifter=row.lifter,
            lift_reason=row.lift_reason,
            etag=etag(row.revision),
        )
        for row in rows
    ]


def describe_reach(session: Session, caller: Caller, rows: Iterable[RecalledVersion]) -> list[recall_pb2.Recall]:
    """Each once, for who asks about what they reach: of a namespace that they may not see, severity and advice only."""
    once = list({row.id: row for row in rows}.values())
    messages = describe(session, once)
    for row, message in zip(once, messages, strict=True):
        if not may_use(caller, row.namespace):
            for field in ("name", "version", "reason", "creator", "etag"):
                message.ClearField(field)
    return messages


def _ancestors(starts: Sequence[int]) -> CTE:
    """Each start with itself and its ancestors."""
    itself: Any = col(Version.id)
    first = sqlalchemy.select(itself.label("start"), itself.label("id")).where(col(Version.id).in_(starts))
    up = first.cte("ancestors", recursive=True)
    step = sqlalchemy.select(up.c.start, col(Edge.parent_id)).join(up, col(Edge.child_id) == up.c.id)
    return up.union(step.where(_has_effect()))


def _descendants(start: int) -> CTE:
    itself: Any = col(Version.id)
    first = sqlalchemy.select(itself.label("id")).where(col(Version.id) == start)
    down = first.cte("descendants", recursive=True)
    step = sqlalchemy.select(col(Edge.child_id)).join(down, col(Edge.parent_id) == down.c.id)
    return down.union(step.where(_has_effect()))


def _has_effect() -> Any:
    """An evaluation set that is recalled does not change the weights that were evaluated on it."""
    return col(Edge.type).not_in(_WITHOUT_EFFECT)


def _get(session: Session, caller: Caller, name: str) -> RecalledVersion:
    match = _NAME.fullmatch(name)
    if match is None:
        form = "namespaces/NAMESPACE/recalls/RECALL"
        raise invalid("name", f"{name!r} is not of the form {form}", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    query = select(RecalledVersion).where(
        RecalledVersion.namespace == match["namespace"], RecalledVersion.uid == match["uid"]
    )
    row = session.exec(query).first()
    if row is None:
        raise not_found(name)
    return row
