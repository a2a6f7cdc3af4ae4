"""Running jobs in a child process, so that no environment's code runs in a worker.

The child is ``python -m distill.environments.sandbox``: jobs as JSON lines on its input, one result line a job. It
inherits no environment variable but the module path, so credentials of the worker stay out of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

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


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Why a job has no execution: its environment failed."""

    reason: str


def run_jobs(jobs: Sequence[Job], time_limit_s: float) -> list[Execution | NotExecuted]:
    """Run ``jobs`` in one child process, at most ``time_limit_s`` seconds for all; one result a job, in order.

    Raises:
        SandboxLost: the time was up, or the child died.
    """
    if not jobs:
        return []
    lines, ending = _child_output("".join(json.dumps(job_to_json(job)) + "\n" for job in jobs), time_limit_s)
    results = [_result(line) for line in lines[: len(jobs)]]
    if len(results) < len(jobs):
        raise SandboxLost(ending, len(results), len(jobs))
    return results


def _child_output(text: str, time_limit_s: float) -> tuple[list[str], str]:
    """The child's complete lines, and what to say of jobs that have none."""
    command = [sys.executable, "-P", "-m", "distill.environments.sandbox"]
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            command,
            input=text.encode(),
            capture_output=True,
            env={"PYTHONPATH": paths},
            timeout=time_limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return _lines(expired.stdout or b""), f"its time of {time_limit_s:g} s was up"
    last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
    return _lines(done.stdout), f"it ended with exit code {done.returncode}: {last_words[0]}"


def _lines(output: bytes) -> list[str]:
    return [line.decode() for line in output.split(b"\n")[:-1]]


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
