"""Which attempts at a run are still wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.errors import RunCancelled, WorkerStopped
from distill.recipe import STAGES, to_proto
from distill.runs import records
from distill.runs.store import RunRecord
from distill.workflow.execution import Execution
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import InvalidArgument
from tests.distill.recipes import tiny_recipe


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    made = Execution(tmp_path, {})
    run = run_pb2.Run(name="runs/one", recipe=to_proto(tiny_recipe()), stages=records.pending_stages(STAGES))
    made.store.create(run)
    return made


def ask_to_cancel(record: RunRecord) -> list[run_pb2.RunEvent]:
    record.cancel_requested = True
    return [run_pb2.RunEvent(type="log")]


def test_beginning_finds_what_the_run_starts_from(execution: Execution) -> None:
    sources = execution.begin("one", 1)
    assert sorted(sources) == ["student", "teacher"]
    assert len({source["digest"] for source in sources.values()}) == 2
    assert execution.store.get("one").run.state == run_pb2.RUN_STATE_RUNNING


def test_too_few_held_out_scenarios_are_told_before_the_first_stage(tmp_path: Path) -> None:
    message = to_proto(tiny_recipe())
    message.environment.evaluation_scenarios = 3000
    execution = Execution(tmp_path, {})
    execution.store.create(run_pb2.Run(name="runs/one", recipe=message, stages=records.pending_stages(STAGES)))
    with pytest.raises(InvalidArgument, match=r"evaluation_scenarios: only [0-9]+ different heldout no_call messages"):
        execution.begin("one", 1)


def test_a_malformed_row_is_told_before_the_first_stage(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "Hi"}]}\n{"messages": 3}\n')
    message = to_proto(tiny_recipe())
    message.teacher.dataset_path = str(data)
    execution = Execution(tmp_path, {})
    execution.store.create(run_pb2.Run(name="runs/one", recipe=message, stages=records.pending_stages(STAGES)))
    with pytest.raises(InvalidArgument, match=r"dataset_path: .*rows\.jsonl, line 2, messages"):
        execution.begin("one", 1)


def test_an_attempt_that_was_given_up_does_no_more_work(execution: Execution) -> None:
    sources = execution.begin("one", 1)
    execution.end("one", 1, run_pb2.RUN_STATE_CANCELLED)
    execution.store.change("one", records.run_resumed)
    with pytest.raises(RunCancelled):
        execution.stage("one", 1, "finetune_teacher", sources, {})
    with pytest.raises(RunCancelled):
        execution.begin("one", 1)
    execution.end("one", 1, run_pb2.RUN_STATE_FAILED, "late")
    assert execution.store.get("one").run.state == run_pb2.RUN_STATE_QUEUED
    assert not list(execution.home.glob("work/*/*"))


def test_a_cancelled_run_begins_nothing(execution: Execution) -> None:
    execution.store.change("one", ask_to_cancel)
    with pytest.raises(RunCancelled):
        execution.begin("one", 1)
    for state in (run_pb2.RUN_STATE_CANCELLED, run_pb2.RUN_STATE_FAILED):
        execution.end("one", 1, state)
    ended = execution.store.get("one")
    assert (ended.run.state, ended.cancel_requested) == (run_pb2.RUN_STATE_CANCELLED, False)


def test_a_stopping_worker_leaves_the_step_open(execution: Execution) -> None:
    sources = execution.begin("one", 1)
    execution.stopping.set()
    with pytest.raises(WorkerStopped):
        execution.stage("one", 1, "finetune_teacher", sources, {})
    assert execution.store.get("one").run.stages[STAGES.index("finetune_teacher")].attempts == 0
