"""The embedded server: the two services in this process, on a socket that only this user can reach."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from spiritsafe.client import Client
from spiritsafe.errors import FailedPrecondition, Unavailable

if TYPE_CHECKING:
    from registry.server import Register, RegistryServer

GRACE_SECONDS = 5.0
LOG_FILE = "server.log"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server answers, and a token that it takes."""

    address: str
    token: str


@contextmanager
def serve(home: Path, *, demo: bool | None = None, distillation: bool = False) -> Iterator[Endpoint]:
    """Runs the registry over ``home`` for the length of the context, and the distillation service where asked to.

    Any number of processes may do so at once. Raises FailedPrecondition, before it makes the home, where the
    distillation service is asked for and not installed.
    """
    from registry.home import open_home
    from registry.server import RegistryServer

    if distillation:
        _check_distillation()
    registry = open_home(home, demo=demo)
    with closing(registry.database), tempfile.TemporaryDirectory(prefix="spiritsafe-") as folder:
        # The folder is made with mode 0700: the socket is out of other users' reach.
        endpoint = Endpoint(f"unix:{folder}/socket", owner_token(home))
        with ExitStack() as stack:
            stack.enter_context(_log_to(home / LOG_FILE))
            services = [distillation_service(home, lambda: endpoint, stack)] if distillation else []
            thread = _ServerThread(RegistryServer(registry, services=services), endpoint.address)
            thread.start()
            stack.callback(thread.stop)
            thread.ready.result()
            yield endpoint


@contextmanager
def _log_to(file: Path) -> Iterator[None]:
    """Keeps what the server says to its operator out of what the command says to its user."""
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def has_distillation() -> bool:
    """Whether the distillation service is installed here: the extra `service` brings what it needs."""
    return importlib.util.find_spec("dbos") is not None


def distillation_service(home: Path, endpoint: Callable[[], Endpoint], stack: ExitStack) -> Register:
    """Adds the distillation service, which must be installed, to a server that will answer at ``endpoint``.

    Its own client of the registry is closed with ``stack``.
    """
    from distill.service import RunService

    @cache
    def registry() -> Client:
        where = endpoint()
        return stack.enter_context(Client(where.address, where.token))

    return RunService(home, registry).add_to_server


def _check_distillation() -> None:
    if not has_distillation():
        raise FailedPrecondition(
            "the distillation service is not installed here",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[service,train]', or set SPIRITSAFE_SERVER to a server that has it",
        )


def owner_token(home: Path) -> str:
    """The owner's token. Raises Unavailable for another user's home."""
    from registry.home import TOKEN_FILE

    file = home / TOKEN_FILE
    try:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise Unavailable(
            f"cannot read {file}: {error.strerror}",
            reason="TOKEN_UNREADABLE",
            remedy="run as the user who created this home, or name one of your own with --home",
        ) from error


class _ServerThread(threading.Thread):
    """An event loop of its own for the server: commands use the blocking client."""

    def __init__(self, server: RegistryServer, address: str) -> None:
        super().__init__(name="spiritsafe-embedded", daemon=True)
        self.ready: Future[str] = Future()
        self._server = server
        self._address = address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self.ready.set_result(await self._server.start(self._address))
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.ready.set_exception(error)
            return
        await self._done.wait()
        await self._server.stop(GRACE_SECONDS)

    def stop(self) -> None:
        """Drains the server and waits for the thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._done.set)
        self.join()
