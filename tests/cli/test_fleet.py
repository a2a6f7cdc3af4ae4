"""Several server processes on one port: who answers, what survives a death, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest

from cli import exits
from spiritsafe import errors
from spiritsafe.client import Client
from spiritsafe.registry.v1 import identity_pb2, model_pb2
from tests.cli.conftest import Command

SECONDS = 60
PROCESSES = 2


@dataclass(frozen=True)
class Fleet:
    """A running fleet, where it answers, and the token of its owner."""

    process: subprocess.Popen[str]
    address: str
    token: str

    def members(self) -> set[int]:
        """The process ids that serve; children of theirs are not counted."""
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def client(self) -> Client:
        return Client(self.address, self.token)


@pytest.fixture
def fleet(home: Path) -> Iterator[Fleet]:
    arguments = ["serve", "--port", "0", "--home", str(home), "--processes", str(PROCESSES), "--format", "json"]
    command = [sys.executable, "-m", "cli.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        yield Fleet(process, announced["address"], Path(announced["token_file"]).read_text().strip())
        process.send_signal(signal.SIGTERM)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def connections(pid: int, port: int) -> int:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in found)


def test_connections_are_spread_and_see_one_registry(fleet: Fleet) -> None:
    port = int(fleet.address.rpartition(":")[2])
    with ExitStack() as stack:
        # Channels of one process share a connection unless told not to.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [stack.enter_context(grpc.insecure_channel(fleet.address, options)) for _ in range(24)]
        for channel in channels:
            grpc.channel_ready_future(channel).result(SECONDS)
        counts = [connections(pid, port) for pid in fleet.members()]
    assert len(counts) == PROCESSES
    assert sum(counts) == 24
    assert all(counts)


def create(client: Client, slug: str) -> bool:
    """Whether it was confirmed; a process that drains or dies refuses, or breaks off."""
    try:
        client.models.CreateModel(model_pb2.CreateModelRequest(parent="namespaces/default", model_id=slug), timeout=20)
    except errors.AlreadyExists:
        # It was made by a call whose answer was lost.
        return True
    except errors.Unavailable:
        return False
    return True


def test_all_are_replaced_and_none_of_the_work_is_lost(fleet: Fleet) -> None:
    before, confirmed, stop = fleet.members(), [], threading.Event()

    def work() -> None:
        with fleet.client() as client:
            number = 0
            while not stop.is_set():
                if create(client, f"m{number}"):
                    confirmed.append(f"m{number}")
                    number += 1

    worker = threading.Thread(target=work)
    worker.start()
    fleet.process.send_signal(signal.SIGHUP)
    eventually(lambda: not before & fleet.members() and len(fleet.members()) == PROCESSES)
    done = len(confirmed)
    eventually(lambda: len(confirmed) > done)
    stop.set()
    worker.join()
    with fleet.client() as client:
        listed = client.models.ListModels(model_pb2.ListModelsRequest(parent="namespaces/default", page_size=1000))
    assert {model.name.rpartition("/")[2] for model in listed.models} >= set(confirmed)


def test_a_process_that_died_is_replaced_while_the_other_serves(fleet: Fleet) -> None:
    victim = min(fleet.members())
    os.kill(victim, signal.SIGKILL)
    with fleet.client() as client:
        eventually(lambda: create(client, "tool"))
    eventually(lambda: victim not in fleet.members() and len(fleet.members()) == PROCESSES)


def test_all_drain_on_a_signal(fleet: Fleet) -> None:
    members = fleet.members()
    fleet.process.send_signal(signal.SIGTERM)
    assert fleet.process.wait(SECONDS) == 0
    assert not any(psutil.pid_exists(pid) for pid in members)


def test_none_outlives_the_one_that_started_it(fleet: Fleet) -> None:
    members = [psutil.Process(pid) for pid in fleet.members()]
    fleet.process.kill()
    _, alive = psutil.wait_procs(members, timeout=SECONDS)
    assert alive == []
    with fleet.client() as client, pytest.raises(errors.Unavailable):
        client.identity.GetCaller(identity_pb2.GetCallerRequest())


def test_a_port_that_another_fleet_shares_is_taken(fleet: Fleet, spiritsafe: Command, tmp_path: Path) -> None:
    port = fleet.address.rpartition(":")[2]
    done = spiritsafe("serve", "--port", port, "--home", tmp_path / "other", "--processes", 2, "--format", "json")
    assert (done.code, done.error["reason"]) == (exits.UNAVAILABLE, "ADDRESS_UNUSABLE")
