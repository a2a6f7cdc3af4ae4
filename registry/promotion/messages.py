"""Channels and promotions in the words of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from google.protobuf import json_format
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions.evaluation import evaluate
from registry.errors import etag
from registry.storage.lookup import channel_name, version_name
from registry.storage.tables import Channel, Node, Promotion, Version
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2


def channel_messages(
    session: Session, registry: Registry, rows: Sequence[tuple[Channel, Node]]
) -> list[promotion_pb2.Channel]:
    """With today's verdict of what each holds."""
    versions = _versions(session, {channel.version_id for channel, _ in rows})
    return [_channel(session, registry, channel, node, versions) for channel, node in rows]


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


def _channel(
    session: Session, registry: Registry, channel: Channel, node: Node, versions: dict[int | None, Version]
) -> promotion_pb2.Channel:
    message = promotion_pb2.Channel(
        name=str(channel_name(node, channel)),
        context=enum_number(licensing_pb2.Context, channel.context, "context"),
        stage=channel.stage,
        outbound_license=channel.outbound_license,
        update_time=to_timestamp(channel.update_time),
        etag=etag(channel.revision),
    )
    version = versions.get(channel.version_id)
    if version is not None:
        message.version = str(version_name(node, version))
        message.verdict = evaluate(
            session,
            registry,
            node,
            version,
            channel.context,
            outbound=channel.outbound_license,
            distributed=channel.distributed,
        ).verdict
    return message


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
    )
    if row.evaluation:
        json_format.ParseDict(cast("dict[str, object]", row.evaluation), message.evaluation)
    for report in row.evaluation_reports:
        json_format.ParseDict(report, message.evaluation_reports.add())
    return message
