"""The client for programs on an event loop: the same services, calls and errors as ``spiritsafe.client``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from spiritsafe import operations, transfer
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2_grpc
from spiritsafe.evidence import Decision
from spiritsafe.operations import ContextText, KindText
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
    promotion_pb2,
    promotion_pb2_grpc,
    recall_pb2_grpc,
    review_pb2_grpc,
    store_pb2_grpc,
    version_pb2,
    version_pb2_grpc,
)
from spiritsafe.rpc.asynchronous import open_channel
from spiritsafe.rpc.connection import Connection, from_environment
from spiritsafe.rpc.retrying import DEFAULT_RETRIES, DEFAULT_TIMEOUT_SECONDS, RetryPolicy

ResultT = TypeVar("ResultT")


class AsyncClient:
    """As ``Client``, with methods to await; to be made and used on one event loop.

    Whole versions travel on a thread with a connection of their own, since files and digests would block the loop;
    cancelling the call ends that connection and with it the thread.
    """

    def __init__(
        self,
        address: str,
        token: str = "",
        *,
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        retry: RetryPolicy = DEFAULT_RETRIES,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._open(
            Connection(address, token, root_certificates, client_certificate, client_key, retry, timeout_seconds)
        )

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """A client of a connection that is described already."""
        client = cls.__new__(cls)
        client._open(connection)
        return client

    @classmethod
    def from_environment(cls) -> Self:
        """As ``Client.from_environment``."""
        return cls.of(from_environment())

    def _open(self, connection: Connection) -> None:
        self.connection = connection
        self._channel = channel = open_channel(connection)
        self.models = model_pb2_grpc.ModelServiceStub(channel)
        self.datasets = dataset_pb2_grpc.DatasetServiceStub(channel)
        self.versions = version_pb2_grpc.VersionServiceStub(channel)
        self.artifacts = artifact_pb2_grpc.ArtifactServiceStub(channel)
        self.store = store_pb2_grpc.StoreServiceStub(channel)
        self.imports = import_pb2_grpc.ImportServiceStub(channel)
        self.licenses = licensing_pb2_grpc.LicenseServiceStub(channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        self.reviews = review_pb2_grpc.ReviewServiceStub(channel)
        self.agreements = agreement_pb2_grpc.AgreementServiceStub(channel)
        self.evaluation_reports = evaluation_report_pb2_grpc.EvaluationReportServiceStub(channel)
        self.policies = policy_pb2_grpc.PolicyServiceStub(channel)
        self.findings = finding_pb2_grpc.FindingServiceStub(channel)
        self.duties = duty_pb2_grpc.DutyServiceStub(channel)
        self.evidence = evidence_pb2_grpc.EvidenceServiceStub(channel)
        self.promotions = promotion_pb2_grpc.PromotionServiceStub(channel)
        self.channel_policies = channel_policy_pb2_grpc.ChannelPolicyServiceStub(channel)
        self.recalls = recall_pb2_grpc.RecallServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.identity = identity_pb2_grpc.IdentityServiceStub(channel)
        self.runs = run_pb2_grpc.RunServiceStub(channel)

    async def publish(
        self,
        folder: Path | str,
        name: str,
        *,
        kind: KindText = "full",
        licenses: Iterable[str] | None = None,
        edges: Iterable[tuple[str, str]] = (),
        description: str = "",
        tags: Mapping[str, str] | None = None,
        display_name: str = "",
        progress: transfer.Progress = transfer.silent,
    ) -> version_pb2.Version:
        """As ``Client.publish``; ``progress`` is called on other threads."""
        return await self._on_thread(
            lambda client: client.publish(
                folder,
                name,
                kind=kind,
                licenses=licenses,
                edges=edges,
                description=description,
                tags=tags,
                display_name=display_name,
                progress=progress,
            )
        )

    async def download(self, name: str, folder: Path | str, *, progress: transfer.Progress = transfer.silent) -> Path:
        """As ``Client.download``; ``progress`` is called on other threads."""
        return await self._on_thread(lambda client: client.download(name, folder, progress=progress))

    async def check(
        self,
        name: str,
        *,
        context: ContextText,
        outbound_license: str = "",
        distributed: bool = False,
        keys_pem: str = "",
    ) -> Decision:
        """As ``Client.check``."""
        request = operations.check_request(name, context, outbound_license, distributed)
        return operations.decision(await self.promotions.CheckDeployment(request), keys_pem)

    async def promote(
        self,
        name: str,
        channel: str,
        *,
        outbound_license: str = "",
        distributed: bool = False,
        validate_only: bool = False,
    ) -> promotion_pb2.Promotion:
        """As ``Client.promote``."""
        request = operations.promote_request(name, channel, outbound_license, distributed, validate_only)
        return (await self.promotions.PromoteVersion(request)).promotion

    async def _on_thread(self, work: Callable[[Client], ResultT]) -> ResultT:
        with Client.of(self.connection) as client:
            return await asyncio.to_thread(work, client)

    async def close(self) -> None:
        """Ends the connection; calls that are under way are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
