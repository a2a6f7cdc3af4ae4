"""The durable workflow of a run on DBOS: what was done is on record, a new worker goes on from there.

A step is the body of a stage; it may run more than once (DBOS promises at least once), and finds its own result then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from distill.errors import RunCancelled
from distill.workflow import queue
from distill.workflow.execution import Execution
from spiritsafe.distill.v1 import run_pb2

_POLL_SECONDS = 0.25


@contextmanager
def launched(execution: Execution, runs: int) -> Iterator[None]:
    """DBOS at work on this home's queue, on so many runs at a time; recovers what was pending."""
    queue.ensure_schema(execution.home)
    DBOS(config=_config(execution))
    _register(execution)
    DBOS.launch()
    try:
        DBOS.register_queue(
            queue.QUEUE,
            worker_concurrency=runs,
            polling_interval_sec=_POLL_SECONDS,
            on_conflict="always_update",
        )
        yield
    finally:
        execution.stopping.set()
        DBOS.destroy(destroy_registry=True)


def is_over(workflow_id: str) -> bool:
    """Whether DBOS gave the workflow up or finished it, so that nothing will move its run any more."""
    status = DBOS.get_workflow_status(workflow_id)
    return status is not None and status.status not in ("ENQUEUED", "PENDING", "DELAYED")


def _config(execution: Execution) -> DBOSConfig:
    return {
        "name": queue.APPLICATION,
        "system_database_url": queue.system_database(execution.home),
        "serializer": DBOSPortableJSONSerializer(),
        "executor_id": queue.EXECUTOR,
        "application_version": queue.APPLICATION_VERSION,
        "console_log_level": "WARNING",
    }


def _register(execution: Execution) -> None:
    @DBOS.workflow(name=queue.WORKFLOW)
    def distill_run(run_id: str, attempt: int) -> str:
        try:
            return _stages(execution, run_id, attempt)
        except Exception as failure:  # noqa: BLE001 - whatever a step raised is why the run ended
            cancelled = _is_cancellation(failure)
            state = run_pb2.RUN_STATE_CANCELLED if cancelled else run_pb2.RUN_STATE_FAILED
            error = "" if cancelled else str(failure)
        _step("end", execution.end, run_id, attempt, state, error)
        return run_pb2.RunState.Name(state)


def _stages(execution: Execution, run_id: str, attempt: int) -> str:
    sources = _step("begin", execution.begin, run_id, attempt)
    done: dict[str, Any] = {}
    for stage in execution.stages(run_id):
        done[stage] = _step(stage, execution.stage, run_id, attempt, stage, sources, dict(done))
    _step("end", execution.end, run_id, attempt, run_pb2.RUN_STATE_SUCCEEDED, "")
    return run_pb2.RunState.Name(run_pb2.RUN_STATE_SUCCEEDED)


def _step(name: str, body: Callable[..., Any], *arguments: Any) -> Any:
    return DBOS.run_step({"name": name}, body, *arguments)


def _is_cancellation(failure: Exception) -> bool:
    # A step's error that is read back from the record has lost its class and kept its name.
    return isinstance(failure, RunCancelled) or getattr(failure, "name", "") == RunCancelled.__name__
