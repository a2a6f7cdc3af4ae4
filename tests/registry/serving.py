"""A real server on a unix socket in a thread, and clients with tokens of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from registry.context import Registry
from registry.server import Register, RegistryServer
from spiritsafe.client import Client
from spiritsafe.registry.v1 import identity_pb2


class ServerThread(threading.Thread):
    """Runs a server on an event loop of its own, since tests use the blocking client."""

    def __init__(
        self, make: Callable[[], RegistryServer], address: str, credentials: grpc.ServerCredentials | None = None
    ) -> None:
        super().__init__(daemon=True)
        self._credentials = credentials
        self._make = make
        self._wanted = address
        self._ready: Future[str] = Future()
        self._grace: Future[float] = Future()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            server = self._make()
            self._ready.set_result(await server.start(self._wanted, self._credentials))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
            self._ready.set_exception(error)
            return
        await server.stop(await asyncio.wrap_future(self._grace))

    def address(self) -> str:
        """Where it answers, once it does. Raises what its start raised."""
        return self._ready.result(timeout=30)

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Drains the server and waits for the thread."""
        self.ask_to_stop(grace_seconds)
        self.join(timeout=60)
        assert not self.is_alive(), "the server did not stop"

    def ask_to_stop(self, grace_seconds: float) -> None:
        """Begins the drain."""
        if not self._grace.done():
            self._grace.set_result(grace_seconds)


class Served:
    """A running server over a home, and the clients of a test."""

    def __init__(self, home: Path, registry: Registry, thread: ServerThread, stack: ExitStack) -> None:
        self.home = home
        self.registry = registry
        self.thread = thread
        self.address = thread.address()
        self._stack = stack
        self._clients: dict[tuple[object, ...], Client] = {}

    @property
    def admin(self) -> Client:
        """A client of the home's own token: every role, the user's name."""
        return self.client_of((self.home / "token").read_text().strip())

    def client_of(self, secret: str) -> Client:
        """A client with this token; the same one for the same token."""
        if (secret,) not in self._clients:
            self._clients[secret,] = self._stack.enter_context(Client(self.address, secret))
        return self._clients[secret,]

    def token(
        self,
        identity: str,
        roles: Iterable[str],
        *,
        namespaces: Iterable[str] = (),
        expire_time: Timestamp | None = None,
    ) -> identity_pb2.CreateTokenResponse:
        """Has the administrator make a token."""
        token = identity_pb2.Token(
            identity=identity, roles=list(roles), namespaces=list(namespaces), expire_time=expire_time
        )
        return self.admin.identity.CreateToken(identity_pb2.CreateTokenRequest(token=token))

    def client(self, *roles: str, identity: str = "", namespaces: Iterable[str] = ()) -> Client:
        """A client with these roles; ``identity`` defaults to one named after the first role. The same for the same."""
        identity = identity or f"{roles[0]}@example.com"
        key = (identity, roles, tuple(namespaces))
        if key not in self._clients:
            self._clients[key] = self.client_of(self.token(identity, roles, namespaces=namespaces).secret)
        return self._clients[key]


def serve(
    home: Path,
    registry: Registry,
    address: str,
    stack: ExitStack,
    *,
    services: Iterable[Register] = (),
    threads: int = 4,
) -> Served:
    """Starts a server that stops, after its clients are closed, when ``stack`` does."""
    thread = ServerThread(lambda: RegistryServer(registry, services=services, threads=threads), address)
    thread.start()
    stack.callback(thread.stop)
    return Served(home, registry, thread, stack)
