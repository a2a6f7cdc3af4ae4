"""Datasets: a thin face of registry.catalog.nodes."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.catalog import nodes
from registry.context import Registry
from registry.services.names import namespace_of, namespaces_of, node_of
from registry.storage.audit import Event
from registry.storage.lookup import get_node
from spiritsafe.registry.v1 import dataset_pb2, dataset_pb2_grpc
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import NodeName, check_id


class DatasetService(dataset_pb2_grpc.DatasetServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def CreateDataset(
        self, request: dataset_pb2.CreateDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.CreateDatasetResponse:
        name = NodeName(namespace_of(request.parent), "datasets", check_id(request.dataset_id, "dataset_id"))

        def act(session: Session, caller: Caller) -> tuple[dataset_pb2.CreateDatasetResponse, Event]:
            node, event = nodes.create(session, caller, name, request.dataset)
            return dataset_pb2.CreateDatasetResponse(dataset=dataset_pb2.Dataset(**nodes.message_fields(node))), event

        return self._registry.mutate("DatasetService/CreateDataset", request, dataset_pb2.CreateDatasetResponse, act)

    def GetDataset(
        self, request: dataset_pb2.GetDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.GetDatasetResponse:
        name = node_of(request.name, "datasets", "name")
        with self._registry.database.read() as session:
            return dataset_pb2.GetDatasetResponse(
                dataset=dataset_pb2.Dataset(**nodes.message_fields(get_node(session, name, deleted=True)))
            )

    def ListDatasets(
        self, request: dataset_pb2.ListDatasetsRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.ListDatasetsResponse:
        namespace = namespaces_of(request.parent)
        page = self._registry.page(
            request, "ListDatasets", request.parent, request.filter, request.order_by, str(request.show_deleted)
        )
        with self._registry.database.read() as session:
            rows, token = nodes.list_page(
                session,
                namespace,
                "datasets",
                page,
                request.filter,
                request.order_by,
                show_deleted=request.show_deleted,
            )
            return dataset_pb2.ListDatasetsResponse(
                datasets=[dataset_pb2.Dataset(**nodes.message_fields(row)) for row in rows], next_page_token=token
            )

    def UpdateDataset(
        self, request: dataset_pb2.UpdateDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.UpdateDatasetResponse:
        name = node_of(request.dataset.name, "datasets", "dataset.name")

        def act(session: Session, _caller: Caller) -> tuple[dataset_pb2.UpdateDatasetResponse, Event]:
            node, event = nodes.update(session, name, request.dataset, request.update_mask)
            return dataset_pb2.UpdateDatasetResponse(dataset=dataset_pb2.Dataset(**nodes.message_fields(node))), event

        return self._registry.mutate("DatasetService/UpdateDataset", request, dataset_pb2.UpdateDatasetResponse, act)

    def DeleteDataset(
        self, request: dataset_pb2.DeleteDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.DeleteDatasetResponse:
        name = node_of(request.name, "datasets", "name")

        def act(session: Session, _caller: Caller) -> tuple[dataset_pb2.DeleteDatasetResponse, Event]:
            node, event = nodes.delete(session, name, request.etag, self._registry.retention)
            return dataset_pb2.DeleteDatasetResponse(dataset=dataset_pb2.Dataset(**nodes.message_fields(node))), event

        return self._registry.mutate("DatasetService/DeleteDataset", request, dataset_pb2.DeleteDatasetResponse, act)

    def UndeleteDataset(
        self, request: dataset_pb2.UndeleteDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.UndeleteDatasetResponse:
        name = node_of(request.name, "datasets", "name")

        def act(session: Session, _caller: Caller) -> tuple[dataset_pb2.UndeleteDatasetResponse, Event]:
            node, event = nodes.undelete(session, name, request.etag)
            return dataset_pb2.UndeleteDatasetResponse(dataset=dataset_pb2.Dataset(**nodes.message_fields(node))), event

        return self._registry.mutate(
            "DatasetService/UndeleteDataset", request, dataset_pb2.UndeleteDatasetResponse, act
        )
