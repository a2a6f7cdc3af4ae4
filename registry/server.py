"""The gRPC server: every registry service behind the gate, with health and reflection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from registry.context import Registry
from registry.interceptor import Gate
from registry.reevaluation.scheduler import Scheduler
from registry.services.agreements import AgreementService
from registry.services.artifacts import ArtifactService
from registry.services.audit import AuditService
from registry.services.catalog import CatalogService
from registry.services.channel_policies import ChannelPolicyService
from registry.services.datasets import DatasetService
from registry.services.duties import DutyService
from registry.services.evaluation_reports import EvaluationReportService
from registry.services.evidence import EvidenceService
from registry.services.findings import FindingService
from registry.services.identity import IdentityService
from registry.services.imports import ImportService
from registry.services.licenses import LicenseService
from registry.services.models import ModelService
from registry.services.policies import PolicyService
from registry.services.promotions import PromotionService
from registry.services.recalls import RecallService
from registry.services.reviews import ReviewService
from registry.services.store import StoreService
from registry.services.versions import VersionService
from registry.watching.feed import Feed
from spiritsafe.errors import InvalidArgument, Unavailable
from spiritsafe.registry.v1 import (
    agreement_pb2_grpc,
    artifact_pb2_grpc,
    audit_pb2_grpc,
    catalog_pb2_grpc,
    channel_policy_pb2_grpc,
    dataset_pb2_grpc,
    duty_pb2_grpc,
    evaluation_report_pb2_grpc,
    evidence_pb2_grpc,
    finding_pb2_grpc,
    identity_pb2_grpc,
    import_pb2_grpc,
    licensing_pb2_grpc,
    model_pb2_grpc,
    policy_pb2_grpc,
    promotion_pb2_grpc,
    recall_pb2_grpc,
    review_pb2_grpc,
    store_pb2_grpc,
    version_pb2_grpc,
)

Register = Callable[[grpc.aio.Server], None]
# Handlers that wait for their client's next message; more uploads at once wait their turn.
UPLOAD_THREADS = 16
MAX_REQUEST_BYTES = 16 << 20
# Beyond these, calls are refused with RESOURCE_EXHAUSTED rather than queued.
MAX_CONCURRENT_CALLS = 1_000
# What the kernel takes as the path of a unix socket, less the final zero.
MAX_SOCKET_PATH_BYTES = 107


class RegistryServer:
    """Serves a registry, and re-evaluates its verdicts meanwhile.

    ``services`` add further services behind the same gate; ``threads`` bounds the handlers that run at the same time,
    each of which uses one database connection. With ``shared_port`` several processes may listen on one port (Linux).
    The registry belongs to the caller, who closes its database after ``stop``.
    """

    def __init__(
        self, registry: Registry, *, services: Iterable[Register] = (), threads: int = 4, shared_port: bool = False
    ) -> None:
        self._registry = registry
        self._services = tuple(services)
        self._threads = threads
        self._shared_port = shared_port
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()
        self._pools: tuple[ThreadPoolExecutor, ...] = ()
        self._scheduler: Scheduler | None = None
        self._feed = Feed(registry.database)

    async def start(
        self, address: str, credentials: grpc.ServerCredentials | None = None, *, private_socket: str = ""
    ) -> str:
        """Listens on ``unix:PATH`` or ``HOST:PORT`` (port 0 picks a free one) and gives the address bound.

        ``credentials`` turn TLS on there. ``private_socket`` (``unix:PATH``) is for programs of this user beside it,
        which need neither a certificate nor the server's name. Raises InvalidArgument for an address that cannot be,
        Unavailable for one that is taken.
        """
        self._pools = (
            ThreadPoolExecutor(self._threads, thread_name_prefix="spiritsafe-worker"),
            ThreadPoolExecutor(UPLOAD_THREADS, thread_name_prefix="spiritsafe-upload"),
        )
        options = [
            ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            ("grpc.so_reuseport", int(self._shared_port)),
        ]
        self._server = grpc.aio.server(
            interceptors=[Gate(self._registry, *self._pools)],
            options=options,
            maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
        )
        listing = _Listing(self._server)
        for register in (self._register, *self._services):
            register(cast("grpc.aio.Server", listing))
        reflection.enable_server_reflection([*listing.names, reflection.SERVICE_NAME], self._server)
        bound = _bind(self._server, address, credentials)
        if private_socket:
            _bind(self._server, private_socket, None)
        await self._server.start()
        self._scheduler = Scheduler(self._registry.database)
        self._scheduler.start()
        return bound

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Says NOT_SERVING, refuses new calls, lets running ones finish for ``grace_seconds``, then cancels them.

        Streams of events, which have no end of their own, end at once.
        """
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        self._feed.close()
        await self._server.stop(grace_seconds)
        await self._feed.release()
        if self._scheduler is not None:
            await asyncio.to_thread(self._scheduler.stop)
        for pool in self._pools:
            await asyncio.to_thread(pool.shutdown)
        self._server = None

    def _register(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        registry = self._registry
        model_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(registry), server)
        dataset_pb2_grpc.add_DatasetServiceServicer_to_server(DatasetService(registry), server)
        version_pb2_grpc.add_VersionServiceServicer_to_server(VersionService(registry), server)
        artifact_pb2_grpc.add_ArtifactServiceServicer_to_server(ArtifactService(registry), server)
        store_pb2_grpc.add_StoreServiceServicer_to_server(StoreService(registry), server)
        import_pb2_grpc.add_ImportServiceServicer_to_server(ImportService(registry), server)
        licensing_pb2_grpc.add_LicenseServiceServicer_to_server(LicenseService(registry), server)
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogService(registry), server)
        review_pb2_grpc.add_ReviewServiceServicer_to_server(ReviewService(registry), server)
        agreement_pb2_grpc.add_AgreementServiceServicer_to_server(AgreementService(registry), server)
        evaluation_report_pb2_grpc.add_EvaluationReportServiceServicer_to_server(
            EvaluationReportService(registry), server
        )
        policy_pb2_grpc.add_PolicyServiceServicer_to_server(PolicyService(registry), server)
        finding_pb2_grpc.add_FindingServiceServicer_to_server(FindingService(registry), server)
        duty_pb2_grpc.add_DutyServiceServicer_to_server(DutyService(registry), server)
        evidence_pb2_grpc.add_EvidenceServiceServicer_to_server(EvidenceService(registry), server)
        promotion_pb2_grpc.add_PromotionServiceServicer_to_server(PromotionService(registry), server)
        channel_policy_pb2_grpc.add_ChannelPolicyServiceServicer_to_server(ChannelPolicyService(registry), server)
        recall_pb2_grpc.add_RecallServiceServicer_to_server(RecallService(registry), server)
        audit_pb2_grpc.add_AuditServiceServicer_to_server(AuditService(registry, self._feed), server)
        identity_pb2_grpc.add_IdentityServiceServicer_to_server(IdentityService(registry), server)


class _Listing:
    """Passes services on to the server and keeps their names, which reflection tells."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.names: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.ServiceRpcHandler]) -> None:
        self.names += [handler.service_name() for handler in handlers]
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self._server.add_registered_method_handlers(service, handlers)


def _bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> str:
    path = address.removeprefix("unix:") if address.startswith("unix:") else ""
    if len(path.encode()) > MAX_SOCKET_PATH_BYTES:
        raise InvalidArgument(
            f"the path of the socket {path} is longer than {MAX_SOCKET_PATH_BYTES} bytes",
            reason="SOCKET_PATH_TOO_LONG",
            remedy="choose a shorter one",
        )
    try:
        port = (
            server.add_secure_port(address, credentials)
            if credentials is not None
            else server.add_insecure_port(address)
        )
    except RuntimeError as error:
        raise Unavailable(
            f"cannot listen on {address}",
            reason="ADDRESS_UNUSABLE",
            remedy="choose another address, or stop the process that uses it",
        ) from error
    if path:
        # Connecting needs write permission on the socket file.
        Path(path).chmod(0o600)
        return address
    return f"{address.rpartition(':')[0]}:{port}"
