"""The process of a sandbox: ``python -m distill.environments.child SETUP``.

Jobs as JSON lines on its input, one result line a job. Before the first it says, in a line of its own, whether it is
confined as it must be.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TextIO

from distill.environments import confinement
from distill.environments.base import EnvironmentExited, ToolEnvironment
from distill.environments.definitions import Setup
from distill.environments.execution import close, execute, execution_to_json, job_from_json
from distill.environments.limits import Failure, Limits
from distill.environments.opening import create_environment
from distill.trajectories.calls import tool_to_json
from distill.trajectories.types import JsonValue

_Row = dict[str, JsonValue]


def main(setup: Setup) -> None:
    """Confine this process, then serve what comes, until nothing more does."""
    jobs, results = _take_channels()
    confinement.bound(setup.limits, setup.bounds_address_space)
    refusal = confinement.leave_network() if setup.without_network else ""
    # Our own worlds have no use for a network, so they do as well where it cannot be taken away.
    if refusal and not setup.only_built_in:
        _send(results, {"refused": refusal})
        return
    if not setup.only_built_in:
        confinement.supervise(setup.limits)
    _send(results, {"ready": True})
    for line in jobs:
        if not setup.only_built_in:
            confinement.grant_cpu(setup.limits.cpu_seconds)
            _forget_prints()
        _send(results, _result(json.loads(line), partial(create_environment, setup.definitions)), setup.limits)


def _take_channels() -> tuple[TextIO, TextIO]:
    """Input and output, out of the reach of what an environment, or a program that it starts, reads and prints."""
    jobs, results = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return jobs, results


def _forget_prints() -> None:
    """Begin the file of prints anew, so that its bound holds for each job."""
    os.lseek(2, 0, os.SEEK_SET)
    os.ftruncate(2, 0)


def _result(row: _Row, create: Callable[[str], ToolEnvironment]) -> _Row:
    """What came of a job, or of a question for an environment's tools."""
    try:
        if "tools" not in row:
            return execution_to_json(execute(job_from_json(row), create))
        environment = create(str(row["tools"]))
        try:
            return {"tools": [tool_to_json(tool) for tool in environment.tools()]}
        finally:
            close(environment)
    except SystemExit as error:
        return _failed("exited", f"it called sys.exit({error.code})")
    except EnvironmentExited as error:
        return _failed("exited", str(error))
    except MemoryError:
        return _failed("out_of_memory", "it asked for more memory than it may use")
    except Exception as error:  # noqa: BLE001 - an environment's code may raise anything; the job fails, not the rest
        too_much = isinstance(error, OSError) and error.errno == errno.EFBIG
        return _failed("output_limit" if too_much else "not_executed", f"{type(error).__name__}: {error}")


def _send(results: TextIO, row: _Row, limits: Limits | None = None) -> None:
    """Write a line; where there are limits, one that may say instead why the row cannot be written."""
    try:
        line = json.dumps(row, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        line = json.dumps(_failed("not_executed", f"a result is not JSON: {error}"))
    if limits is not None and len(line) > limits.output_bytes:
        told = f"its results are {len(line):,} bytes of JSON, and may be {limits.output_bytes:,}"
        line = json.dumps(_failed("output_limit", told))
    results.write(line + "\n")
    results.flush()


def _failed(code: Failure, reason: str) -> _Row:
    return {"not_executed": reason, "code": code}


if __name__ == "__main__":
    main(Setup.from_json(json.loads(sys.argv[1])))
