"""Running jobs in a child process, so that no environment's code runs in a worker.

The child is ``python -m distill.environments.sandbox``: jobs as JSON lines on its input, one result line a job. It
inherits no environment variable but the module path, so credentials of the worker stay out of it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Self, TextIO

from distill.environments.execution import (
    Execution,
    Job,
    execute,
    execution_from_json,
    execution_to_json,
    job_from_json,
    job_to_json,
)
from distill.errors import SandboxLost

_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Why a job has no execution: its environment failed."""

    reason: str


class Sandbox:
    """A child process for the length of a context; it starts with the first jobs and stays for later ones.

    Each job has a world of its own, so what one does never reaches another.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._unread = b""
        # A file, for nobody reads it while the child runs, and a full pipe would stop it.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the context

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._errors.close()

    def run(self, jobs: Sequence[Job], time_limit_s: float) -> list[Execution | NotExecuted]:
        """Run ``jobs``, at most ``time_limit_s`` seconds for all; one result a job, in order.

        Raises:
            SandboxLost: the time was up, or the child died. It is of no use any more.
        """
        if not jobs:
            return []
        deadline = time.monotonic() + time_limit_s
        self._child = child = self._child or _start(self._errors)
        # Beside the reading, or both sides would wait for each other over full pipes.
        writer = Thread(target=_write, args=(child, jobs))
        writer.start()
        results: list[Execution | NotExecuted] = []
        try:
            while len(results) < len(jobs):
                results.append(_result(self._line(child, deadline)))
        except TimeoutError:
            raise SandboxLost(f"its time of {time_limit_s:g} s was up", len(results), len(jobs)) from None
        except EOFError:
            raise SandboxLost(self._ending(child), len(results), len(jobs)) from None
        finally:
            if len(results) < len(jobs):
                child.kill()
            writer.join()
        return results

    def _line(self, child: subprocess.Popen[bytes], deadline: float) -> str:
        """The next line. Raises TimeoutError when it does not come in time, and EOFError when none will."""
        assert child.stdout is not None
        while b"\n" not in self._unread:
            if not select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            read = os.read(child.stdout.fileno(), _READ_BYTES)
            if not read:
                raise EOFError
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def _ending(self, child: subprocess.Popen[bytes]) -> str:
        code = child.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - _READ_BYTES))
        last_words = self._errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        return f"it ended with exit code {code}: {last_words[0]}"


def run_jobs(jobs: Sequence[Job], time_limit_s: float) -> list[Execution | NotExecuted]:
    """Run ``jobs`` in a child process of their own; see ``Sandbox.run``."""
    with Sandbox() as sandbox:
        return sandbox.run(jobs, time_limit_s)


def _start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "distill.environments.sandbox"]
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={"PYTHONPATH": paths},
    )


def _write(child: subprocess.Popen[bytes], jobs: Sequence[Job]) -> None:
    assert child.stdin is not None
    # A child that is gone is noticed where its results are read.
    with suppress(BrokenPipeError):
        for job in jobs:
            child.stdin.write(json.dumps(job_to_json(job)).encode() + b"\n")
        child.stdin.flush()


def _result(line: str) -> Execution | NotExecuted:
    row = json.loads(line)
    return NotExecuted(row["not_executed"]) if "not_executed" in row else execution_from_json(row)


def _serve(jobs: TextIO, results: TextIO) -> None:
    for line in jobs:
        try:
            row = execution_to_json(execute(job_from_json(json.loads(line))))
        except Exception as error:  # noqa: BLE001 - an environment's code may raise anything; the job fails, not the rest
            row = {"not_executed": f"{type(error).__name__}: {error}"}
        results.write(json.dumps(row) + "\n")
        results.flush()


if __name__ == "__main__":
    # What an environment prints must not mix with the results.
    channel, sys.stdout = sys.stdout, sys.stderr
    _serve(sys.stdin, channel)
