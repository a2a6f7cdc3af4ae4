"""Channels and promotions in the words of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy
from google.protobuf import json_format
from sqlalchemy import ColumnElement, Row, Select
from sqlmodel import Session, col, func, select

from registry.answers import true_until
from registry.clock import now, to_timestamp
from registry.context import Registry
from registry.decisions.epoch import EPOCH_VALUE, epoch_of
from registry.decisions.evaluation import evaluate
from registry.decisions.memo import Question, memo_of
from registry.errors import etag
from registry.promotion.outcome import Outcome
from registry.promotion.recalls import ANY_RECALL, describe_reach, recalls_of
from registry.storage.lookup import channel_name, version_name
from registry.storage.tables import Channel, Node, Promotion, Version
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2
from spiritsafe.rpc.caller import current_caller
from spiritsafe.rpc.names import ChannelName, NodeName, VersionName


def held_by_channels() -> Select[*tuple[Any, ...]]:
    """Channels with what they hold: rows for ``channel_messages``, to be limited by conditions on Channel and Node.

    Columns rather than entities, with the licence epoch beside them: a channel is what a registry is asked for most.
    """
    return _HELD


def channel_messages(session: Session, registry: Registry, rows: Sequence[Row[Any]]) -> list[promotion_pb2.Channel]:
    """With today's verdict of what each holds, and the recalls that reach it."""
    messages = [_channel(session, registry, row) for row in rows]
    if rows and rows[0].any_recall:
        found = recalls_of(session, [row.version_id for row in rows if row.version_id is not None])
        for row, message in zip(rows, messages, strict=True):
            message.recalls.extend(describe_reach(session, current_caller(), found.get(row.version_id, ())))
    return messages


def channels_at(
    session: Session, condition: ColumnElement[bool], at: int, after: int, limit: int
) -> Sequence[Row[Channel, Node, Version, Promotion]]:
    """What channels held at a time (microseconds), with ids beyond ``after``: rows for ``channel_message_at``."""
    last = (
        sqlalchemy.select(func.max(col(Promotion.id)))
        .where(col(Promotion.state) == Outcome.PROMOTED.value, col(Promotion.create_time) <= at)
        .group_by(col(Promotion.channel_id))
    )
    query = (
        sqlalchemy.select(Channel, Node, Version, Promotion)
        .join(Node, col(Channel.node_id) == Node.id)
        .join(Promotion, col(Promotion.channel_id) == Channel.id)
        .join(Version, col(Promotion.version_id) == Version.id)
        .where(condition, col(Channel.id) > after, col(Promotion.id).in_(last))
    )
    return session.execute(query.order_by(col(Channel.id)).limit(limit)).all()


def channel_message_at(row: Row[Channel, Node, Version, Promotion]) -> promotion_pb2.Channel:
    """With the verdict that it was promoted under, and the promotion."""
    channel, node, version, promotion = row
    name = channel_name(node, channel)
    return promotion_pb2.Channel(
        name=str(name),
        context=enum_number(licensing_pb2.Context, channel.context, "context"),
        stage=channel.stage,
        version=str(version_name(node, version)),
        outbound_license=promotion.outbound_license,
        update_time=to_timestamp(promotion.create_time),
        verdict=promotion.evaluation["verdict"],
        promotion=f"{name}/promotions/{promotion.number}",
    )


def promotion_messages(
    session: Session, rows: Sequence[tuple[Promotion, Channel, Node]]
) -> list[promotion_pb2.Promotion]:
    """As they were recorded, verdict included."""
    ids = {version for row, _, _ in rows for version in (row.version_id, row.previous_version_id)}
    versions = _versions(session, ids)
    return [_promotion(row, channel, node, versions) for row, channel, node in rows]


def _versions(session: Session, ids: set[int | None]) -> dict[int | None, Version]:
    rows = session.exec(select(Version).where(col(Version.id).in_(ids - {None})))
    return {version.id: version for version in rows}


def _channel(session: Session, registry: Registry, row: Row[Any]) -> promotion_pb2.Channel:
    node = NodeName(row.namespace, row.collection, row.slug)
    message = promotion_pb2.Channel(
        name=str(ChannelName(node, row.context, row.stage)),
        context=enum_number(licensing_pb2.Context, row.context, "context"),
        stage=row.stage,
        outbound_license=row.outbound_license,
        update_time=to_timestamp(row.update_time),
        etag=etag(row.revision),
    )
    if row.uid is not None:
        message.version = str(VersionName(node, row.number))
        message.verdict = _verdict(session, registry, row)
    return message


def _verdict(session: Session, registry: Registry, row: Row[Any]) -> licensing_pb2.Verdict.ValueType:
    epoch = epoch_of(row.epoch)
    question = Question(epoch, row.uid, row.context, row.outbound_license, row.distributed, row.display_name)
    known = memo_of(registry.database).verdict(question, now())
    if known is not None:
        true_until(known.valid_until)
        return known.verdict
    # Judged anew, and remembered with its end: the next answer knows it.
    true_until(0)
    node, version = session.get_one(Node, row.node_id), session.get_one(Version, row.version_id)
    asked = {"outbound": row.outbound_license, "distributed": row.distributed}
    return evaluate(session, registry, node, version, row.context, **asked).verdict


def _promotion(
    row: Promotion, channel: Channel, node: Node, versions: dict[int | None, Version]
) -> promotion_pb2.Promotion:
    previous = versions.get(row.previous_version_id)
    message = promotion_pb2.Promotion(
        name=f"{channel_name(node, channel)}/promotions/{row.number}",
        version=str(version_name(node, versions[row.version_id])),
        context=enum_number(licensing_pb2.Context, channel.context, "context"),
        stage=channel.stage,
        outbound_license=row.outbound_license,
        state=enum_number(promotion_pb2.PromotionState, row.state, "state"),
        action=enum_number(promotion_pb2.PromotionAction, row.action, "action"),
        checks=[promotion_pb2.GateCheck(**check) for check in row.checks],
        reviews=row.reviews,
        previous_version=str(version_name(node, previous)) if previous else "",
        actor=row.actor,
        self_administered=row.self_administered,
        create_time=to_timestamp(row.create_time),
        public_name=row.public_name,
        channel_policies=row.channel_policies,
        approvals=row.approvals,
        break_glass=row.break_glass,
    )
    if row.evaluation:
        json_format.ParseDict(cast("dict[str, object]", row.evaluation), message.evaluation)
    for report in row.evaluation_reports:
        json_format.ParseDict(report, message.evaluation_reports.add())
    return message


_HELD = (
    sqlalchemy.select(
        col(Channel.id),
        col(Channel.node_id),
        col(Channel.version_id),
        col(Channel.context),
        col(Channel.stage),
        col(Channel.outbound_license),
        col(Channel.distributed),
        col(Channel.update_time),
        col(Channel.revision),
        col(Node.namespace),
        col(Node.collection),
        col(Node.slug),
        col(Node.display_name),
        col(Version.number),
        col(Version.uid),
        EPOCH_VALUE.label("epoch"),
        ANY_RECALL.label("any_recall"),
    )
    .join(Node, col(Channel.node_id) == Node.id)
    .outerjoin(Version, col(Channel.version_id) == Version.id)
)
