"""Where a server is and how it is spoken to: one description for the blocking and the asynchronous client."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.rpc.retrying import DEFAULT_RETRIES, DEFAULT_TIMEOUT_SECONDS, Attempts, RetryPolicy, default_timeout

SERVER_VARIABLE = "SPIRITSAFE_SERVER"
TOKEN_VARIABLE = "SPIRITSAFE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
CA_VARIABLE = "SPIRITSAFE_CA_FILE"
CERTIFICATE_VARIABLE = "SPIRITSAFE_CLIENT_CERT"
KEY_VARIABLE = "SPIRITSAFE_CLIENT_KEY"

OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", 64 << 20),
    # A proxy from the environment is never meant for the registry's own address.
    ("grpc.enable_http_proxy", 0),
    # A server that restarts is back in seconds; gRPC itself would wait for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """``address`` is host:port or unix:PATH. ``root_certificates`` (PEM) turns TLS on; ``client_certificate`` and
    ``client_key`` (PEM) say who calls where the server asks for that. ``timeout_seconds`` holds for calls that name no
    deadline and answer once; None for no deadline.

    Raises InvalidArgument for a certificate without its key, or without the server's.
    """

    address: str
    token: str = ""
    root_certificates: bytes | None = None
    client_certificate: bytes | None = None
    client_key: bytes | None = None
    retry: RetryPolicy = DEFAULT_RETRIES
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        if (self.client_certificate is None) != (self.client_key is None):
            raise _wrong("client_key", "a client certificate and its key belong together", "give both, or neither")
        if self.client_certificate is not None and self.root_certificates is None:
            raise _wrong("root_certificates", "a client certificate needs TLS", f"set {CA_VARIABLE} as well")

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        """None without TLS."""
        if self.root_certificates is None:
            return None
        return grpc.ssl_channel_credentials(self.root_certificates, self.client_key, self.client_certificate)

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """What every call carries."""
        return [("authorization", f"Bearer {self.token}")] if self.token else []

    def attempts(self, method: str, request: object, timeout: float | None, *, answers_once: bool) -> Attempts:
        """The attempts of a call; one that answers with a stream lasts as long as it lasts, unless told."""
        if timeout is None and answers_once:
            timeout = default_timeout(method, self.timeout_seconds)
        return Attempts(self.retry, method, request, timeout)


def from_environment(variables: Mapping[str, str] = os.environ) -> Connection:
    """The server in ``SPIRITSAFE_SERVER``, called with ``SPIRITSAFE_TOKEN``; over TLS where ``SPIRITSAFE_CA_FILE``
    names its certificates, with ``SPIRITSAFE_CLIENT_CERT`` and ``SPIRITSAFE_CLIENT_KEY`` where it asks who calls.

    Raises InvalidArgument without a server, and for files that cannot be read.
    """
    address = variables.get(SERVER_VARIABLE, "")
    if not address:
        raise InvalidArgument("no server is configured", remedy=f"set {SERVER_VARIABLE} to host:port")
    token = variables.get(TOKEN_VARIABLE, "")
    if address.startswith("unix:"):
        # Nobody listens in on a socket of this machine.
        return Connection(address, token)
    return Connection(
        address,
        token,
        _content(variables, CA_VARIABLE),
        _content(variables, CERTIFICATE_VARIABLE),
        _content(variables, KEY_VARIABLE),
    )


def _content(variables: Mapping[str, str], variable: str) -> bytes | None:
    file = variables.get(variable, "")
    if not file:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise _wrong(variable, f"{file} cannot be read: {error.strerror}", "name a file in PEM form") from error


def _wrong(field: str, description: str, remedy: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: {description}",
        reason="INVALID_CONNECTION",
        remedy=remedy,
        violations=(Violation(field, description),),
    )
