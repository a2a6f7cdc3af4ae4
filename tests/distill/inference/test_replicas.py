"""Copies of a model in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from distill.errors import ReplicaLost
from distill.families import family_named
from distill.families.base import Prompt
from distill.inference.generate import LoadedModel, generate, load
from distill.inference.replicas import replicas
from distill.standins import checkpoint
from distill.standins.corpus import call_exercises


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(checkpoint("xlam")), None, family_named("xlam"))


def prompts(count: int) -> list[Prompt]:
    exercises = [call_exercises(seed, (1, 2, 3), 0.2, 1)[0] for seed in range(900_000, 900_000 + count)]
    return [Prompt(exercise.messages[:1], exercise.tools) for exercise in exercises]


def children() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in listed.split()}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_replicas_write_what_the_model_writes(loaded: LoadedModel, count: int) -> None:
    asked = prompts(13)
    others = children()
    alone = generate(loaded, asked, max_new_tokens=40, batch_size=4)
    with replicas(loaded, count) as write:
        assert generate(loaded, asked, max_new_tokens=40, batch_size=4, write=write) == alone
        assert generate(loaded, asked[:3], max_new_tokens=40, write=write) == alone[:3]
        assert len(children() - others) == (count if count > 1 else 0)
    assert children() == others


def test_several_threads_are_not_copied(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    others = children()
    with replicas(loaded) as write:
        assert generate(loaded, prompts(2), max_new_tokens=4, write=write)
        assert children() == others


def test_a_lost_replica_is_told(loaded: LoadedModel) -> None:
    others = children()
    with replicas(loaded, 2) as write:
        generate(loaded, prompts(4), max_new_tokens=2, batch_size=2, write=write)
        os.kill((children() - others).pop(), signal.SIGKILL)
        time.sleep(1)  # the pool notices by itself, and ends the other one
        with pytest.raises(ReplicaLost, match="memory"):
            generate(loaded, prompts(4), max_new_tokens=2, batch_size=2, write=write)


ALIVE = """
import os, sys, time
import torch
from distill.families import family_named
from distill.inference.generate import load
from distill.inference.replicas import replicas

torch.set_num_threads(1)
loaded = load(sys.argv[1], None, family_named("xlam"))
with replicas(loaded, 2) as write:
    list(write([[[5, 6]], [[7]]], 1))
    print(open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read(), flush=True)
    time.sleep(600)
"""


def test_replicas_die_with_their_process() -> None:
    command = [sys.executable, "-c", ALIVE, str(checkpoint("xlam"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        copies = [Path("/proc") / pid for pid in process.stdout.readline().split()]
        assert len(copies) == 2
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while any(copy.exists() for copy in copies):
            assert time.monotonic() < deadline
            time.sleep(0.05)
