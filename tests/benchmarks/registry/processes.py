"""Server processes on one core, and this process, which makes the load, on another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

STOP_SECONDS = 20.0


@cache
def cores() -> tuple[set[int], set[int]]:
    """The cores of the servers and of the load: one and the rest, or the only one for both.

    Fixed by the first call: later this process is on the load's cores itself.
    """
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, set(usable[1:]) or {usable[0]}


@contextmanager
def load_core() -> Iterator[None]:
    """Keeps this process off the servers' core."""
    before, load = os.sched_getaffinity(0), cores()[1]
    os.sched_setaffinity(0, load)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def server(command: Sequence[str], log: Path, core: set[int], environment: Mapping[str, str]) -> Iterator[Path]:
    """A process with its children on one core, until the end; gives the file that its output goes to."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    # At once: what it starts later inherits this.
    os.sched_setaffinity(process.pid, core)
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_line(log: Path, start: str, seconds: float = 120.0) -> str:
    """The first line of a server's output that starts so. Raises TimeoutError with what it said instead."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith(start):
                return line
        time.sleep(0.05)
    raise TimeoutError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def wait_for_port(port: int, log: Path, seconds: float = 180.0) -> None:
    """Until somebody listens there. Raises TimeoutError with what the server said."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
