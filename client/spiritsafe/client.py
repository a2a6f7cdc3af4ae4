"""The client: one channel, every service of the contract, typed errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import grpc

from spiritsafe.distill.v1 import run_pb2_grpc
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1 import (
    agreement_pb2_grpc,
    artifact_pb2_grpc,
    audit_pb2_grpc,
    catalog_pb2_grpc,
    dataset_pb2_grpc,
    evaluation_report_pb2_grpc,
    identity_pb2_grpc,
    licensing_pb2_grpc,
    model_pb2_grpc,
    promotion_pb2_grpc,
    review_pb2_grpc,
    version_pb2_grpc,
)
from spiritsafe.rpc.status import from_rpc_error

SERVER_VARIABLE = "SPIRITSAFE_SERVER"
TOKEN_VARIABLE = "SPIRITSAFE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_Continuation = Callable[..., Any]


class _TypedErrors(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor
):
    """Adds the token to each call and raises SpiritsafeError instead of grpc.RpcError."""

    def __init__(self, token: str) -> None:
        self._metadata = [("authorization", f"Bearer {token}")] if token else []

    def _details(self, details: Any) -> Any:
        metadata = [*(details.metadata or ()), *self._metadata]
        return details._replace(metadata=metadata)

    def intercept_unary_unary(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        return _finished(continuation(self._details(client_call_details), request))

    def intercept_stream_unary(
        self, continuation: _Continuation, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return _finished(continuation(self._details(client_call_details), request_iterator))

    def intercept_unary_stream(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        return _typed_stream(continuation(self._details(client_call_details), request))


def _finished(call: Any) -> Any:
    try:
        call.result()
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    return call


def _typed_stream(call: Any) -> Iterator[Any]:
    try:
        yield from call
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    finally:
        call.cancel()


class Client:
    """Every service of a Spiritsafe server over one channel. Raises ``spiritsafe.errors.SpiritsafeError``.

    ``address`` is host:port or unix:PATH; ``root_certificates`` (PEM) turns TLS on.
    """

    def __init__(self, address: str, token: str = "", *, root_certificates: bytes | None = None) -> None:
        options: Sequence[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", 64 << 20),
            # A proxy from the environment is never meant for the registry's own address.
            ("grpc.enable_http_proxy", 0),
        ]
        if root_certificates is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.secure_channel(address, credentials, options)
        channel = grpc.intercept_channel(self._channel, _TypedErrors(token))
        self.models = model_pb2_grpc.ModelServiceStub(channel)
        self.datasets = dataset_pb2_grpc.DatasetServiceStub(channel)
        self.versions = version_pb2_grpc.VersionServiceStub(channel)
        self.artifacts = artifact_pb2_grpc.ArtifactServiceStub(channel)
        self.licenses = licensing_pb2_grpc.LicenseServiceStub(channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        self.reviews = review_pb2_grpc.ReviewServiceStub(channel)
        self.agreements = agreement_pb2_grpc.AgreementServiceStub(channel)
        self.evaluation_reports = evaluation_report_pb2_grpc.EvaluationReportServiceStub(channel)
        self.promotions = promotion_pb2_grpc.PromotionServiceStub(channel)
        self.audit = audit_pb2_grpc.AuditServiceStub(channel)
        self.identity = identity_pb2_grpc.IdentityServiceStub(channel)
        self.runs = run_pb2_grpc.RunServiceStub(channel)

    @classmethod
    def from_environment(cls) -> Client:
        """A client from ``SPIRITSAFE_SERVER`` and ``SPIRITSAFE_TOKEN``. Raises InvalidArgument without a server."""
        address = os.environ.get(SERVER_VARIABLE, "")
        if not address:
            raise InvalidArgument("no server is configured", remedy=f"set {SERVER_VARIABLE} to host:port")
        return cls(address, os.environ.get(TOKEN_VARIABLE, ""))

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
