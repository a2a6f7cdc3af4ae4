"""The worker's end of a sandbox's process: starting it, talking to it within time, and what its end means."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from distill.environments.confinement import TOO_MANY_PROCESSES, TOO_MUCH_MEMORY, descendants
from distill.environments.definitions import McpServer, Setup
from distill.environments.limits import Failure
from distill.errors import SandboxRefused
from distill.trajectories.types import JsonValue

_READ_BYTES = 1 << 16
_END_SECONDS = 5.0


class ProcessLost(Exception):
    """No result will come any more, and why. The process is gone, with all that it had started."""

    def __init__(self, code: Failure, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class SandboxProcess:
    """A process that runs jobs, from its start until ``stop``.

    Raises:
        SandboxRefused: a variable that an environment needs is not set.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        environment = _environment(setup)
        self._unread = b""
        # A file, for nobody reads it while the process runs, and a full pipe would stop it.
        self._prints = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the process
        self._child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "distill.environments.child", json.dumps(setup.to_json())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._prints,
            env=environment,
            start_new_session=not setup.only_built_in,
        )
        self._writer: Thread | None = None

    def send(self, rows: Iterable[Mapping[str, JsonValue]]) -> None:
        """Send requests, beside the reading: or both sides would wait for each other over full pipes."""
        if self._writer is not None:
            self._writer.join()
        self._writer = Thread(target=self._write, args=(rows,))
        self._writer.start()

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next row, at the latest when ``time.monotonic`` reaches ``deadline``.

        Raises:
            ProcessLost: none will come.
            SandboxRefused: the process cannot be confined as it must be.
        """
        try:
            row: dict[str, Any] = json.loads(self._line(deadline))
        except ValueError:
            raise self._lost("not_executed", "it wrote into the channel of the results") from None
        if "refused" in row:
            self.stop()
            raise SandboxRefused(row["refused"])
        return row

    def stop(self) -> None:
        """End it and all that it has started. Does nothing where that is done."""
        if self._child.poll() is None:
            self._end()
        if self._writer is not None:
            self._writer.join()
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.stdout.close()
        self._prints.close()

    def _end(self) -> None:
        if self._setup.only_built_in:
            self._child.kill()
        else:
            self._child.terminate()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            # Its supervisor has been stopped by what it supervises.
            for process in (*descendants(self._child.pid), self._child.pid):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._child.wait()

    def _line(self, deadline: float) -> bytes:
        assert self._child.stdout is not None
        while b"\n" not in self._unread:
            if not select.select([self._child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self._lost("timed_out", "its time was up")
            read = os.read(self._child.stdout.fileno(), _READ_BYTES)
            if not read:
                raise self._ended()
            self._unread += read
            if len(self._unread) > self._setup.limits.output_bytes + _READ_BYTES:
                raise self._lost("output_limit", "it wrote into the channel of the results")
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _ended(self) -> ProcessLost:
        code = self._child.wait()
        if code in _ENDINGS:
            return self._lost(*_ENDINGS[code])
        told = f"signal {code - 128}" if code > 128 else f"signal {-code}" if code < 0 else f"exit code {code}"
        return self._lost("exited", f"it ended with {told}: {self._last_words()}")

    def _last_words(self) -> str:
        self._prints.seek(0, os.SEEK_END)
        self._prints.seek(max(0, self._prints.tell() - _READ_BYTES))
        lines = self._prints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def _lost(self, code: Failure, reason: str) -> ProcessLost:
        self.stop()
        return ProcessLost(code, reason)

    def _write(self, rows: Iterable[Mapping[str, JsonValue]]) -> None:
        assert self._child.stdin is not None
        # A process that is gone is noticed where its results are read.
        with suppress(BrokenPipeError, ValueError):
            for row in rows:
                self._child.stdin.write(json.dumps(row).encode() + b"\n")
            self._child.stdin.flush()


_ENDINGS: Mapping[int, tuple[Failure, str]] = {
    TOO_MUCH_MEMORY: ("out_of_memory", "its processes used more memory than they may"),
    TOO_MANY_PROCESSES: ("forked", "it started more processes than it may"),
    128 + signal.SIGXCPU: ("timed_out", "its processor time was up"),
    128 + signal.SIGXFSZ: ("output_limit", "it wrote a file that is longer than it may be"),
}


def _environment(setup: Setup) -> dict[str, str]:
    """No variable of the worker's but the module path, where programs are, and those that environments name."""
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if setup.only_built_in:
        return {"PYTHONPATH": paths}
    servers = [one for one in setup.definitions.values() if isinstance(one, McpServer)]
    named = [name for server in servers for name in server.variables]
    for name in named:
        if name not in os.environ:
            raise SandboxRefused(f"the variable {name}, which the environment needs, is not set")
    kept = ("PATH", "HOME", "LANG", *named)
    return {"PYTHONPATH": paths, **{name: os.environ[name] for name in kept if name in os.environ}}


def network_refusal() -> str:
    """Why a process of this machine cannot be cut off from networks, or empty: tried in a process of its own."""
    program = (
        "import sys; from distill.environments.confinement import leave_network; sys.exit(leave_network() or None)"
    )
    command = [sys.executable, "-P", "-c", program]
    tried = subprocess.run(  # noqa: S603 - our own module, no shell
        command, env=_environment(Setup()), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return tried.stderr.strip()
