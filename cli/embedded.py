"""The embedded server: the two services in this process, on a socket that only this user can reach."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spiritsafe.errors import Unavailable

if TYPE_CHECKING:
    import grpc

    from registry.context import Registry
    from registry.server import RegistryServer

GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server answers, and a token that it takes."""

    address: str
    token: str


@contextmanager
def serve(home: Path, *, demo: bool | None = None) -> Iterator[Endpoint]:
    """Runs the services over ``home`` for the length of the context. Any number of processes may do so at once."""
    from registry.home import TOKEN_FILE, open_home

    registry = open_home(home, demo=demo)
    with closing(registry.database), tempfile.TemporaryDirectory(prefix="spiritsafe-") as folder:
        # The folder is made with mode 0700: the socket is out of other users' reach.
        thread = _ServerThread(home, registry, f"unix:{folder}/socket")
        thread.start()
        try:
            yield Endpoint(thread.ready.result(), _read_token(home / TOKEN_FILE))
        finally:
            thread.stop()


def _read_token(file: Path) -> str:
    """The owner's token. Raises Unavailable for another user's home."""
    try:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise Unavailable(
            f"cannot read {file}: {error.strerror}",
            reason="TOKEN_UNREADABLE",
            remedy="run as the user who created this home, or name one of your own with --home",
        ) from error


async def start_server(home: Path, registry: Registry, address: str) -> tuple[RegistryServer, str]:
    """Starts a server of both services over ``home``; gives it and the address bound."""
    from registry.server import RegistryServer

    server = RegistryServer(registry, services=_distillation(home, address))
    return server, await server.start(address)


def _distillation(home: Path, address: str) -> list[Callable[[grpc.aio.Server], None]]:
    del home, address
    return []


class _ServerThread(threading.Thread):
    """An event loop of its own for the server: commands use the blocking client."""

    def __init__(self, home: Path, registry: Registry, address: str) -> None:
        super().__init__(name="spiritsafe-embedded", daemon=True)
        self.ready: Future[str] = Future()
        self._home = home
        self._registry = registry
        self._address = address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            server, bound = await start_server(self._home, self._registry, self._address)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.ready.set_exception(error)
            return
        self.ready.set_result(bound)
        await self._done.wait()
        await server.stop(GRACE_SECONDS)

    def stop(self) -> None:
        """Drains the server and waits for the thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._done.set)
        self.join()
