"""Locks between processes, handed over when the holder dies, and turns between the threads of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from distill.errors import HomeLocked, RunCancelled
from distill.workflow.lock import Turns, has_worker, home_lock, stage_lock

HOLD = """
import sys, time
from pathlib import Path
from distill.workflow.lock import stage_lock

with stage_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_home_has_one_worker(tmp_path: Path) -> None:
    assert not has_worker(tmp_path)
    with home_lock(tmp_path):
        assert has_worker(tmp_path)
        with pytest.raises(HomeLocked, match=f"worker {os.getpid()} already serves"), home_lock(tmp_path):
            pass
    assert not has_worker(tmp_path)
    with home_lock(tmp_path):
        pass


def test_a_stage_waits_for_a_holder_on_its_way_out(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    process.send_signal(signal.SIGTERM)
    with stage_lock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    process.wait(5)
    assert process.stdout is not None
    process.stdout.close()


def test_a_stage_kills_a_holder_that_stays(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    started = time.monotonic()
    with stage_lock(tmp_path / "lock"):
        assert process.wait(5) == -signal.SIGKILL
    assert 4 < time.monotonic() - started < 15
    assert process.stdout is not None
    process.stdout.close()


def test_threads_take_turns_at_a_key() -> None:
    turns, told, order = Turns(), threading.Event(), list[str]()

    def second() -> None:
        with turns.taken("one", told.set, lambda: None):
            order.append("second")

    with turns.taken("one", pytest.fail, pytest.fail), turns.taken("another", pytest.fail, pytest.fail):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_who_waits_for_a_turn_can_be_called_off() -> None:
    turns = Turns()

    def call_off() -> None:
        raise RunCancelled

    with (
        turns.taken("one", pytest.fail, pytest.fail),
        pytest.raises(RunCancelled),
        turns.taken("one", lambda: None, call_off),
    ):
        pytest.fail("taken twice")
    with turns.taken("one", pytest.fail, pytest.fail):
        pass
