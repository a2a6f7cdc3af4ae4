"""Versions of models and datasets, and the lineage between them."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.catalog import files, lineage, versions
from registry.catalog.messages import describe_lineage, describe_version, describe_versions
from registry.context import Registry
from registry.detection import records
from registry.detection.observations import Observations
from registry.detection.scanning import scan
from registry.errors import check_etag
from registry.identity.access import check_namespace
from registry.listing.paging import Page
from registry.reevaluation.first import record_first_verdicts
from registry.services.names import version_of, versions_parent
from registry.storage.audit import Event
from registry.storage.lookup import get_node, get_version
from registry.storage.tables import Node, Version
from registry.wire import enum_text
from spiritsafe.errors import NotFound, SpiritsafeError
from spiritsafe.registry.v1 import version_pb2, version_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller
from spiritsafe.rpc.names import NodeName, VersionName


class VersionService(version_pb2_grpc.VersionServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def CreateVersion(
        self, request: version_pb2.CreateVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.CreateVersionResponse:
        parent = NodeName.parse(request.parent, "parent")
        check_namespace(current_caller(), parent.namespace)

        def act(session: Session, caller: Caller) -> tuple[version_pb2.CreateVersionResponse, Event]:
            node = get_node(session, parent, "parent")
            version, event = versions.create(session, caller, node, request.version)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.CreateVersionResponse(version=message), event

        return self._registry.mutate("VersionService/CreateVersion", request, version_pb2.CreateVersionResponse, act)

    def GetVersion(
        self, request: version_pb2.GetVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.GetVersionResponse:
        name = version_of(request.name)
        with self._registry.database.read() as session:
            message = describe_version(session, self._registry, *get_version(session, name))
            return version_pb2.GetVersionResponse(version=message)

    def ListVersions(
        self, request: version_pb2.ListVersionsRequest, context: grpc.ServicerContext
    ) -> version_pb2.ListVersionsResponse:
        parent = versions_parent(request.parent)
        page = Page.read(request.page_size, request.page_token, "ListVersions", request.parent, request.filter)
        with self._registry.database.read() as session:
            rows, token = versions.list_page(session, self._registry, parent, page, request.filter)
            messages = describe_versions(session, self._registry, rows)
            return version_pb2.ListVersionsResponse(versions=messages, next_page_token=token)

    def AddEdge(
        self, request: version_pb2.AddEdgeRequest, context: grpc.ServicerContext
    ) -> version_pb2.AddEdgeResponse:
        name = version_of(request.name)

        def act(session: Session, caller: Caller) -> tuple[version_pb2.AddEdgeResponse, Event]:
            node, version = _current(session, name, request.etag)
            event = versions.extend(session, caller, node, version, request.edge)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.AddEdgeResponse(version=message), event

        return self._registry.mutate("VersionService/AddEdge", request, version_pb2.AddEdgeResponse, act)

    def FinalizeVersion(
        self, request: version_pb2.FinalizeVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.FinalizeVersionResponse:
        name = version_of(request.name)
        # Every byte is read again before the write lock is taken; a manifest never changes, so the answer holds then.
        problem, seen = self._inspect(name)

        def act(session: Session, _caller: Caller) -> tuple[version_pb2.FinalizeVersionResponse, Event]:
            node, version = _current(session, name, request.etag)
            event = versions.finalize(session, node, version, problem)
            event.details.update(records.record(session, node, version, seen))
            # Last: detected licences and alerts count for the first verdicts already.
            assert version.id is not None
            record_first_verdicts(session, version.id)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.FinalizeVersionResponse(version=message), event

        return self._registry.mutate(
            "VersionService/FinalizeVersion", request, version_pb2.FinalizeVersionResponse, act
        )

    def DeleteVersion(
        self, request: version_pb2.DeleteVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.DeleteVersionResponse:
        name = version_of(request.name)

        def act(session: Session, _caller: Caller) -> tuple[version_pb2.DeleteVersionResponse, Event]:
            event = versions.remove(session, *_current(session, name, request.etag))
            return version_pb2.DeleteVersionResponse(), event

        return self._registry.mutate("VersionService/DeleteVersion", request, version_pb2.DeleteVersionResponse, act)

    def GetLineage(
        self, request: version_pb2.GetLineageRequest, context: grpc.ServicerContext
    ) -> version_pb2.GetLineageResponse:
        name = version_of(request.name)
        depth = lineage.check_depth(request.max_depth)
        direction = enum_text(version_pb2.LineageDirection, request.direction, "direction")
        with self._registry.database.read() as session:
            _, version = get_version(session, name)
            found = lineage.walk(session, version, direction or "ancestors", depth)
            return describe_lineage(session, self._registry, *found)

    def _inspect(self, name: VersionName) -> tuple[SpiritsafeError | None, Observations]:
        """Why the files cannot be finalized, and what they say where they can."""
        with self._registry.database.read() as session:
            try:
                _, version = get_version(session, name)
            except NotFound as error:
                # Not raised: a repeated request may outlive its version, and is answered all the same.
                return error, Observations()
            if version.state != versions.DRAFT:
                return None, Observations()
            declared = files.files_of(session, [version.id])
        problem = files.problem(self._registry.store, declared, name)
        return problem, Observations() if problem else scan(self._registry.store, declared)


def _current(session: Session, name: VersionName, etag: str) -> tuple[Node, Version]:
    node, version = get_version(session, name)
    check_etag(etag, version.revision, str(name))
    return node, version
