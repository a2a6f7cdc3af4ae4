"""Models: a thin face of registry.catalog.nodes."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.catalog import nodes
from registry.context import Registry
from registry.errors import within
from registry.services.batches import batch_parents, check_batch
from registry.services.names import namespace_of, namespaces_of, node_of
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

    def BatchCreateModels(
        self, request: model_pb2.BatchCreateModelsRequest, context: grpc.ServicerContext
    ) -> model_pb2.BatchCreateModelsResponse:
        check_batch(request.requests, "requests")
        parents = batch_parents(request.parent, request.requests)

        def act(session: Session, caller: Caller) -> tuple[model_pb2.BatchCreateModelsResponse, list[Event]]:
            response, events = model_pb2.BatchCreateModelsResponse(), []
            for index, (parent, one) in enumerate(zip(parents, request.requests, strict=True)):
                with within(f"requests[{index}]"):
                    name = NodeName(namespace_of(parent), "models", check_id(one.model_id, "model_id"))
                    node, event = nodes.create(session, caller, name, one.model)
                response.models.add(**nodes.message_fields(node))
                events.append(event)
            return response, events

        response_type = model_pb2.BatchCreateModelsResponse
        return self._registry.mutate("ModelService/BatchCreateModels", request, response_type, act)

    def GetModel(self, request: model_pb2.GetModelRequest, context: grpc.ServicerContext) -> model_pb2.GetModelResponse:
        name = node_of(request.name, "models", "name")
        with self._registry.database.read() as session:
            return model_pb2.GetModelResponse(
                model=model_pb2.Model(**nodes.message_fields(get_node(session, name, deleted=True)))
            )

    def ListModels(
        self, request: model_pb2.ListModelsRequest, context: grpc.ServicerContext
    ) -> model_pb2.ListModelsResponse:
        namespace = namespaces_of(request.parent)
        page = self._registry.page(
            request, "ListModels", request.parent, request.filter, request.order_by, str(request.show_deleted)
        )
        with self._registry.database.read() as session:
            rows, token = nodes.list_page(
                session, namespace, "models", page, request.filter, request.order_by, show_deleted=request.show_deleted
            )
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

    def DeleteModel(
        self, request: model_pb2.DeleteModelRequest, context: grpc.ServicerContext
    ) -> model_pb2.DeleteModelResponse:
        name = node_of(request.name, "models", "name")

        def act(session: Session, _caller: Caller) -> tuple[model_pb2.DeleteModelResponse, Event]:
            node, event = nodes.delete(session, name, request.etag, self._registry.retention)
            return model_pb2.DeleteModelResponse(model=model_pb2.Model(**nodes.message_fields(node))), event

        return self._registry.mutate("ModelService/DeleteModel", request, model_pb2.DeleteModelResponse, act)

    def UndeleteModel(
        self, request: model_pb2.UndeleteModelRequest, context: grpc.ServicerContext
    ) -> model_pb2.UndeleteModelResponse:
        name = node_of(request.name, "models", "name")

        def act(session: Session, _caller: Caller) -> tuple[model_pb2.UndeleteModelResponse, Event]:
            node, event = nodes.undelete(session, name, request.etag)
            return model_pb2.UndeleteModelResponse(model=model_pb2.Model(**nodes.message_fields(node))), event

        return self._registry.mutate("ModelService/UndeleteModel", request, model_pb2.UndeleteModelResponse, act)
