"""What the process of one stage does.

Progress goes to standard output as JSON lines, everything else to standard error. The process dies with the worker
that started it, and no two ever work on one stage folder.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from distill.stages.inputs import check_base_unchanged, check_files_unchanged
from distill.stages.spec import Report, StageSpec, read_result, write_result
from distill.workflow.lock import stage_lock
from spiritsafe.errors import SpiritsafeError

_STARTED = time.monotonic()
Runner = Callable[[StageSpec, Report], Mapping[str, Any]]


def main(arguments: list[str]) -> int:
    """Runs the stage of the spec, or finds its result. Raises what the stage raises."""
    stage, path = arguments
    channel = _take_stdout()
    spec = StageSpec.read(Path(path))
    runner: Runner = importlib.import_module(f"distill.stages.{stage}").run
    try:
        with stage_lock(spec.folder / "lock"):
            _run(spec, runner, _reporter(channel))
    except (SpiritsafeError, ValueError) as error:
        # Errors that mean something to a person; a defect goes to the log with its traceback.
        _send(channel, {"error": str(error)})
        raise
    return 0


def _run(spec: StageSpec, runner: Runner, report: Report) -> None:
    if read_result(spec.folder) is not None:
        return
    shutil.rmtree(spec.output, ignore_errors=True)
    spec.output.mkdir()
    figures = runner(spec, report)
    check_base_unchanged(spec)
    check_files_unchanged(spec)
    write_result(spec, figures, time.monotonic() - _STARTED)


def _take_stdout() -> TextIO:
    """The progress channel; whatever else a library prints goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return channel


def _reporter(channel: TextIO) -> Report:
    def report(
        done: int, total: int, *, loss: float | None = None, eta_seconds: float | None = None, message: str = ""
    ) -> None:
        values = {"done": done, "total": total, "loss": loss, "eta_seconds": eta_seconds, "message": message}
        _send(channel, values)

    return report


def _send(channel: TextIO, values: Mapping[str, Any]) -> None:
    channel.write(json.dumps(values) + "\n")
