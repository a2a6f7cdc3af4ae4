"""The client: one channel, every service of the contract, and the calls that most programs need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from spiritsafe import operations, publish, transfer
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
from spiritsafe.rpc.blocking import open_channel
from spiritsafe.rpc.connection import SERVER_VARIABLE, TOKEN_VARIABLE, Connection, from_environment
from spiritsafe.rpc.retrying import DEFAULT_RETRIES, DEFAULT_TIMEOUT_SECONDS, RetryPolicy

__all__ = ["SERVER_VARIABLE", "TOKEN_VARIABLE", "Client"]


class Client:
    """Every service of a Spiritsafe server over one channel, to be used by any number of threads.

    Raises ``spiritsafe.errors.SpiritsafeError``, after what ``retry`` allows of repeated calls.

    ``address`` is host:port or unix:PATH; ``root_certificates`` (PEM) turns TLS on, ``client_certificate`` and
    ``client_key`` (PEM) say who calls where the server asks for that. ``timeout_seconds`` holds for calls that name no
    deadline and answer once; None for no deadline.
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
        """A client of the server in ``SPIRITSAFE_SERVER``, with ``SPIRITSAFE_TOKEN``; over TLS where
        ``SPIRITSAFE_CA_FILE`` is set, with ``SPIRITSAFE_CLIENT_CERT`` and ``SPIRITSAFE_CLIENT_KEY`` where these are.

        Raises InvalidArgument without a server, and for files that cannot be read.
        """
        return cls.of(from_environment())

    def _open(self, connection: Connection) -> None:
        self.connection = connection
        self._channel, channel = open_channel(connection)
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

    def publish(
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
        """Makes the files of a folder a version of a model (``support-tool``) or dataset (``dataset:traces``).

        The model is created where it does not exist, under ``display_name``. ``licenses`` None means that nothing is
        known, empty none of its own. ``edges`` are pairs like ("adapter", "teacher@1"). Equal content that the caller
        declared before is found, not published again; an interrupted call goes on where it stopped.

        Raises InvalidArgument for what cannot be declared, DataLoss where a file changed on the way.
        """
        node = operations.node_of(name)
        version = operations.declared(kind, licenses, edges, description, tags)
        publish.ensure_node(self, node, display_name)
        return publish.publish_once(self, str(node), version, Path(folder), progress)

    def download(self, name: str, folder: Path | str, *, progress: transfer.Progress = transfer.silent) -> Path:
        """Writes every file of a version (``support-tool@3``) below ``folder``, verified, and gives the folder.

        Files that are there are kept, partial ones go on where they stopped. Raises FailedPrecondition for a draft,
        DataLoss for bytes that do not match their digest.
        """
        return publish.download_version(self, str(operations.version_of(name)), Path(folder), progress)

    def check(
        self,
        name: str,
        *,
        context: ContextText,
        outbound_license: str = "",
        distributed: bool = False,
        keys_pem: str = "",
    ) -> Decision:
        """Whether a version (``support-tool@3``) may be deployed now. A refusal is an answer: look at ``allowed``.

        With the registry's public keys the signature is verified, which needs the extra ``evidence``. Raises DataLoss
        for an answer that was changed, FailedPrecondition for one that another key signed.
        """
        request = operations.check_request(name, context, outbound_license, distributed)
        return operations.decision(self.promotions.CheckDeployment(request), keys_pem)

    def promote(
        self,
        name: str,
        channel: str,
        *,
        outbound_license: str = "",
        distributed: bool = False,
        validate_only: bool = False,
    ) -> promotion_pb2.Promotion:
        """Has a channel (``commercial/production``) hold a version, if the gate lets it pass: look at ``state``.

        With ``validate_only`` the gate runs and nothing is recorded.
        """
        request = operations.promote_request(name, channel, outbound_license, distributed, validate_only)
        return self.promotions.PromoteVersion(request).promotion

    def close(self) -> None:
        """Ends the connection; calls that are under way fail."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
