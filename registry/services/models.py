"""Models: a thin face of registry.catalog.nodes."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.catalog import nodes
from registry.context import Registry
from registry.listing.paging import Page
from registry.services.names import namespace_of, node_of
from registry.storage.audit import Event
from registry.storage.lookup import get_node
from spiritsafe.registry.v1 import model_pb2, model_pb2_grpc
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import NodeName, check_id


class ModelService(model_pb2_grpc.ModelServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def CreateModel(
        self, request: model_pb2.CreateModelRequest, context: grpc.ServicerContext
    ) -> model_pb2.CreateModelResponse:
        name = NodeName(namespace_of(request.parent), "models", check_id(request.model_id, "model_id"))

        def act(session: Session, caller: Caller) -> tuple[model_pb2.CreateModelResponse, Event]:
            node, event = nodes.create(session, caller, name, request.model)
            return model_pb2.CreateModelResponse(model=model_pb2.Model(**nodes.message_fields(node))), event

        return self._registry.mutate("ModelService/CreateModel", request, model_pb2.CreateModelResponse, act)

    def GetModel(self, request: model_pb2.GetModelRequest, context: grpc.ServicerContext) -> model_pb2.GetModelResponse:
        name = node_of(request.name, "models", "name")
        with self._registry.database.read() as session:
            return model_pb2.GetModelResponse(model=model_pb2.Model(**nodes.message_fields(get_node(session, name))))

    def ListModels(
        self, request: model_pb2.ListModelsRequest, context: grpc.ServicerContext
    ) -> model_pb2.ListModelsResponse:
        namespace = namespace_of(request.parent)
        page = Page.read(request.page_size, request.page_token, "ListModels", request.parent, request.filter)
        with self._registry.database.read() as session:
            rows, token = nodes.list_page(session, namespace, "models", page, request.filter)
            return model_pb2.ListModelsResponse(
                models=[model_pb2.Model(**nodes.message_fields(row)) for row in rows], next_page_token=token
            )

    def UpdateModel(
        self, request: model_pb2.UpdateModelRequest, context: grpc.ServicerContext
    ) -> model_pb2.UpdateModelResponse:
        name = node_of(request.model.name, "models", "model.name")

        def act(session: Session, _caller: Caller) -> tuple[model_pb2.UpdateModelResponse, Event]:
            node, event = nodes.update(session, name, request.model, request.update_mask)
            return model_pb2.UpdateModelResponse(model=model_pb2.Model(**nodes.message_fields(node))), event

        return self._registry.mutate("ModelService/UpdateModel", request, model_pb2.UpdateModelResponse, act)
