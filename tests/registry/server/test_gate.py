"""The gate over a real socket: every arity, synchronous and asynchronous; errors, cancellation, slow clients."""

from __future__ import annotations

import contextlib
import getpass
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy.exc import OperationalError

from registry.context import Registry
from registry.server import Register
from spiritsafe import errors
from spiritsafe.rpc.caller import current_caller
from spiritsafe.rpc.status import from_rpc_error
from tests.registry.serving import Served, serve

# Probes stand behind paths of the contract, since the gate lets no others through.
SERVICE, METHOD = "spiritsafe.distill.v1.RunService", "GetRun"
ARITIES = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
Serve = Callable[..., Served]


def probe(behaviour: Callable[..., Any], arity: str = "unary_unary", method: str = METHOD) -> Register:
    """Adds a handler over raw bytes."""

    def register(server: grpc.aio.Server) -> None:
        handler = getattr(grpc, f"{arity}_rpc_method_handler")(behaviour)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {method: handler}),))

    return register


@pytest.fixture
def serving(home: Path, registry: Registry, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with the given extra services."""
    with ExitStack() as stack:
        yield lambda *services, threads=4: serve(
            home, registry, f"unix:{tmp_path}/socket", stack, services=services, threads=threads
        )


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    with grpc.insecure_channel(f"unix:{tmp_path}/socket") as opened:
        yield opened


def bearer(served: Served) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {(served.home / 'token').read_text().strip()}")]


def call(channel: Any, served: Served, arity: str, sent: Any, method: str = METHOD, **options: Any) -> Any:
    return getattr(channel, arity)(f"/{SERVICE}/{method}")(sent, metadata=bearer(served), timeout=30, **options)


def sync_echo(request: Any, _context: Any) -> bytes:
    sent = request if isinstance(request, bytes) else b"".join(request)
    return sent + current_caller().identity.encode()


def sync_echoes(request: Any, _context: Any) -> Iterator[bytes]:
    yield from [request] if isinstance(request, bytes) else request
    yield current_caller().identity.encode()


async def async_echo(request: Any, _context: Any) -> bytes:
    sent = request if isinstance(request, bytes) else b"".join([one async for one in request])
    return sent + current_caller().identity.encode()


async def async_echoes(request: Any, _context: Any) -> AsyncIterator[bytes]:
    if isinstance(request, bytes):
        yield request
    else:
        async for one in request:
            yield one
    yield current_caller().identity.encode()


@pytest.mark.parametrize("native", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("arity", ARITIES)
def test_every_arity_carries_messages_and_the_caller(serving: Serve, channel: Any, arity: str, native: bool) -> None:
    many_answers = arity.endswith("stream")
    behaviours = {(False, False): sync_echo, (False, True): sync_echoes}
    behaviours |= {(True, False): async_echo, (True, True): async_echoes}  # type: ignore[dict-item] # any behaviour
    served = serving(probe(behaviours[native, many_answers], arity))
    sent: Any = b"ab" if arity.startswith("unary") else iter([b"a", b"b"])
    answer = call(channel, served, arity, sent)
    received = b"".join(answer) if many_answers else answer
    assert received == b"ab" + getpass.getuser().encode()


def failing(error: Exception, after: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def answers(_request: Any, _context: Any) -> Iterator[bytes]:
        yield from [b"x"] * after
        raise error

    async def native(_request: Any, _context: Any) -> AsyncIterator[bytes]:
        for _ in range(after):
            yield b"x"
        raise error

    return answers, native


@pytest.mark.parametrize("native", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("after", [0, 3])
def test_an_error_inside_a_stream_keeps_its_details(serving: Serve, channel: Any, after: int, native: bool) -> None:
    error = errors.PolicyDenied("no", reason="R", remedy="ask", violations=(errors.Violation("f", "d"),))
    served = serving(probe(failing(error, after)[native], "unary_stream"))
    received = []
    with pytest.raises(grpc.RpcError) as raised:
        received += [*call(channel, served, "unary_stream", b"")]
    decoded = from_rpc_error(raised.value)
    assert isinstance(decoded, errors.PolicyDenied)
    assert (decoded.message, decoded.reason, decoded.remedy) == ("no", "R", "ask")
    assert decoded.violations == error.violations


def raising(error: Exception) -> Callable[[Any, Any], bytes]:
    def behaviour(_request: Any, _context: Any) -> bytes:
        raise error

    return behaviour


def refusal(channel: Any, served: Served) -> errors.SpiritsafeError:
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, served, "unary_unary", b"")
    return from_rpc_error(raised.value)


def test_a_defect_is_logged_and_not_told(serving: Serve, channel: Any, caplog: pytest.LogCaptureFixture) -> None:
    served = serving(probe(raising(RuntimeError("secret detail"))))
    refused = refusal(channel, served)
    assert isinstance(refused, errors.Internal)
    assert "secret detail" not in str(refused)
    assert "secret detail" in caplog.text
    assert refused.metadata["incident"] in caplog.text
    assert refused.metadata["incident"] in refused.remedy


def test_a_busy_database_is_worth_another_try(serving: Serve, channel: Any) -> None:
    busy = OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))
    refused = refusal(channel, serving(probe(raising(busy))))
    assert isinstance(refused, errors.Unavailable)
    assert (refused.reason, bool(refused.remedy)) == ("DATABASE_BUSY", True)


def full() -> sqlite3.OperationalError:
    """What SQLite says when a write finds no room."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as raised:
            connection.execute("CREATE TABLE t (c)")
    return raised.value


def test_a_full_disk_under_the_database_is_told(serving: Serve, channel: Any) -> None:
    refused = refusal(channel, serving(probe(raising(OperationalError("INSERT", {}, full())))))
    assert isinstance(refused, errors.ResourceExhausted)
    assert refused.reason == "DATABASE_FULL"
    assert "free space" in refused.remedy


def test_an_error_too_long_for_metadata_still_arrives(serving: Serve, channel: Any) -> None:
    violations = tuple(errors.Violation("f", "v" * 200) for _ in range(100))
    long = errors.PolicyDenied("m" * 20_000, reason="R", remedy="ask", violations=violations)
    refused = refusal(channel, serving(probe(raising(long))))
    assert isinstance(refused, errors.PolicyDenied)
    assert (refused.reason, refused.remedy) == ("R", "ask")
    assert refused.message.startswith("mmm")


def test_a_method_that_names_no_permission_is_refused(serving: Serve, channel: Any) -> None:
    served = serving(probe(sync_echo, method="NotInTheContract"))
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, served, "unary_unary", b"", method="NotInTheContract")
    refused = from_rpc_error(raised.value)
    assert isinstance(refused, errors.PermissionDenied)
    assert refused.reason == "METHOD_WITHOUT_PERMISSION"


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer  ", "sst_token"])
def test_other_forms_of_authorization_are_refused(serving: Serve, channel: Any, header: str) -> None:
    serving(probe(sync_echo))
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(f"/{SERVICE}/{METHOD}")(b"", metadata=[("authorization", header)], timeout=30)
    assert from_rpc_error(raised.value).reason == "TOKEN_MISSING"


