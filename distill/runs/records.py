"""How a run's record changes as its stages go on, each with the event that tells of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from distill.recipe import STAGES, Stage
from distill.runs.store import RunRecord, state_event
from distill.stages.spec import ATTEMPT, StageResult
from spiritsafe.distill.v1 import run_pb2

TERMINAL = frozenset({run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED, run_pb2.RUN_STATE_CANCELLED})
_Events = Sequence[run_pb2.RunEvent]


def pending_stages(stages: Sequence[Stage]) -> list[run_pb2.Stage]:
    """All stages of a new run."""
    return [run_pb2.Stage(name=name, state=run_pb2.STAGE_STATE_PENDING) for name in stages]


def run_started(record: RunRecord) -> _Events:
    """A worker took the run up."""
    return _enter(record, run_pb2.RUN_STATE_RUNNING)


def run_ended(record: RunRecord, state: run_pb2.RunState.ValueType, now: Timestamp, error: str = "") -> _Events:
    """The run came to an end in ``state``."""
    record.run.end_time.CopyFrom(now)
    record.run.error = error
    record.cancel_requested = False
    for stage in record.run.stages:
        if stage.state == run_pb2.STAGE_STATE_RUNNING:
            stage.state = run_pb2.STAGE_STATE_PENDING
    return _enter(record, state, error)


def run_resumed(record: RunRecord) -> _Events:
    """A run that had ended is queued again, as a new attempt; finished stages stay finished."""
    record.attempt += 1
    record.cancel_requested = False
    record.run.error = ""
    record.run.ClearField("end_time")
    for stage in record.run.stages:
        if stage.state == run_pb2.STAGE_STATE_FAILED:
            stage.state = run_pb2.STAGE_STATE_PENDING
    return _enter(record, run_pb2.RUN_STATE_QUEUED)


def stage_started(record: RunRecord, name: Stage, input_digest: str, now: Timestamp) -> _Events:
    """A process for the stage is about to start."""
    stage = _stage(record, name)
    stage.state = run_pb2.STAGE_STATE_RUNNING
    stage.attempts += 1
    stage.input_digest = input_digest
    stage.start_time.CopyFrom(now)
    stage.ClearField("end_time")
    return [run_pb2.RunEvent(type="stage_started", stage=name)]


def stage_waits(name: Stage) -> run_pb2.RunEvent:
    """Another run is at work on what this one needs."""
    return run_pb2.RunEvent(type="stage_waiting", stage=name, message=f"{name} waits for another run")


def stage_succeeded(record: RunRecord, name: Stage, result: StageResult, now: Timestamp) -> _Events:
    """The stage's result is there, made by this run or by another; its figures become the run's."""
    stage = _stage(record, name)
    if stage.state == run_pb2.STAGE_STATE_SUCCEEDED and stage.input_digest == result.input_digest:
        return []
    stage.state = run_pb2.STAGE_STATE_SUCCEEDED
    stage.input_digest = result.input_digest
    stage.seconds = result.seconds
    stage.tokens_per_second = result.figures.get(ATTEMPT, {}).get("tokens_per_second", 0.0)
    stage.reused = result.run != record.id
    stage.end_time.CopyFrom(now)
    apply_figures(record.run, result.figures)
    return [run_pb2.RunEvent(type="stage_succeeded", stage=name)]


def stage_failed(record: RunRecord, name: Stage, message: str, now: Timestamp) -> _Events:
    """The stage's process ended without a result."""
    stage = _stage(record, name)
    stage.state = run_pb2.STAGE_STATE_FAILED
    stage.end_time.CopyFrom(now)
    return [run_pb2.RunEvent(type="stage_failed", stage=name, message=message)]


def progress(stage: Stage, values: Mapping[str, Any]) -> run_pb2.RunEvent:
    """The event for one progress line of a stage's process; one that counts nothing is something said."""
    if not values["total"]:
        return run_pb2.RunEvent(type="log", stage=stage, message=values["message"])
    event = run_pb2.RunEvent(
        type="progress", stage=stage, done=values["done"], total=values["total"], message=values["message"]
    )
    if values["loss"] is not None:
        event.loss = values["loss"]
    if values["eta_seconds"] is not None:
        event.eta_seconds = values["eta_seconds"]
    return event


def apply_figures(run: run_pb2.Run, figures: Mapping[str, Any]) -> None:
    """Takes into the run what a stage found out, under ``run`` in its figures: fields of Run as JSON.

    A repeated field replaces the run's, for a stage may run again; of the scores, those of the same subjects, and of
    the dropped rows, those of the same stage.
    """
    found = ParseDict(figures.get("run", {}), run_pb2.Run())
    subjects = {score.subject for score in found.scores}
    if subjects:
        found.scores.extend([score for score in run.scores if score.subject not in subjects])
    stages = {one.stage for one in found.dropped}
    if stages:
        found.dropped.extend([one for one in run.dropped if one.stage not in stages])
    for field, _ in found.ListFields():
        run.ClearField(field.name)  # type: ignore[arg-type]  # the stub lists the names one by one
    run.MergeFrom(found)


def _enter(record: RunRecord, state: run_pb2.RunState.ValueType, message: str = "") -> _Events:
    if record.run.state == state:
        return []
    record.run.state = state
    return [state_event(state, message)]


def _stage(record: RunRecord, name: Stage) -> run_pb2.Stage:
    stages = record.run.stages
    if all(stage.name != name for stage in stages):
        # The run is older than the stage.
        stages.insert(STAGES.index(name), run_pb2.Stage(name=name, state=run_pb2.STAGE_STATE_PENDING))
    return next(stage for stage in stages if stage.name == name)
