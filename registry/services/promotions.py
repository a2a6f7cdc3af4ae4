"""PromotionService: promotion through the gate, roll-back, channels and their history, and the deployment check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import grpc
from sqlalchemy import ColumnElement, bindparam
from sqlmodel import Session, col, select

from registry.answers import repeatable
from registry.context import Registry
from registry.decisions.checks import context_text
from registry.duties.loading import PaperStore, read_papers
from registry.errors import check_etag, invalid, not_found
from registry.identity.access import check_namespace
from registry.promotion.channels import (
    PROMOTE,
    Attempt,
    attempt,
    check_channel_etag,
    check_target,
    find_channel,
    rollback_attempt,
    take_inventory,
)
from registry.promotion.deployment import check_deployment
from registry.promotion.gate import COMMERCIAL, Inventory
from registry.promotion.messages import (
    channel_message_at,
    channel_messages,
    channels_at,
    held_by_channels,
    promotion_messages,
)
from registry.services.names import namespace_of, version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_node, get_version
from registry.storage.tables import Channel, Node, Promotion, Version
from spiritsafe.errors import SpiritsafeError
from spiritsafe.registry.v1 import promotion_pb2, promotion_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller
from spiritsafe.rpc.names import ChannelName, NodeName

_CHANNELS = "/channels/"
# One statement object, so that it is compiled once.
_CHANNEL = held_by_channels().where(
    col(Node.namespace) == bindparam("of_namespace"),
    col(Node.collection) == bindparam("of_collection"),
    col(Node.slug) == bindparam("of_slug"),
    col(Channel.context) == bindparam("of_context"),
    col(Channel.stage) == bindparam("of_stage"),
)


class PromotionService(promotion_pb2_grpc.PromotionServiceServicer):
    """Files are looked for in the store before the write lock is taken; all else is judged under it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def PromoteVersion(
        self, request: promotion_pb2.PromoteVersionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.PromoteVersionResponse:
        name = version_of(request.version, "version")
        target = context_text(request.context)
        check_target(target, request.stage, request.outbound_license)
        seen = _Seen(self._registry, lambda session: (get_version(session, name)[1], target))

        def act(session: Session, caller: Caller) -> tuple[promotion_pb2.PromoteVersionResponse, Event]:
            node, version = get_version(session, name)
            check_channel_etag(session, node, target, request.stage, request.etag)
            tried = Attempt(
                node=node,
                version=version,
                context=target,
                stage=request.stage,
                outbound=request.outbound_license,
                distributed=request.distributed,
                action=PROMOTE,
                break_glass=request.break_glass,
            )
            promotion, event = attempt(session, self._registry, caller, tried, *seen.of(session, tried.version))
            return promotion_pb2.PromoteVersionResponse(promotion=_promotion(session, promotion, node)), event

        response_type = promotion_pb2.PromoteVersionResponse
        return self._registry.mutate("PromotionService/PromoteVersion", request, response_type, act)

    def RollbackChannel(
        self, request: promotion_pb2.RollbackChannelRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.RollbackChannelResponse:
        def target(session: Session) -> tuple[Version, str]:
            tried = rollback_attempt(session, *find_channel(session, current_caller(), request.name), request.to_number)
            return tried.version, tried.context

        seen = _Seen(self._registry, target)

        def act(session: Session, caller: Caller) -> tuple[promotion_pb2.RollbackChannelResponse, Event]:
            node, channel = find_channel(session, caller, request.name)
            check_etag(request.etag, channel.revision, request.name)
            tried = rollback_attempt(session, node, channel, request.to_number)
            tried = replace(tried, break_glass=request.break_glass)
            promotion, event = attempt(session, self._registry, caller, tried, *seen.of(session, tried.version))
            return promotion_pb2.RollbackChannelResponse(promotion=_promotion(session, promotion, node)), event

        response_type = promotion_pb2.RollbackChannelResponse
        return self._registry.mutate("PromotionService/RollbackChannel", request, response_type, act)

    @repeatable
    def GetChannel(
        self, request: promotion_pb2.GetChannelRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.GetChannelResponse:
        name = ChannelName.parse(request.name)
        check_namespace(current_caller(), name.node.namespace)
        if request.HasField("at_time"):
            return promotion_pb2.GetChannelResponse(channel=self._channel_at(request))
        with self._registry.database.read() as session:
            rows = session.execute(_CHANNEL, _channel_key(name)).all()
            if not rows:
                raise not_found(request.name)
            (message,) = channel_messages(session, self._registry, rows)
        return promotion_pb2.GetChannelResponse(channel=message)

    def _channel_at(self, request: promotion_pb2.GetChannelRequest) -> promotion_pb2.Channel:
        at = request.at_time.ToMicroseconds()
        with self._registry.database.read() as session:
            _, channel = find_channel(session, current_caller(), request.name)
            rows = channels_at(session, col(Channel.id) == channel.id, at, 0, 1)
            if not rows:
                raise not_found(f"a version in {request.name} at {request.at_time.ToJsonString()}")
            return channel_message_at(rows[0])

    def ListChannels(
        self, request: promotion_pb2.ListChannelsRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.ListChannelsResponse:
        page = self._registry.page(request, "ListChannels", request.parent, str(request.at_time.ToMicroseconds()))
        query = held_by_channels()
        with self._registry.database.read() as session:
            if request.HasField("at_time"):
                at, after = request.at_time.ToMicroseconds(), page.after or 0
                found = channels_at(session, _within(session, request.parent), at, after, page.size + 1)
                held, token = page.cut(found, lambda row: row[0].id or 0)
                return promotion_pb2.ListChannelsResponse(channels=map(channel_message_at, held), next_page_token=token)
            query = query.where(_within(session, request.parent))
            if page.after is not None:
                query = query.where(col(Channel.id) > page.after)
            rows = session.execute(query.order_by(col(Channel.id)).limit(page.size + 1)).all()
            kept, token = page.cut(rows, lambda row: row.id)
            channels = channel_messages(session, self._registry, kept)
        return promotion_pb2.ListChannelsResponse(channels=channels, next_page_token=token)

    def GetPromotion(
        self, request: promotion_pb2.GetPromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.GetPromotionResponse:
        channel_name, _, number = request.name.partition("/promotions/")
        if not number.isdecimal():
            raise invalid("name", f"{request.name!r} names no promotion", reason="INVALID_NAME")
        with self._registry.database.read() as session:
            node, channel = find_channel(session, current_caller(), channel_name)
            query = select(Promotion).where(Promotion.channel_id == channel.id, Promotion.number == int(number))
            found = session.exec(query).first()
            if found is None:
                raise not_found(request.name)
            return promotion_pb2.GetPromotionResponse(promotion=_promotion(session, found, node))

    def ListPromotions(
        self, request: promotion_pb2.ListPromotionsRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.ListPromotionsResponse:
        page = self._registry.page(request, "ListPromotions", request.parent)
        query = (
            select(Promotion, Channel, Node)
            .join(Channel, col(Promotion.channel_id) == Channel.id)
            .join(Node, col(Channel.node_id) == Node.id)
        )
        with self._registry.database.read() as session:
            query = query.where(_within(session, request.parent))
            if page.after is not None:
                query = query.where(col(Promotion.id) < page.after)
            rows = session.exec(query.order_by(col(Promotion.id).desc()).limit(page.size + 1)).all()
            kept, token = page.cut(rows, lambda row: row[0].id or 0)
            promotions = promotion_messages(session, kept)
        return promotion_pb2.ListPromotionsResponse(promotions=promotions, next_page_token=token)

    def CheckDeployment(
        self, request: promotion_pb2.CheckDeploymentRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.CheckDeploymentResponse:
        with self._registry.database.read() as session:
            return check_deployment(session, self._registry, current_caller(), request)


class _Seen:
    """The inventory of one version and the papers of its lineage, read outside of the write lock."""

    def __init__(self, registry: Registry, find: Callable[[Session], tuple[Version, str]]) -> None:
        self._registry = registry
        self._papers = PaperStore(registry.store)
        self._inventories: dict[tuple[int | None, str], Inventory] = {}
        # What is wrong with the request is for the transaction to say: it may be a retry that has an answer.
        with suppress(SpiritsafeError), registry.database.read() as session:
            version, context = find(session)
            self._inventories[version.id, version.state] = take_inventory(session, registry, version)
            if context == COMMERCIAL:
                read_papers(session, self._papers, version)

    def of(self, session: Session, version: Version) -> tuple[Inventory, PaperStore]:
        """Those, unless it is another version by now, or one that was finalized meanwhile: then looks again."""
        seen = self._inventories.get((version.id, version.state))
        return take_inventory(session, self._registry, version) if seen is None else seen, self._papers


def _channel_key(name: ChannelName) -> dict[str, str]:
    """The parameters of ``_CHANNEL``."""
    return {
        "of_namespace": name.node.namespace,
        "of_collection": name.node.collection,
        "of_slug": name.node.id,
        "of_context": name.context,
        "of_stage": name.stage,
    }


def _within(session: Session, parent: str) -> ColumnElement[bool]:
    """Limits a query over channels to a channel, a model or dataset, or a namespace; checks the caller's reach."""
    if _CHANNELS in parent:
        _, channel = find_channel(session, current_caller(), parent, "parent")
        return col(Channel.id) == channel.id
    if "/models/" in parent or "/datasets/" in parent:
        name = NodeName.parse(parent, "parent")
        check_namespace(current_caller(), name.namespace)
        return col(Node.id) == get_node(session, name).id
    return col(Node.namespace) == namespace_of(parent)


def _promotion(session: Session, promotion: Promotion, node: Node) -> promotion_pb2.Promotion:
    channel = session.get_one(Channel, promotion.channel_id)
    (message,) = promotion_messages(session, [(promotion, channel, node)])
    return message