class Endless:
    """A response stream that counts what it made and notices its end."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = threading.Event()

    def answers(self, _request: Any, _context: Any) -> Iterator[bytes]:
        try:
            while True:
                self.made += 1
                yield bytes(256 << 10)
        finally:
            self.closed.set()

    async def native(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                self.made += 1
                yield bytes(256 << 10)
        finally:
            self.closed.set()


@pytest.mark.parametrize("native", [False, True], ids=["sync", "async"])
def test_a_slow_reader_holds_neither_memory_nor_a_thread(serving: Serve, channel: Any, native: bool) -> None:
    endless = Endless()
    served = serving(probe(endless.native if native else endless.answers, "unary_stream"), threads=1)
    stream = call(channel, served, "unary_stream", b"")
    next(stream)
    made = 0
    while made != endless.made:  # until the flow-control window is full
        made = endless.made
        assert made < 64  # 16 MiB of an endless stream
        time.sleep(0.3)
    assert served.token("bo@example.com", ["reader"]).secret  # the only worker is free
    stream.cancel()
    assert endless.closed.wait(10)


def test_a_stream_cancelled_while_a_thread_works_on_it_is_closed_afterwards(
    serving: Serve, channel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    working, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def answers(_request: Any, _context: Any) -> Iterator[bytes]:
        try:
            working.set()
            go_on.wait(30)
            yield b""
        finally:
            closed.set()

    served = serving(probe(answers, "unary_stream"))
    stream = call(channel, served, "unary_stream", b"")
    assert working.wait(10)
    stream.cancel()
    served.token("bo@example.com", ["reader"])  # by its answer the server has seen the cancellation
    go_on.set()
    assert closed.wait(10)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


class Stalled:
    """A handler that waits for messages; counts when its wait begins and when it ends."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.done = threading.Semaphore(0)

    def receive(self, requests: Iterator[bytes], _context: Any) -> bytes:
        try:
            for _ in requests:
                self.begun.release()
        finally:
            self.done.release()
        return b""


def unfinished(release: threading.Event) -> Iterator[bytes]:
    yield b"begin"
    release.wait(30)


def test_stalled_uploads_leave_the_workers_free_and_end_when_cancelled(serving: Serve, channel: Any) -> None:
    stalled, release = Stalled(), threading.Event()
    served = serving(probe(stalled.receive, "stream_unary"), threads=1)
    start = channel.stream_unary(f"/{SERVICE}/{METHOD}").future
    uploads = [start(unfinished(release), metadata=bearer(served), timeout=60) for _ in range(8)]
    for _ in uploads:
        assert stalled.begun.acquire(timeout=10)
    assert served.token("bo@example.com", ["reader"]).secret
    for upload in uploads:
        upload.cancel()
    for _ in uploads:
        assert stalled.done.acquire(timeout=10)
    release.set()


def test_a_drain_ends_a_stalled_upload(home: Path, registry: Registry, tmp_path: Path, channel: Any) -> None:
    stalled, release = Stalled(), threading.Event()
    with ExitStack() as stack:
        served = serve(
            home, registry, f"unix:{tmp_path}/socket", stack, services=[probe(stalled.receive, "stream_unary")]
        )
        upload = channel.stream_unary(f"/{SERVICE}/{METHOD}").future(unfinished(release), metadata=bearer(served))
        assert stalled.begun.acquire(timeout=10)
        served.thread.stop(grace_seconds=0.2)
    with pytest.raises(grpc.RpcError):
        upload.result(timeout=10)
    release.set()
    assert stalled.done.acquire(blocking=False)
