"""Kills the worker and the stages of a run at random moments, until the run has succeeded all the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from distill.recipe import STAGES, Stage
from spiritsafe.distill.v1 import run_pb2
from tests.distill.site import Site, stage_processes

# Generous: on a busy machine a stage takes minutes to load its libraries.
SECONDS = 900
POLL_SECONDS = 0.05
# In which order whom to kill. A stage dies with its worker, which does not die with its stage.
VICTIMS = (("worker", "stage"), ("stage", "worker"), ("worker",), ("stage",))
# On a quiet machine a stage loads for a few seconds, then works for about one, and registering takes less.
LOADING_SECONDS, WORKING_SECONDS, REGISTERING_SECONDS, STARTING_SECONDS = 4.0, 1.0, 0.3, 2.0
T = TypeVar("T")
Start = Callable[[], "subprocess.Popen[bytes]"]


@contextmanager
def census(home: Path) -> Iterator[list[dict[int, str]]]:
    """Watches the living stages of a home all along; gives every crowd of more than one."""
    crowds: list[dict[int, str]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            seen = stage_processes(home)
            # One may have died before another began, while the list was made: who is in two lists lived in between.
            if len(seen) > 1:
                again = stage_processes(home)
                both = {pid: stage for pid, stage in seen.items() if pid in again}
                crowds.extend([both] if len(both) > 1 else [])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield crowds
    finally:
        over.set()
        watcher.join()


def survive(site: Site, start: Start, kills: int, rng: random.Random) -> list[str]:
    """Goes through the run of ``site`` with workers that ``start`` starts, and kills so often on the way.

    The last kill is in the middle of registering, the others are anywhere before, and therefore in any stage that
    follows. Gives what was killed when.
    """
    firsts = [*sorted(rng.choices(range(len(STAGES) - 1), k=kills - 1)), len(STAGES) - 1]
    with _attack(site, start, rng) as attack:
        for first in firsts:
            attack.strike(first)
        attack.wait_for(lambda: attack.state() == run_pb2.RUN_STATE_SUCCEEDED, "success")
        attack.worker.wait(SECONDS)
        return attack.told


def survive_in(
    site: Site, start: Start, stage: Stage, kills: int, rng: random.Random, done: Callable[[], bool]
) -> list[str]:
    """As ``survive``, with every kill from this stage on, and only until ``done``."""
    with _attack(site, start, rng) as attack:
        for _ in range(kills):
            attack.strike(STAGES.index(stage))
        attack.wait_for(done, "end")
        return attack.told


@contextmanager
def _attack(site: Site, start: Start, rng: random.Random) -> Iterator[_Attack]:
    attack = _Attack(site, start, rng)
    try:
        yield attack
    finally:
        attack.worker.kill()
        attack.worker.wait()


class _Attack:
    def __init__(self, site: Site, start: Start, rng: random.Random) -> None:
        self.told: list[str] = []
        self.worker = start()
        self._site = site
        self._start = start
        self._rng = rng

    def state(self) -> run_pb2.RunState.ValueType:
        return self._site.run().state

    def strike(self, first: int) -> None:
        """Kills when the run has come to this stage; before the last, one time in five as a worker starts."""
        if self.told and STAGES[first] != "register" and self._rng.random() < 0.2:
            time.sleep(self._rng.uniform(0, STARTING_SECONDS))
            self._kill(("worker", "stage"), "a worker that starts")
            return
        seen = self._site.last_sequence()
        process, stage = self.wait_for(lambda: self._at(first), f"stage {STAGES[first]}")
        if stage == "register" and STAGES[first] != stage:
            # Its end would be the end of the attack: only the last strike waits for its middle.
            pass
        elif stage == "register":
            self.wait_for(lambda: self._works(process, stage, seen), "registered version")
            time.sleep(self._rng.uniform(0, REGISTERING_SECONDS))
        elif self._rng.random() < 0.5:
            time.sleep(self._rng.uniform(0, LOADING_SECONDS))
        else:
            self.wait_for(lambda: self._works(process, stage, seen), f"progress of {stage}")
            time.sleep(self._rng.uniform(0, WORKING_SECONDS))
        self._kill(self._rng.choice(VICTIMS), stage)

    def wait_for(self, condition: Callable[[], T | None], what: str) -> T:
        """Polls until there is something, and sees to it that somebody works on the run."""
        deadline = time.monotonic() + SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline, f"no {what} within {SECONDS} s; {self.told}; {self._site.run()}"
            self._tend()
            time.sleep(POLL_SECONDS)
        return found

    def _living(self) -> dict[int, str]:
        return self._site.stage_processes()

    def _at(self, first: int) -> tuple[int, str] | None:
        assert self.state() != run_pb2.RUN_STATE_SUCCEEDED, f"the run was over too early: {self.told}"
        return next(((pid, stage) for pid, stage in self._living().items() if stage in STAGES[first:]), None)

    def _works(self, process: int, stage: str, seen: int) -> bool:
        events = self._site.store.events("one", after=seen)
        started = max((event.sequence for event in events if event.type == "stage_started"), default=seen)
        told = any(event.type == "progress" and event.sequence > started for event in events)
        return told or self._living().get(process) != stage

    def _tend(self) -> None:
        """Does what a person would: resumes the run when the loss of a stage made it fail, and starts a worker."""
        if self.worker.poll() is None:
            return
        run = self._site.run()
        if run.state == run_pb2.RUN_STATE_FAILED:
            assert "killed by signal 9" in run.error, run.error
            self._site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name=run.name))
        if run.state != run_pb2.RUN_STATE_SUCCEEDED:
            self.worker = self._start()

    def _kill(self, victims: tuple[str, ...], moment: str) -> None:
        processes = {"worker": [self.worker.pid], "stage": list(self._living())}
        for victim in victims:
            for process in processes[victim]:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        if "worker" in victims:
            self.worker.wait()
            self.worker = self._start()
        self.told.append(f"{' and '.join(victims)} in {moment}")
