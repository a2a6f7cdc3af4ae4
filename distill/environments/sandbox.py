"""Running jobs in a child process, so that no environment's code runs in a worker.

Built-in worlds are our own code: where their process fails, the machine or we have failed, and no result may say
otherwise. Any other environment may fail, also by what a model calls; so what it cannot do is a result of the job, the
process is started anew, and the other jobs go on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from distill.environments.definitions import Setup
from distill.environments.execution import Execution, Job, execution_from_json, job_to_json
from distill.environments.limits import Failure
from distill.environments.process import ProcessLost, SandboxProcess
from distill.errors import SandboxLost
from distill.trajectories.calls import tool_from_json
from distill.trajectories.types import ToolSpec

START_SECONDS = 60.0
"""For the start of a process, which may read a whole Python installation from a cold disk."""
MOST_LOSSES = 10
"""Processes that may be lost one after the other without a job done between: then the environment is of no use."""
_BUILT_IN = Setup()


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Why a job has no execution: its environment failed. ``code`` sorts the reasons."""

    reason: str
    code: Failure = "not_executed"


class Sandbox:
    """Processes for the length of a context, one at a time; it starts with the first jobs and stays for later ones.

    Each job has a world of its own, so what one does never reaches another.
    """

    def __init__(self, setup: Setup = _BUILT_IN) -> None:
        self._setup = setup
        self._process: SandboxProcess | None = None
        self._ready = False
        self._losses = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, jobs: Sequence[Job], time_limit_s: float) -> list[Execution | NotExecuted]:
        """Run ``jobs``; one result a job, in order.

        Those of built-in worlds take at most ``time_limit_s`` seconds all together, start included. Each of another
        environment takes at most the seconds of the limits.

        Raises:
            SandboxLost: the time of the built-in worlds was up, or their process died; a process did not even start;
                or too many were lost one after the other.
            SandboxRefused: the environment cannot be confined, or lacks a variable.
        """
        deadline = time.monotonic() + time_limit_s
        results: list[Execution | NotExecuted] = []
        while len(results) < len(jobs):
            try:
                self._run(jobs[len(results) :], results, deadline)
            except ProcessLost as loss:
                self._process = None
                self._losses += 1
                ours = jobs[len(results)].environment not in self._setup.definitions
                if ours or not self._ready or self._losses > MOST_LOSSES:
                    raise SandboxLost(self._told(loss, time_limit_s), len(results), len(jobs)) from None
                results.append(NotExecuted(loss.reason, loss.code))
            except BaseException:
                self._stop()
                raise
        return results

    def _told(self, loss: ProcessLost, time_limit_s: float) -> str:
        if loss.code == "timed_out" and self._setup.only_built_in:
            return f"its time of {time_limit_s:g} s was up"
        many = f"{self._losses} processes were lost in a row, at last: " if self._losses > 1 else ""
        return many + loss.reason

    def tools(self, environment: str) -> tuple[ToolSpec, ...] | NotExecuted:
        """The tools of an environment. Raises as ``run`` does."""
        try:
            process = self._started(time.monotonic() + START_SECONDS)
            process.send([{"tools": environment}])
            row = process.receive(time.monotonic() + self._setup.limits.seconds)
        except ProcessLost as loss:
            self._process = None
            return NotExecuted(loss.reason, loss.code)
        return _not_executed(row) or tuple(map(tool_from_json, row["tools"]))

    def _run(self, jobs: Sequence[Job], results: list[Execution | NotExecuted], deadline: float) -> None:
        """Append a result for each job, or raise what ended it."""
        process = self._started(deadline)
        process.send(map(job_to_json, jobs))
        for job in jobs:
            row = process.receive(deadline if self._setup.only_built_in else self._limit())
            failed = _not_executed(row)
            if failed and failed.code != "not_executed" and job.environment not in self._setup.definitions:
                process.stop()
                raise ProcessLost(failed.code, failed.reason)
            results.append(failed or execution_from_json(row))
            self._losses = 0

    def _limit(self) -> float:
        return time.monotonic() + self._setup.limits.seconds

    def _started(self, deadline: float) -> SandboxProcess:
        if self._process is None:
            self._ready = False
            self._process = SandboxProcess(self._setup)
            self._process.receive(deadline if self._setup.only_built_in else time.monotonic() + START_SECONDS)
            self._ready = True
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


def run_jobs(jobs: Sequence[Job], time_limit_s: float, setup: Setup = _BUILT_IN) -> list[Execution | NotExecuted]:
    """Run ``jobs`` in a sandbox of their own; see ``Sandbox.run``."""
    with Sandbox(setup) as sandbox:
        return sandbox.run(jobs, time_limit_s)


def _not_executed(row: dict[str, Any]) -> NotExecuted | None:
    return NotExecuted(row["not_executed"], row["code"]) if "not_executed" in row else None
