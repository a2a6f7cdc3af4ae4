"""The server itself: health, reflection, drain, TLS, addresses, concurrent writers."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from registry.context import Registry
from registry.server import RegistryServer
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2, run_pb2_grpc
from spiritsafe.registry.v1 import audit_pb2, identity_pb2
from spiritsafe.rpc.permissions import methods
from tests.registry.serving import Served, ServerThread, serve

# A self-signed certificate and its key, for these tests only.
DATA = Path(__file__).parent / "data"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def whoami(client: Client) -> str:
    return client.identity.GetCaller(identity_pb2.GetCallerRequest()).identity


def test_health_needs_no_token(server: Served) -> None:
    with grpc.insecure_channel(server.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == SERVING


def test_reflection_names_what_is_served_and_needs_no_token(server: Served) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=10)
    served = {service.name for service in answer.list_services_response.service}
    contract = {path.split("/")[1] for path, _ in methods() if path.startswith("/spiritsafe.registry.")}
    assert served == contract | {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


class SlowRuns(run_pb2_grpc.RunServiceServicer):
    """A call that is under way while the server drains."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.leave = threading.Event()

    def GetRun(self, request: run_pb2.GetRunRequest, context: grpc.ServicerContext) -> run_pb2.GetRunResponse:
        self.entered.set()
        self.leave.wait(30)
        return run_pb2.GetRunResponse(run=run_pb2.Run(name=request.name))

    def register(self, server: grpc.aio.Server) -> None:
        run_pb2_grpc.add_RunServiceServicer_to_server(self, server)


def test_a_drain_says_so_first_and_lets_running_calls_finish(home: Path, registry: Registry, tmp_path: Path) -> None:
    runs = SlowRuns()  # type: ignore[abstract] # the other methods stay unimplemented
    with ExitStack() as stack:
        served = serve(home, registry, f"unix:{tmp_path}/socket", stack, services=[runs.register])
        channel = stack.enter_context(grpc.insecure_channel(served.address))
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watch).status == SERVING
        pool = stack.enter_context(ThreadPoolExecutor(1))
        running = pool.submit(served.admin.runs.GetRun, run_pb2.GetRunRequest(name="runs/one"))
        assert runs.entered.wait(10)
        served.thread.ask_to_stop(grace_seconds=20)
        assert next(watch).status == NOT_SERVING
        assert not running.done()
        runs.leave.set()
        assert running.result(timeout=10).run.name == "runs/one"
        watch.cancel()
        with pytest.raises(errors.Unavailable):
            whoami(served.admin)


def test_a_socket_is_private_and_gone_after_the_stop(home: Path, registry: Registry, tmp_path: Path) -> None:
    with ExitStack() as stack:
        served = serve(home, registry, f"unix:{tmp_path}/socket", stack)
        assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600
        assert whoami(served.admin)
    assert not (tmp_path / "socket").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_port_zero_picks_a_free_port(home: Path, registry: Registry, host: str) -> None:
    with ExitStack() as stack:
        served = serve(home, registry, f"{host}:0", stack)
        assert served.address.startswith(f"{host}:")
        assert not served.address.endswith(":0")
        assert whoami(served.admin)


def test_tls_is_turned_on_by_credentials(home: Path, registry: Registry) -> None:
    certificate, key = (DATA / "localhost.crt").read_bytes(), (DATA / "localhost.key").read_bytes()
    thread = ServerThread(
        lambda: RegistryServer(registry), "localhost:0", grpc.ssl_server_credentials([(key, certificate)])
    )
    thread.start()
    secret = (home / "token").read_text().strip()
    with Client(thread.address(), secret, root_certificates=certificate) as trusting:
        assert whoami(trusting)
    with Client(thread.address(), secret) as plain, pytest.raises(errors.Unavailable):
        whoami(plain)
    thread.stop()


def refused_start(registry: Registry, address: str) -> errors.SpiritsafeError:
    thread = ServerThread(lambda: RegistryServer(registry), address)
    thread.start()
    with pytest.raises(errors.SpiritsafeError) as refused:
        thread.address()
    thread.join()
    return refused.value


def test_a_taken_port_is_refused(registry: Registry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = refused_start(registry, f"127.0.0.1:{taken.getsockname()[1]}")
    assert (type(refused), refused.reason) == (errors.Unavailable, "ADDRESS_UNUSABLE")


def test_a_socket_path_that_is_too_long_is_refused(registry: Registry, tmp_path: Path) -> None:
    refused = refused_start(registry, f"unix:{tmp_path}/{'x' * 108}")
    assert (type(refused), refused.reason) == (errors.InvalidArgument, "SOCKET_PATH_TOO_LONG")


def test_stopping_what_never_started_does_nothing(registry: Registry) -> None:
    asyncio.run(RegistryServer(registry).stop())


def test_writers_on_one_server_lose_nothing(server: Served, client: Callable[..., Client]) -> None:
    each, writers = 10, 8
    clients = [client("admin", identity=f"writer{number}") for number in range(writers)]

    def write(number: int) -> None:
        for step in range(each):
            token = identity_pb2.Token(identity=f"user{number}-{step}", roles=["reader"])
            clients[number].identity.CreateToken(identity_pb2.CreateTokenRequest(token=token))

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    events = server.admin.audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest(page_size=1000)).events
    assert len(events) == 1 + writers + writers * each
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert server.admin.audit.VerifyAudit(audit_pb2.VerifyAuditRequest()).verified
