"""A registry and a run service in one real server, workers as real processes, and what runs on the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distill.runs.store import RunStore
from distill.service import RunService
from registry.home import open_home
from spiritsafe.client import SERVER_VARIABLE, TOKEN_VARIABLE, Client
from spiritsafe.distill.v1 import run_pb2
from tests.registry.serving import Served, serve


def _is_killed(process: Path) -> bool:
    """Whether SIGKILL waits for a process: it will not get to run another step, however long it takes to go."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return True
    pending = (int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))
    return any(mask >> signal.SIGKILL - 1 & 1 for mask in pending)


def stage_processes(home: Path) -> dict[int, str]:
    """Living stages of a home by process id, whoever started them; without the copies that a stage makes of itself."""
    found: dict[int, str] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            ours = b"distill.stages" in command and any(str(home).encode() in part for part in command)
            if ours and state != "Z" and not _is_killed(folder):
                found[int(folder.name)] = command[command.index(b"distill.stages") + 1].decode()
                parents[int(folder.name)] = int(parent)
    return {pid: stage for pid, stage in found.items() if parents[pid] not in found}


class Site:
    """One home of the distillation service beside one registry."""

    def __init__(self, home: Path, served: Served) -> None:
        self.home = home
        self.served = served
        self.client: Client = served.admin
        self.store = RunStore(home)
        self.token = (served.home / "token").read_text().strip()

    def create(self, recipe: run_pb2.Recipe, run_id: str = "one") -> run_pb2.Run:
        return self.client.runs.CreateRun(run_pb2.CreateRunRequest(recipe=recipe, run_id=run_id)).run

    def run(self, run_id: str = "one") -> run_pb2.Run:
        return self.client.runs.GetRun(run_pb2.GetRunRequest(name=f"runs/{run_id}")).run

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker process, killed at the end if it still runs."""
        process = self.start_worker(*options)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def start_worker(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker process that uses the site's server."""
        environment = {**os.environ, SERVER_VARIABLE: self.served.address, TOKEN_VARIABLE: self.token}
        # A shell has what it starts in the background ignore this signal, and tests and workers with it.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "distill.worker", str(self.home), *options]
        return subprocess.Popen(command, env=environment)

    def stage_processes(self) -> dict[int, str]:
        """Living stages of this home by process id."""
        return stage_processes(self.home)

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Polls; on the way no two stage processes may live at once."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {seconds} s; the run: {self.run()}"
            assert len(self.stage_processes()) <= 1
            assert self.run().state != run_pb2.RUN_STATE_FAILED, self.run().error
            time.sleep(0.1)

    def wait_for_state(self, state: run_pb2.RunState.ValueType, seconds: float) -> run_pb2.Run:
        self.wait_for(lambda: self.run().state == state, seconds, run_pb2.RunState.Name(state))
        return self.run()

    def last_sequence(self) -> int:
        """Number of the run's last event."""
        last = 0
        while events := self.store.events("one", after=last):
            last = events[-1].sequence
        return last

    def progress(self, stage: str) -> list[run_pb2.RunEvent]:
        """Progress events of a stage so far."""
        return [one for one in self.store.events("one") if one.type == "progress" and one.stage == stage]


def stage_of(run: run_pb2.Run, name: str) -> run_pb2.Stage:
    """The stage of that name."""
    return next(stage for stage in run.stages if stage.name == name)


@contextmanager
def open_site(folder: Path, *, one_home: bool = False) -> Iterator[Site]:
    """A new site below ``folder``, with a home for each service, or with one for both, as embedded ones have."""
    registry_home = folder / "registry"
    home = registry_home if one_home else folder / "distill"
    registry = open_home(registry_home, demo=True)
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        clients: list[Client] = []
        service = RunService(home, lambda: clients[0])
        served = serve(registry_home, registry, f"unix:{folder}/s", stack, services=[service.add_to_server])
        clients.append(served.admin)
        yield Site(home, served)
