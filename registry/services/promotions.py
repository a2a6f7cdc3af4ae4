"""PromotionService: promotion through the gate, roll-back, channels and their history, and the deployment check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import grpc
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from registry.context import Registry
from registry.decisions.checks import context_text
from registry.duties.loading import PaperStore, read_papers
from registry.errors import check_etag
from registry.identity.access import check_namespace
from registry.listing.paging import Page
from registry.promotion.channels import (
    PROMOTE,
    Attempt,
    attempt,
    check_target,
    find_channel,
    rollback_attempt,
    take_inventory,
)
from registry.promotion.deployment import check_deployment
from registry.promotion.gate import COMMERCIAL, Inventory
from registry.promotion.messages import channel_messages, promotion_messages
from registry.services.names import namespace_of, version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_node, get_version
from registry.storage.tables import Channel, Node, Promotion, Version
from spiritsafe.errors import SpiritsafeError
from spiritsafe.registry.v1 import promotion_pb2, promotion_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller
from spiritsafe.rpc.names import NodeName

_CHANNELS = "/channels/"


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
            tried = Attempt(
                node, version, target, request.stage, request.outbound_license, request.distributed, PROMOTE
            )
            promotion, event = attempt(session, self._registry, caller, tried, *seen.of(session, tried.version))
            return promotion_pb2.PromoteVersionResponse(promotion=_promotion(session, promotion, node)), event

        response_type = promotion_pb2.PromoteVersionResponse
        return self._registry.mutate("PromotionService/PromoteVersion", request, response_type, act)

    def RollbackChannel(
        self, request: promotion_pb2.RollbackChannelRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.RollbackChannelResponse:
        def target(session: Session) -> tuple[Version, str]:
            tried = rollback_attempt(session, *find_channel(session, current_caller(), request.name))
            return tried.version, tried.context

        seen = _Seen(self._registry, target)

        def act(session: Session, caller: Caller) -> tuple[promotion_pb2.RollbackChannelResponse, Event]:
            node, channel = find_channel(session, caller, request.name)
            check_etag(request.etag, channel.revision, request.name)
            tried = rollback_attempt(session, node, channel)
            promotion, event = attempt(session, self._registry, caller, tried, *seen.of(session, tried.version))
            return promotion_pb2.RollbackChannelResponse(promotion=_promotion(session, promotion, node)), event

        response_type = promotion_pb2.RollbackChannelResponse
        return self._registry.mutate("PromotionService/RollbackChannel", request, response_type, act)

    def GetChannel(
        self, request: promotion_pb2.GetChannelRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.GetChannelResponse:
        with self._registry.database.read() as session:
            node, channel = find_channel(session, current_caller(), request.name)
            (message,) = channel_messages(session, self._registry, [(channel, node)])
        return promotion_pb2.GetChannelResponse(channel=message)

    def ListChannels(
        self, request: promotion_pb2.ListChannelsRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.ListChannelsResponse:
        page = Page.read(request.page_size, request.page_token, "ListChannels", request.parent)
        query = select(Channel, Node).join(Node, col(Channel.node_id) == Node.id)
        with self._registry.database.read() as session:
            query = query.where(_within(session, request.parent))
            if page.after is not None:
                query = query.where(col(Channel.id) > page.after)
            rows = session.exec(query.order_by(col(Channel.id)).limit(page.size + 1)).all()
            kept, token = page.cut(rows, lambda row: row[0].id or 0)
            channels = channel_messages(session, self._registry, kept)
        return promotion_pb2.ListChannelsResponse(channels=channels, next_page_token=token)

    def ListPromotions(
        self, request: promotion_pb2.ListPromotionsRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.ListPromotionsResponse:
        page = Page.read(request.page_size, request.page_token, "ListPromotions", request.parent)
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
