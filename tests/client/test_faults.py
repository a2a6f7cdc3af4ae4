"""The clients where the network or the server fails under them: everything is done once, and the call still answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from spiritsafe import NO_RETRIES, AsyncClient, Client, RetryPolicy
from spiritsafe.errors import DeadlineExceeded, NotFound, Unavailable
from spiritsafe.registry.v1 import audit_pb2, model_pb2, version_pb2
from tests.client.proxy import FaultProxy
from tests.registry.serving import Served

NAMESPACE = "namespaces/default"
PARENT = f"{NAMESPACE}/models/m"
# Enough for a proxy and a server that are back within seconds.
PATIENT = RetryPolicy(attempts=40, first_wait_seconds=0.1, longest_wait_seconds=0.5)
CREATE = version_pb2.CreateVersionRequest(
    parent=PARENT, version=version_pb2.Version(kind=version_pb2.VERSION_KIND_BASE, imported=True)
)


@pytest.fixture(autouse=True)
def model(served: Served) -> None:
    served.admin.models.CreateModel(model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="m"))


def numbers(client: Client) -> list[str]:
    found = client.versions.ListVersions(version_pb2.ListVersionsRequest(parent=PARENT)).versions
    return sorted(one.name.rpartition("/")[2] for one in found)


def committed(served: Served) -> Callable[[], bool]:
    return lambda: bool(numbers(served.admin))


def test_an_answer_that_got_lost_does_not_make_a_second_version(served: Served, proxy: FaultProxy, secret: str) -> None:
    with Client(proxy.address, secret, retry=PATIENT) as client:
        assert numbers(client) == []
        proxy.swallow_answers_until(committed(served))
        made = client.versions.CreateVersion(CREATE).version
    assert made.name == f"{PARENT}/versions/1"
    assert numbers(served.admin) == ["1"]
    events = served.admin.audit.ListAuditEvents(audit_pb2.ListAuditEventsRequest()).events
    assert sum(event.resource == made.name for event in events) == 1


def test_without_retries_the_error_says_how_to_go_on(served: Served, proxy: FaultProxy, secret: str) -> None:
    with Client(proxy.address, secret, retry=NO_RETRIES) as client:
        assert numbers(client) == []
        proxy.swallow_answers_until(committed(served))
        with pytest.raises(Unavailable) as caught:
            client.versions.CreateVersion(CREATE)
    assert caught.value.method == "spiritsafe.registry.v1.VersionService/CreateVersion"
    again = version_pb2.CreateVersionRequest()
    again.CopyFrom(CREATE)
    again.request_id = caught.value.request_id
    assert served.admin.versions.CreateVersion(again).version.name == f"{PARENT}/versions/1"
    assert numbers(served.admin) == ["1"]


def test_the_asynchronous_client_repeats_likewise(served: Served, proxy: FaultProxy, secret: str) -> None:
    async def create() -> version_pb2.Version:
        async with AsyncClient(proxy.address, secret, retry=PATIENT) as client:
            await client.versions.ListVersions(version_pb2.ListVersionsRequest(parent=PARENT))
            proxy.swallow_answers_until(committed(served))
            return (await client.versions.CreateVersion(CREATE)).version

    assert asyncio.run(create()).name == f"{PARENT}/versions/1"
    assert numbers(served.admin) == ["1"]


def test_a_server_that_never_answers_ends_with_the_deadline(served: Served, proxy: FaultProxy, secret: str) -> None:
    request = model_pb2.GetModelRequest(name=PARENT)
    with Client(proxy.address, secret, timeout_seconds=0.3) as client:
        proxy.swallow_answers_until(lambda: False)
        begun = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            client.models.GetModel(request)
        with pytest.raises(DeadlineExceeded):
            client.models.GetModel(request, timeout=0.1)
        assert time.monotonic() - begun < 5


def test_nobody_listens(tmp_path: Path) -> None:
    quick = RetryPolicy(attempts=3, first_wait_seconds=0.01)
    with Client(f"unix:{tmp_path}/nothing", retry=quick) as client, pytest.raises(Unavailable, match="running"):
        client.models.GetModel(model_pb2.GetModelRequest(name=PARENT))


def test_errors_name_their_call(served: Served, secret: str) -> None:
    request = model_pb2.GetModelRequest(name=f"{NAMESPACE}/models/none")
    with pytest.raises(NotFound) as caught:
        served.admin.models.GetModel(request)
    assert (caught.value.method, caught.value.request_id) == ("spiritsafe.registry.v1.ModelService/GetModel", "")
    given = str(uuid4())
    wrong = version_pb2.CreateVersionRequest(parent=f"{NAMESPACE}/models/none", request_id=given)
    with pytest.raises(NotFound) as caught:
        served.admin.versions.CreateVersion(wrong)
    assert caught.value.request_id == given


class Process:
    """``spiritsafe serve`` on one port, to be killed and started again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = "0"
        self._running: subprocess.Popen[str] | None = None

    def start(self) -> str:
        options = ["--port", self._port, "--home", str(self._home), "--format", "json"]
        command = [sys.executable, "-m", "cli.main", "serve", *options]
        self._running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
        assert self._running.stdout is not None
        address: str = json.loads(self._running.stdout.readline())["address"]
        self._port = address.rpartition(":")[2]
        return address

    def kill(self) -> None:
        assert self._running is not None
        with self._running as process:
            process.send_signal(signal.SIGKILL)


def test_a_server_killed_in_the_middle_and_started_again(tmp_path: Path) -> None:
    server = Process(tmp_path / "other")
    address = server.start()
    count, made, ready = 60, [], threading.Event()

    def work() -> None:
        with Client(address, (tmp_path / "other" / "token").read_text().strip(), retry=PATIENT) as client:
            client.models.CreateModel(model_pb2.CreateModelRequest(parent=NAMESPACE, model_id="m"))
            for number in range(count):
                made.append(client.versions.CreateVersion(CREATE).version.name)
                if number == 5:
                    ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(30)
        server.kill()
        before = len(made)
        assert before < count
        server.start()
        thread.join(60)
        assert made == [f"{PARENT}/versions/{number}" for number in range(1, count + 1)]
    finally:
        server.kill()
