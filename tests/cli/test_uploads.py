"""Uploads that go wrong half-way, on real servers: a clear error, nothing half-written, and the same command again."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

MIB = 1 << 20
BIG = "weights.safetensors"


@pytest.fixture
def big_weights(weights: Path) -> Path:
    """Two small files and one that takes a while to send; it takes no room on disk itself."""
    with (weights / BIG).open("wb") as file:
        file.truncate(96 * MIB)
    return weights


def registering(folder: Path) -> list[str]:
    return ["model", "register", "tool", str(folder), "--kind", "full", "--license", "mit", "--format", "json"]


def stored(home: Path) -> list[str]:
    """Names of the blobs that are visible."""
    return [path.name for path in (home / "blobs").glob("??/*")]


def half_written(home: Path) -> list[Path]:
    return list((home / "blobs" / "incoming").glob("*"))


def versions(spiritsafe: Command) -> list[tuple[str, str]]:
    listed = spiritsafe("version", "list", "tool", "--format", "json").data["versions"]
    return [(version["name"].rpartition("/")[2], version["state"]) for version in listed]


def check_completed(spiritsafe: Command, home: Path, folder: Path) -> None:
    """The same command again has finished the one version."""
    done = spiritsafe(*registering(folder))
    assert done.code == exits.DONE, done.err
    assert versions(spiritsafe) == [("1", "ready")]
    assert half_written(home) == []
    assert len(stored(home)) == len(list(folder.iterdir()))
    chain = spiritsafe("audit", "verify", "--format", "json")
    assert (chain.code, chain.data["verified"]) == (exits.DONE, True)


@contextmanager
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A server of its own over the home, with the commands of this test sent to it."""
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--home", str(home), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            announced = json.loads(process.stdout.readline())
            monkeypatch.setenv("SPIRITSAFE_SERVER", announced["address"])
            monkeypatch.setenv("SPIRITSAFE_TOKEN", Path(announced["token_file"]).read_text().strip())
            yield process
        finally:
            process.kill()


def limit_files(process: subprocess.Popen[str], size_bytes: int) -> None:
    """Lets the process write no file larger than this: its kernel then refuses the write, as on a full disk."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def test_a_store_without_room(
    spiritsafe: Command, home: Path, big_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(home, monkeypatch) as process:
        assert spiritsafe("model", "create", "tool").code == exits.DONE
        limit_files(process, 8 * MIB)
        done = spiritsafe(*registering(big_weights))
        assert (done.code, done.out) == (exits.FAILED, "")
        assert (done.error["code"], done.error["reason"]) == ("RESOURCE_EXHAUSTED", "STORE_FULL")
        assert "no room" in done.error["message"]
        assert "free space" in done.error["remedy"]
        assert str(home) not in done.err
        assert half_written(home) == []
        # The two small files fitted; they are whole and wait for the version to be completed.
        assert len(stored(home)) == 2
        assert versions(spiritsafe) == [("1", "draft")]
        limit_files(process, resource.RLIM_INFINITY)
        check_completed(spiritsafe, home, big_weights)


def test_a_command_killed_in_the_middle_of_an_upload(spiritsafe: Command, home: Path, big_weights: Path) -> None:
    assert spiritsafe("model", "create", "tool").code == exits.DONE
    # At the lowest priority, so that it cannot finish before this process looks.
    command = ["nice", "-n", "19", sys.executable, "-m", "cli.main", *registering(big_weights)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > MIB for path in half_written(home)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    (leftover,) = half_written(home)
    assert leftover.stat().st_size < (big_weights / BIG).stat().st_size
    assert len(stored(home)) == 2
    assert versions(spiritsafe) == [("1", "draft")]
    assert half_written(home) == []
    check_completed(spiritsafe, home, big_weights)
