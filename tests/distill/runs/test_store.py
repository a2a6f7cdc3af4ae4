"""The run store: dense events, several processes at once, idempotent requests, pages."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from distill.recipe import STAGES
from distill.runs import records
from distill.runs.store import RunRecord, RunStore, state_event, timestamp_now
from distill.stages.spec import StageResult
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import AlreadyExists, NotFound


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def new_run(name: str, creator: str = "ann") -> run_pb2.Run:
    return run_pb2.Run(name=f"runs/{name}", creator=creator, stages=records.pending_stages(STAGES))


def test_a_run_is_stored_and_read_back(store: RunStore) -> None:
    made = store.create(new_run("one"))
    read = store.get("one")
    assert read.run == made.run
    assert read.run.state == run_pb2.RUN_STATE_QUEUED
    assert read.workflow_id == "one:1"
    assert [(event.sequence, event.type) for event in store.events("one")] == [(1, "run_state")]


def test_a_name_is_taken_once(store: RunStore) -> None:
    store.create(new_run("one"))
    with pytest.raises(AlreadyExists, match="runs/one"):
        store.create(new_run("one"))
    with pytest.raises(NotFound, match="two"):
        store.get("two")


def test_a_request_finds_its_run_and_only_for_its_caller(store: RunStore) -> None:
    store.create(new_run("one"), "request")
    found = store.find_request("ann", "request")
    assert found is not None
    assert found.id == "one"
    assert store.find_request("bob", "request") is None
    store.create(new_run("two", "bob"), "request")
    assert store.create(new_run("three"), "request").id == "one"
    assert store.find_request("ann", "") is None


def test_a_change_that_raises_stores_nothing(store: RunStore) -> None:
    store.create(new_run("one"))
    before = store.get("one").run

    def change(record: RunRecord) -> list[run_pb2.RunEvent]:
        record.run.state = run_pb2.RUN_STATE_FAILED
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change("one", change)
    assert store.get("one").run == before
    assert len(store.events("one")) == 1


def test_pages_go_from_the_newest_to_the_oldest(store: RunStore) -> None:
    for number in range(5):
        store.create(new_run(f"run{number}"))
    first = store.page(2)
    rest = store.page(10, first[-1].number)
    assert [record.id for record in [*first, *rest]] == ["run4", "run3", "run2", "run1", "run0"]


def append_many(home: Path, count: int) -> None:
    store = RunStore(home)
    for number in range(count):
        store.append("one", run_pb2.RunEvent(type="log", message=str(number)))


def test_events_stay_dense_under_several_processes(store: RunStore, tmp_path: Path) -> None:
    store.create(new_run("one"))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_many, args=(tmp_path, 25)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [event.sequence for event in store.events("one")] == list(range(1, 77))
    assert [event.sequence for event in store.events("one", after=70)] == list(range(71, 77))


def test_states_filter(store: RunStore) -> None:
    store.create(new_run("one"))
    store.create(new_run("two"))
    store.change("one", records.run_started)
    assert [record.id for record in store.in_states(run_pb2.RUN_STATE_RUNNING)] == ["one"]
    assert [record.id for record in store.in_states(run_pb2.RUN_STATE_QUEUED)] == ["two"]


def test_the_life_of_a_run_in_records_and_events(store: RunStore) -> None:
    store.create(new_run("one"))
    figures = {"run": {"rollouts": 7, "scores": [{"subject": "student", "exact": 3}]}}
    result = StageResult("one", "d" * 64, "o" * 64, figures, 1.5)
    now = timestamp_now()
    store.change("one", records.run_started)
    for _ in range(2):
        store.change("one", lambda record: records.stage_started(record, "rollout", "d" * 64, now))
        store.change("one", lambda record: records.stage_failed(record, "rollout", "no memory", now))
    store.change("one", lambda record: records.run_ended(record, run_pb2.RUN_STATE_FAILED, now, "no memory"))
    resumed = store.change("one", records.run_resumed)
    assert (resumed.attempt, resumed.run.error, resumed.workflow_id) == (2, "", "one:2")
    store.change("one", lambda record: records.stage_started(record, "rollout", "d" * 64, now))
    for _ in range(2):  # told twice after a recovery; counted once
        done = store.change("one", lambda record: records.stage_succeeded(record, "rollout", result, now))
    stage = done.run.stages[STAGES.index("rollout")]
    assert (stage.name, stage.attempts, stage.seconds, stage.reused) == ("rollout", 3, 1.5, False)
    assert stage.state == run_pb2.STAGE_STATE_SUCCEEDED
    assert done.run.rollouts == 7
    assert len(done.run.scores) == 1
    told = [event.type for event in store.events("one")]
    assert told == [
        *("run_state", "run_state", "stage_started", "stage_failed", "stage_started", "stage_failed"),
        *("run_state", "run_state", "stage_started", "stage_succeeded"),
    ]


def test_a_result_of_another_run_is_marked_as_such(store: RunStore) -> None:
    store.create(new_run("two"))
    result = StageResult("one", "d" * 64, "o" * 64, {"run": {"rollouts": 7}}, 1.5)
    done = store.change("two", lambda record: records.stage_succeeded(record, "rollout", result, timestamp_now()))
    stage = done.run.stages[STAGES.index("rollout")]
    assert (stage.state, stage.attempts) == (run_pb2.STAGE_STATE_SUCCEEDED, 0)
    assert (stage.seconds, stage.reused, done.run.rollouts) == (1.5, True, 7)


def test_scores_of_several_stages_are_kept_side_by_side() -> None:
    run = run_pb2.Run()
    for subject, exact in (("teacher", 1), ("student", 2), ("teacher", 3)):
        records.apply_figures(run, {"run": {"scores": [{"subject": subject, "exact": exact}]}})
    assert {score.subject: score.exact for score in run.scores} == {"teacher": 3, "student": 2}
    assert len(run.scores) == 2


def test_figures_of_a_repeated_stage_replace_the_earlier_ones() -> None:
    run = run_pb2.Run(rollouts=9)
    for exact in (1, 2):
        records.apply_figures(run, {"run": {"scores": [{"subject": "student", "exact": exact}]}, "other": 1})
    assert [score.exact for score in run.scores] == [2]
    assert run.rollouts == 9


def test_state_events_carry_the_state() -> None:
    assert state_event(run_pb2.RUN_STATE_FAILED, "why").state == run_pb2.RUN_STATE_FAILED


def test_dropped_rows_are_those_of_the_last_time_that_their_stage_ran() -> None:
    run = run_pb2.Run()
    for stage, reason, rows in (("verify", "malformed", 3), ("curate", "copy", 2), ("verify", "wrong_state", 1)):
        records.apply_figures(run, {"run": {"dropped": [{"stage": stage, "reason": reason, "rows": rows}]}})
    found = sorted((one.stage, one.reason, one.rows) for one in run.dropped)
    assert found == [("curate", "copy", 2), ("verify", "wrong_state", 1)]
