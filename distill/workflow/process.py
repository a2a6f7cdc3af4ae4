"""Runs one stage as a process of its own and waits for it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from distill.errors import StageFailed
from distill.lifetime import WORKER_VARIABLE
from distill.runs import layout
from distill.stages.spec import StageResult, StageSpec, read_result

_POLL_SECONDS = 0.25
_GRACE_SECONDS = 2.0
_LOG_LINES = 5


def run_stage(
    spec: StageSpec,
    environment: Mapping[str, str],
    on_progress: Callable[[Mapping[str, Any]], None],
    check: Callable[[], None],
) -> StageResult:
    """Runs the stage and returns its result.

    Args:
        environment: variables for the process beside the worker's own.
        on_progress: is called with each progress line.
        check: is called a few times a second; when it raises, the process is ended and the error passes on.

    Raises:
        StageFailed: the process ended without a result.
    """
    path = spec.write()
    log = spec.folder / layout.LOG
    with log.open("ab") as errors:
        start = errors.tell()
        process = subprocess.Popen(  # noqa: S603 - our own module, with a path that we made
            [sys.executable, "-m", "distill.stages", spec.stage, str(path)],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment, WORKER_VARIABLE: str(os.getpid())},
            # Ctrl-C in the worker's terminal is for the worker, which ends its stages itself.
            start_new_session=True,
        )
        try:
            told = _follow(process, on_progress, check)
        finally:
            _end(process)
    # The result is written last and whole: a process that fell over on its way out has done its work.
    result = read_result(spec.folder)
    if result is None:
        raise StageFailed(spec.stage, told or _cause(process.returncode, _last_lines(log, start)), log)
    return result


def _follow(
    process: subprocess.Popen[str], on_progress: Callable[[Mapping[str, Any]], None], check: Callable[[], None]
) -> str:
    """Passes progress on until the process closes its output; returns the error that it told, if any."""
    assert process.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    told = ""
    while True:
        check()
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            _wait(process, check)
            return told
        values = json.loads(line)
        if "error" in values:
            told = values["error"]
        else:
            on_progress(values)


def _wait(process: subprocess.Popen[str], check: Callable[[], None]) -> None:
    # A process that has closed its output may still hang, for example in a driver that will not let go.
    while process.poll() is None:
        check()
        time.sleep(_POLL_SECONDS)


def _read_lines(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _last_lines(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-_LOG_LINES:])


def _cause(code: int, last_lines: str) -> str:
    # A killed process had no time to say why, so its last lines are about something else.
    if code < 0:
        likely = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
        return f"its process was killed by signal {-code}{likely}"
    return last_lines or f"its process ended with code {code}"
