"""RecallService: recalling versions, and ending recalls."""

from __future__ import annotations

import grpc
from sqlmodel import Session, col, select

from registry.context import Registry
from registry.promotion import recalls
from registry.services.names import namespace_of, version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import RecalledVersion
from spiritsafe.registry.v1 import recall_pb2, recall_pb2_grpc
from spiritsafe.rpc.caller import Caller

_VERSIONS = "/versions/"


class RecallService(recall_pb2_grpc.RecallServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def RecallVersion(
        self, request: recall_pb2.RecallVersionRequest, context: grpc.ServicerContext
    ) -> recall_pb2.RecallVersionResponse:
        name = version_of(request.version, "version")

        def act(session: Session, caller: Caller) -> tuple[recall_pb2.RecallVersionResponse, Event]:
            row, channels, count, event = recalls.recall(session, caller, name, request)
            (message,) = recalls.describe(session, [row])
            response = recall_pb2.RecallVersionResponse(recall=message, channels=channels, channel_count=count)
            return response, event

        response_type = recall_pb2.RecallVersionResponse
        return self._registry.mutate("RecallService/RecallVersion", request, response_type, act)

    def LiftRecall(
        self, request: recall_pb2.LiftRecallRequest, context: grpc.ServicerContext
    ) -> recall_pb2.LiftRecallResponse:
        def act(session: Session, caller: Caller) -> tuple[recall_pb2.LiftRecallResponse, Event]:
            row, event = recalls.lift(session, caller, request)
            (message,) = recalls.describe(session, [row])
            return recall_pb2.LiftRecallResponse(recall=message), event

        return self._registry.mutate("RecallService/LiftRecall", request, recall_pb2.LiftRecallResponse, act)

    def ListRecalls(
        self, request: recall_pb2.ListRecallsRequest, context: grpc.ServicerContext
    ) -> recall_pb2.ListRecallsResponse:
        page = self._registry.page(request, "ListRecalls", request.parent, str(request.show_lifted))
        query = select(RecalledVersion).order_by(col(RecalledVersion.id).desc()).limit(page.size + 1)
        if page.after is not None:
            query = query.where(col(RecalledVersion.id) < page.after)
        if not request.show_lifted:
            query = query.where(col(RecalledVersion.lift_time).is_(None))
        with self._registry.database.read() as session:
            if _VERSIONS in request.parent:
                _, version = get_version(session, version_of(request.parent, "parent"), "parent", deleted=True)
                query = query.where(RecalledVersion.version_id == version.id)
            else:
                query = query.where(RecalledVersion.namespace == namespace_of(request.parent))
            kept, token = page.cut(session.exec(query).all(), lambda row: row.id or 0)
            found = recalls.describe(session, kept)
            return recall_pb2.ListRecallsResponse(recalls=found, next_page_token=token)
