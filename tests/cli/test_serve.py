"""``spiritsafe serve`` as a process of its own, and commands that talk to it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import exits
from distill.workflow.lock import home_lock
from tests.cli.conftest import Command

SECONDS = 30


@pytest.fixture
def server(home: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = ["serve", "--port", "0", "--home", str(home), "--format", "json"]
    command = [sys.executable, "-m", "cli.main", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        yield process
        process.kill()


def test_commands_reach_a_server_until_it_drains(
    server: subprocess.Popen[str], spiritsafe: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert server.stdout is not None
    announced = json.loads(server.stdout.readline())
    token_file = Path(announced["token_file"])
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    monkeypatch.setenv("SPIRITSAFE_SERVER", announced["address"])
    refused = spiritsafe("model", "list", "--format", "json")
    assert (refused.code, refused.error["code"]) == (exits.DENIED, "UNAUTHENTICATED")
    monkeypatch.setenv("SPIRITSAFE_TOKEN", token_file.read_text().strip())
    # Another home: what is read back came from the server.
    monkeypatch.setenv("SPIRITSAFE_HOME", str(tmp_path / "other"))
    assert spiritsafe("model", "create", "tool").code == exits.DONE
    assert len(spiritsafe("model", "list", "--format", "json").data["models"]) == 1
    assert spiritsafe("distill", "list", "--format", "json").data == {"runs": []}
    assert not (tmp_path / "other").exists()
    server.send_signal(signal.SIGTERM)
    assert server.wait(SECONDS) == 0
    assert spiritsafe("model", "list").code == exits.UNAVAILABLE


def test_an_address_that_is_taken(server: subprocess.Popen[str], spiritsafe: Command, tmp_path: Path) -> None:
    assert server.stdout is not None
    port = json.loads(server.stdout.readline())["address"].rpartition(":")[2]
    done = spiritsafe("serve", "--port", port, "--home", tmp_path / "other", "--format", "json")
    assert done.code == exits.UNAVAILABLE
    assert done.error["reason"] == "ADDRESS_UNUSABLE"


def test_a_second_worker_of_a_home_is_refused(spiritsafe: Command, home: Path) -> None:
    with home_lock(home):
        done = spiritsafe("worker", "--until-idle")
        told = spiritsafe("worker", "--until-idle", "--format", "json")
    assert (done.code, done.out) == (exits.FAILED, "")
    assert f"worker {os.getpid()} already serves {home}" in done.err
    assert f"`kill {os.getpid()}`" in done.err
    assert told.error["reason"] == "HOME_LOCKED"
    assert told.error["metadata"] == {"home": str(home), "holder": str(os.getpid())}


def test_a_worker_without_work_ends(spiritsafe: Command) -> None:
    assert spiritsafe("worker", "--until-idle", "--format", "json").data["state"] == "idle"
