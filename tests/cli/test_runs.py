"""``spiritsafe distill run --detach`` and what follows it, with a real worker and real stage processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from distill.runs.store import RunStore
from distill.workflow.lock import WORKER_LOCK, has_worker
from tests.cli.conftest import Command
from tests.distill.site import stage_processes

RECIPE = """
[teacher]
model_id = "teacher"
base.stand_in = "xlam"
training = {epochs = 1000, batch_size = 8, checkpoint_steps = 2}

[student]
model_id = "student"
family = "qwen3"
base.stand_in = "qwen3"
licenses = ["apache-2.0"]

[environment]
name = "support_desk"
teacher_scenarios = 16
rollout_scenarios = 16
evaluation_scenarios = 4
"""
SECONDS = 120


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A small recipe whose first stage goes on for as long as it is let."""
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    return file


@pytest.fixture
def workers(home: Path) -> Iterator[Callable[[], int]]:
    """Gives the process id of the worker that serves the home; one that still lives at the end is killed."""

    def worker() -> int:
        wait_for(lambda: has_worker(home) and (home / WORKER_LOCK).read_text() != "", "worker")
        return int((home / WORKER_LOCK).read_text())

    yield worker
    if has_worker(home):
        os.kill(worker(), signal.SIGKILL)


def wait_for(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.1)


def detached(*arguments: str) -> Any:
    """What a command that starts a worker prints; a process of its own, since the worker outlives it."""
    command = [sys.executable, "-m", "cli.main", "distill", *arguments, "--detach", "--format", "json"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def trained_steps(home: Path, run_id: str) -> int:
    """Steps of the first stage so far."""
    with closing(RunStore(home)) as store:
        told = [event.done for event in store.events(run_id) if event.type == "progress"]
    return max(told, default=0)


def test_a_detached_run_loses_its_worker_is_resumed_and_cancelled(
    spiritsafe: Command, home: Path, recipe: Path, workers: Callable[[], int]
) -> None:
    def shown(verb: str, code: int = exits.DONE) -> Any:
        done = spiritsafe("distill", verb, run_id, "--format", "json")
        assert done.code == code, done.err
        return done.data

    made = detached("run", str(recipe))
    run_id = made["name"].removeprefix("runs/")
    assert made["state"] == "queued"

    wait_for(lambda: stage_processes(home), "stage process")
    first = workers()
    assert (shown("status")["state"], shown("status")["stages"][0]["state"]) == ("running", "running")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not stage_processes(home), "end of the stage with its worker", 10)
    assert shown("status")["state"] == "running"
    assert not has_worker(home)

    assert detached("resume", run_id)["name"] == made["name"]
    wait_for(lambda: shown("status")["stages"][0]["attempts"] == 2, "second attempt")
    wait_for(lambda: stage_processes(home), "stage process")
    assert workers() != first
    wait_for(lambda: trained_steps(home, run_id), "progress in training")
    assert len(stage_processes(home)) == 1

    shown("cancel")
    wait_for(lambda: shown("status")["state"] == "cancelled", "end of the run", 30)
    wait_for(lambda: not stage_processes(home), "end of the stage", 10)
    wait_for(lambda: not has_worker(home), "end of the worker, which has nothing left to do", 30)
    assert shown("watch", exits.FAILED)["state"] == "cancelled"
    (listed,) = spiritsafe("distill", "list", "--format", "json").data["runs"]
    assert (listed["name"], listed["state"]) == (made["name"], "cancelled")
