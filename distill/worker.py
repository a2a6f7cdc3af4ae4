"""The worker of a home: takes queued runs up and goes on with what a dead worker left.

As a program: ``python -m distill.worker HOME [--runs N] [--until-idle]``, with the registry in SPIRITSAFE_SERVER and
SPIRITSAFE_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from distill.runs import records
from distill.runs.store import RunRecord, timestamp_now
from distill.workflow import queue
from distill.workflow.execution import Execution
from distill.workflow.lock import has_worker, home_lock
from distill.workflow.workflow import is_over, launched
from spiritsafe.client import SERVER_VARIABLE, TOKEN_VARIABLE
from spiritsafe.distill.v1 import run_pb2

__all__ = ["has_worker", "run_worker"]
_POLL_SECONDS = 0.5
_ACTIVE = (run_pb2.RUN_STATE_QUEUED, run_pb2.RUN_STATE_RUNNING)


def run_worker(home: Path, registry_address: str, token: str, *, runs: int = 1, until_idle: bool = False) -> None:
    """Works on the runs of ``home`` until it is interrupted, or with ``until_idle`` until none is left.

    At most ``runs`` at a time, each with one stage at a time; what several need is made once.

    Ended by any signal, it leaves a run where it is; the next worker goes on with it.

    Raises:
        HomeLocked: another worker serves this home.
    """
    environment = {SERVER_VARIABLE: registry_address, TOKEN_VARIABLE: token}
    with home_lock(home):
        execution = Execution(home, environment)
        try:
            with launched(execution, runs):
                _serve(execution, until_idle)
        finally:
            execution.store.close()


def _serve(execution: Execution, until_idle: bool) -> None:
    for record in execution.store.in_states(*_ACTIVE):
        _take_up(execution, record)
    while not (until_idle and not execution.store.in_states(*_ACTIVE)):
        for record in execution.store.in_states(run_pb2.RUN_STATE_QUEUED):
            _take_up(execution, record)
        time.sleep(_POLL_SECONDS)


def _take_up(execution: Execution, record: RunRecord) -> None:
    """Makes sure that something moves this run: whoever stored it may have died before asking DBOS for it."""
    if not is_over(record.workflow_id):
        queue.enqueue(execution.home, record.workflow_id, record.id, record.attempt)
        return

    def give_up(now: RunRecord) -> Sequence[run_pb2.RunEvent]:
        if now.run.state not in _ACTIVE or now.attempt != record.attempt:
            return []  # it ended, or was resumed, since the record was read
        error = "its workflow ended without telling how; resume the run"
        return records.run_ended(now, run_pb2.RUN_STATE_FAILED, timestamp_now(), error)

    execution.store.change(record.id, give_up)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m distill.worker", description="Work on the runs of a home.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=1, help="how many to work on at a time")
    parser.add_argument("--until-idle", action="store_true", help="end when no run is queued or running")
    arguments = parser.parse_args()
    server, token = os.environ.get(SERVER_VARIABLE, ""), os.environ.get(TOKEN_VARIABLE, "")
    run_worker(arguments.home, server, token, runs=arguments.runs, until_idle=arguments.until_idle)


if __name__ == "__main__":
    main()
