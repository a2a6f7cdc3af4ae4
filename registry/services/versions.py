"""Versions of models and datasets, and the lineage between them."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.catalog import deletion, files, lineage, search, versions
from registry.catalog.messages import describe_lineage, describe_rows, describe_version, describe_versions
from registry.context import Registry
from registry.detection import records
from registry.detection.observations import Observations
from registry.detection.scanning import scan
from registry.errors import check_etag, within
from registry.identity.access import check_namespace
from registry.reevaluation.first import record_first_verdicts
from registry.services.batches import batch_parents, check_batch, check_parent
from registry.services.names import version_of, versions_parent
from registry.storage.audit import Event
from registry.storage.lookup import get_node, get_version, get_versions
from registry.storage.tables import Node, Version
from registry.wire import enum_text
from spiritsafe.errors import FailedPrecondition, NotFound, SpiritsafeError
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

    def BatchCreateVersions(
        self, request: version_pb2.BatchCreateVersionsRequest, context: grpc.ServicerContext
    ) -> version_pb2.BatchCreateVersionsResponse:
        check_batch(request.requests, "requests")
        parents = batch_parents(request.parent, request.requests)

        def act(session: Session, caller: Caller) -> tuple[version_pb2.BatchCreateVersionsResponse, list[Event]]:
            rows, events = [], []
            for index, (parent, one) in enumerate(zip(parents, request.requests, strict=True)):
                with within(f"requests[{index}]"):
                    name = NodeName.parse(parent, "parent")
                    check_namespace(caller, name.namespace)
                    node = get_node(session, name, "parent")
                    version, event = versions.create(session, caller, node, one.version)
                rows.append((node, version))
                events.append(event)
            messages = describe_versions(session, self._registry, rows)
            return version_pb2.BatchCreateVersionsResponse(versions=messages), events

        response_type = version_pb2.BatchCreateVersionsResponse
        return self._registry.mutate("VersionService/BatchCreateVersions", request, response_type, act)

    def BatchGetVersions(
        self, request: version_pb2.BatchGetVersionsRequest, context: grpc.ServicerContext
    ) -> version_pb2.BatchGetVersionsResponse:
        check_batch(request.names, "names")
        names = [version_of(name, f"names[{index}]") for index, name in enumerate(request.names)]
        for index, name in enumerate(names):
            check_parent(request.parent, str(name.node), f"names[{index}]")
        view = enum_text(version_pb2.VersionView, request.view, "view")
        with self._registry.database.read() as session:
            rows = get_versions(session, names)
            messages = describe_versions(session, self._registry, rows, view)
        return version_pb2.BatchGetVersionsResponse(versions=messages)

    def GetVersion(
        self, request: version_pb2.GetVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.GetVersionResponse:
        name = version_of(request.name)
        with self._registry.database.read() as session:
            message = describe_version(session, self._registry, *get_version(session, name, deleted=True))
            return version_pb2.GetVersionResponse(version=message)

    def ListVersions(
        self, request: version_pb2.ListVersionsRequest, context: grpc.ServicerContext
    ) -> version_pb2.ListVersionsResponse:
        parent = versions_parent(request.parent)
        view = enum_text(version_pb2.VersionView, request.view, "view")
        page = self._registry.page(
            request, "ListVersions", request.parent, request.filter, request.order_by, str(request.show_deleted)
        )
        with self._registry.database.read() as session:
            rows, token = search.list_page(
                session,
                self._registry,
                parent,
                page,
                request.filter,
                request.order_by,
                show_deleted=request.show_deleted,
            )
            messages = describe_rows(session, self._registry, rows, view)
            return version_pb2.ListVersionsResponse(versions=messages, next_page_token=token)

    def UpdateVersion(
        self, request: version_pb2.UpdateVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.UpdateVersionResponse:
        name = version_of(request.version.name, "version.name")

        def act(session: Session, _caller: Caller) -> tuple[version_pb2.UpdateVersionResponse, Event]:
            node, version = _current(session, name, request.version.etag)
            event = versions.update(session, node, version, request.version, request.update_mask)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.UpdateVersionResponse(version=message), event

        return self._registry.mutate("VersionService/UpdateVersion", request, version_pb2.UpdateVersionResponse, act)

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
            node, version = _current(session, name, request.etag)
            event = deletion.delete_version(session, node, version, self._registry.retention)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.DeleteVersionResponse(version=message), event

        return self._registry.mutate("VersionService/DeleteVersion", request, version_pb2.DeleteVersionResponse, act)

    def UndeleteVersion(
        self, request: version_pb2.UndeleteVersionRequest, context: grpc.ServicerContext
    ) -> version_pb2.UndeleteVersionResponse:
        name = version_of(request.name)

        def act(session: Session, _caller: Caller) -> tuple[version_pb2.UndeleteVersionResponse, Event]:
            node, version = get_version(session, name, deleted=True)
            check_etag(request.etag, version.revision, str(name))
            event = deletion.undelete_version(session, node, version)
            message = describe_version(session, self._registry, node, version)
            return version_pb2.UndeleteVersionResponse(version=message), event

        response_type = version_pb2.UndeleteVersionResponse
        return self._registry.mutate("VersionService/UndeleteVersion", request, response_type, act)

    def GetLineage(
        self, request: version_pb2.GetLineageRequest, context: grpc.ServicerContext
    ) -> version_pb2.GetLineageResponse:
        name = version_of(request.name)
        depth = lineage.check_depth(request.max_depth)
        view = enum_text(version_pb2.VersionView, request.view, "view")
        direction = enum_text(version_pb2.LineageDirection, request.direction, "direction")
        with self._registry.database.read() as session:
            _, version = get_version(session, name, deleted=True)
            found = lineage.walk(session, version, direction or "ancestors", depth)
            return describe_lineage(session, self._registry, *found, view)

    def _inspect(self, name: VersionName) -> tuple[SpiritsafeError | None, Observations]:
        """Why the files cannot be finalized, and what they say where they can."""
        with self._registry.database.read() as session:
            try:
                _, version = get_version(session, name)
            except (NotFound, FailedPrecondition) as error:
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
