"""Whole runs by real workers and real stage processes: killed and resumed, cancelled, failed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from distill.errors import HomeLocked
from distill.recipe import STAGES
from distill.stages.register import run as register_again
from distill.stages.register_teacher import run as register_teacher_again
from distill.stages.spec import ATTEMPT, StageSpec, read_result
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.types import Message, Trajectory
from distill.worker import has_worker, run_worker
from spiritsafe.client import SERVER_VARIABLE, TOKEN_VARIABLE
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.publish import download_version
from spiritsafe.registry.v1 import version_pb2
from tests.distill.recipes import tiny_message
from tests.distill.site import Site, stage_of


def versions(site: Site) -> dict[str, version_pb2.Version]:
    """Every version of the registry by name."""
    found = {}
    for collection in ("models", "datasets"):
        request = version_pb2.ListVersionsRequest(parent=f"namespaces/default/{collection}/-", page_size=1000)
        found.update({one.name: one for one in site.client.versions.ListVersions(request).versions})
    return found


def edges(version: version_pb2.Version) -> set[tuple[str, str]]:
    kinds = version_pb2.EdgeType
    return {(kinds.Name(one.type).removeprefix("EDGE_TYPE_").lower(), one.parent) for one in version.edges}


def test_a_run_survives_its_worker_and_registers_everything_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_message()
    recipe.teacher.training.epochs = 6
    site.create(recipe)
    other = run_pb2.Recipe()
    other.CopyFrom(recipe)
    other.student.model_id, other.student.training.epochs = "other", 1
    site.create(other, "two")

    with site.worker("--until-idle") as worker:
        site.wait_for(lambda: len(site.progress("finetune_teacher")) >= 3, 120, "progress in training")
        (stage,) = site.stage_processes()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        site.wait_for(lambda: stage not in site.stage_processes(), 5, "end of the stage with its worker")
    assert site.run().state == run_pb2.RUN_STATE_RUNNING
    assert not has_worker(site.home)

    with site.worker("--until-idle") as worker:
        site.wait_for(lambda: bool(site.run().outputs.teacher_adapter), 120, "teacher in the registry")
        _check_the_teacher_is_known_at_once(site, site.run())
        site.wait_for(lambda: worker.poll() is not None, 420, "end of the worker")
        assert worker.returncode == 0
    run = site.run()
    assert run.state == run_pb2.RUN_STATE_SUCCEEDED, run.error
    assert [stage.state for stage in run.stages] == [run_pb2.STAGE_STATE_SUCCEEDED] * len(STAGES)
    assert [stage.attempts for stage in run.stages] == [1, 2, *[1] * (len(STAGES) - 2)]
    assert run.rollouts == 16 + 16 + 16
    assert 0 < run.verified_rollouts <= run.rollouts
    rejected, left_out = (sum(one.rows for one in run.dropped if one.stage == name) for name in ("verify", "curate"))
    assert run.verified_rollouts == run.rollouts - rejected
    assert run.dataset_rows == run.verified_rollouts - left_out
    assert {(one.subject, one.count) for one in run.scores} == {
        ("untouched_student", 4),
        ("student", 4),
        ("teacher", 4),
    }
    assert 0 < run.merge_top1_agreement <= 1
    assert _resumed_from(site) > 0

    _check_lineage(site, run)
    _check_sharing(site, run, site.run("two"))
    _check_idempotence(site, run, monkeypatch)


def _check_the_teacher_is_known_at_once(site: Site, run: run_pb2.Run) -> None:
    """Tuned and not even scored, it is not to be deployed; what is planned of the rest is still told."""
    assert stage_of(run, "evaluate_teacher").state != run_pb2.STAGE_STATE_SUCCEEDED
    assert not run.outputs.student
    assert ("adapter", run.outputs.teacher_base) in edges(versions(site)[run.outputs.teacher_adapter])
    verdicts = {(one.subject, one.context): one.verdict for one in run.license_outcomes}
    assert verdicts["teacher", "commercial"] == "denied"
    assert len(verdicts) == 12


def _resumed_from(site: Site) -> int:
    (folder,) = (site.home / "work").glob("finetune_teacher-*")
    result = read_result(folder)
    assert result is not None
    return int(result.figures[ATTEMPT]["resumed_from"])


def _check_sharing(site: Site, one: run_pb2.Run, two: run_pb2.Run) -> None:
    """The second run differs in its student: everything of the teacher is the first one's."""
    assert two.state == run_pb2.RUN_STATE_SUCCEEDED, two.error
    shared = ["evaluate_untouched", "finetune_teacher", "evaluate_teacher", "rollout", "verify", "curate"]
    assert [stage.name for stage in two.stages if stage.reused] == shared
    assert not any(stage.reused for stage in one.stages)
    assert [stage.name for stage in two.stages if stage.attempts == 0] == shared
    assert {stage.attempts for stage in two.stages} == {0, 1}
    seconds = [[stage.seconds for stage in run.stages if stage.name in shared] for run in (one, two)]
    assert seconds[0] == seconds[1]
    assert len(list((site.home / "work").glob("finetune_teacher-*"))) == 1
    teachers = [[score for score in run.scores if score.subject == "teacher"] for run in (one, two)]
    assert teachers[0] == teachers[1] != []
    assert (one.rollouts, one.verified_rollouts) == (two.rollouts, two.verified_rollouts)
    for name in ("teacher_base", "teacher_adapter", "traces", "student_base"):
        assert getattr(one.outputs, name) == getattr(two.outputs, name)
    assert one.outputs.student != two.outputs.student
    numbers = [name.rpartition("/")[2] for name in versions(site)]
    assert set(numbers) == {"1"}


def _check_lineage(site: Site, run: run_pb2.Run) -> None:
    made, out = versions(site), run.outputs
    teacher = made[out.teacher_adapter]
    assert ("adapter", out.teacher_base) in edges(teacher)
    assert edges(made[out.traces]) == {("generated_by", out.teacher_adapter)}
    assert made[out.traces].HasField("declared_licenses")
    assert not made[out.traces].declared_licenses.ids
    paths = {file.path for file in made[out.traces].files}
    assert paths == {
        "data/train-00000-of-00001.jsonl",
        "README.md",
        "curation.json",
        "manifest.json",
        "statistics.json",
    }
    assert edges(made[out.student_adapter]) == {("adapter", out.student_base), ("trained_on", out.traces)}
    student = made[out.student]
    assert edges(student) == {
        ("merge", out.student_base),
        ("merge", out.student_adapter),
        ("trained_on", out.traces),
        ("evaluated_on", out.evaluation_dataset),
        ("evaluated_against", out.teacher_adapter),
    }
    base = made[out.teacher_base]
    assert base.imported
    assert base.stand_in
    assert (base.source.hub_repo, list(base.declared_licenses.ids)) == ("Salesforce/xLAM-7b-fc-r", ["cc-by-nc-4.0"])
    ((kind, ancestor),) = edges(base)
    assert (kind, list(made[ancestor].declared_licenses.ids)) == ("finetune", ["deepseek-model-1.0"])
    assert student.stand_in
    assert all(one.state == version_pb2.VERSION_STATE_READY for one in made.values())
    verdicts = {(one.subject, one.context): one.verdict for one in run.license_outcomes}
    assert verdicts["teacher", "commercial"] == "denied"
    assert verdicts["traces", "commercial"] == "needs_review"
    assert verdicts["student", "commercial"] == "denied"
    assert verdicts["teacher", "research"] == "allowed_with_obligations"
    card = (download_version(site.client, out.student, site.home / "copy") / "README.md").read_text()
    assert "Stand-in" in card
    assert 'base_model:\n- "Qwen/Qwen3-8B"' in card
    assert "OUTBOUND_LICENSE_INCOMPATIBLE" in card


def _check_idempotence(site: Site, run: run_pb2.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = versions(site)
    monkeypatch.setenv(SERVER_VARIABLE, site.served.address)
    monkeypatch.setenv(TOKEN_VARIABLE, site.token)
    for stage, again, output in (
        ("register_teacher", register_teacher_again, "teacher_adapter"),
        ("register", register_again, "student"),
    ):
        specs = [StageSpec.read(path) for path in (site.home / "work").glob(f"{stage}-*/spec.json")]
        (spec,) = [one for one in specs if one.run == "one"]
        figures = again(spec, lambda *_, **__: None)
        assert figures["run"]["outputs"][output] == getattr(run.outputs, output)
    assert versions(site) == before


def test_runs_at_once_make_what_is_equal_once(site: Site) -> None:
    names = ("qwen3", "llama3")
    general = site.home / "general.jsonl"
    said = [f"What is {number} squared?" for number in range(20)]
    write_trajectories(
        general, [Trajectory(text, (), (Message("user", text), Message("assistant", "A lot."))) for text in said]
    )
    for name in names:
        recipe = tiny_message()
        recipe.curation.replay, recipe.curation.replay_path = 0.1, str(general)
        recipe.student.base.stand_in = recipe.student.model_id = name
        recipe.student.family = name
        recipe.student.licenses[:] = ["llama3.2" if name == "llama3" else "apache-2.0"]
        site.create(recipe, name)
    with site.worker("--runs", "2") as worker:
        _wait(lambda: all(site.run(name).state == run_pb2.RUN_STATE_RUNNING for name in names), "start of both")
        _wait(site.stage_processes, "stage")
        worker.send_signal(signal.SIGKILL)

    most = 0
    with site.worker("--runs", "2", "--until-idle") as worker:
        while worker.poll() is None:
            at_work = sorted(site.stage_processes().values())
            most = max(most, len(at_work))
            assert len(at_work) <= 2
            time.sleep(0.1)
        assert worker.returncode == 0
    assert most == 2
    runs = [site.run(name) for name in names]
    assert [run.state for run in runs] == [run_pb2.RUN_STATE_SUCCEEDED] * 2, [run.error for run in runs]
    assert runs[0].outputs.teacher_adapter == runs[1].outputs.teacher_adapter
    _check_replay(site, runs[0], runs[1])
    shared = {"finetune_teacher", "evaluate_teacher", "rollout", "verify", "curate"}
    made = [{stage.name for stage in run.stages if not stage.reused} for run in runs]
    assert made[0] | made[1] == set(STAGES)
    assert made[0] & made[1] == set(STAGES) - shared
    waited = [event.message for name in names for event in site.store.events(name) if event.type == "stage_waiting"]
    assert "finetune_teacher waits for another run" in waited


def _check_replay(site: Site, one: run_pb2.Run, two: run_pb2.Run) -> None:
    assert 0 < one.replayed_rows < one.dataset_rows
    assert one.outputs.traces == two.outputs.traces
    made = versions(site)
    assert edges(made[one.outputs.traces]) == {
        ("generated_by", one.outputs.teacher_adapter),
        ("derived_from", one.outputs.replay),
    }
    assert not made[one.outputs.replay].HasField("declared_licenses")
    verdicts = {(outcome.subject, outcome.context): outcome for outcome in one.license_outcomes}
    assert "UNKNOWN_LICENSE" in verdicts["traces", "research"].reasons


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)


def test_a_second_worker_is_refused(site: Site) -> None:
    with site.worker() as worker:
        site.create(tiny_message())
        site.client.runs.CancelRun(run_pb2.CancelRunRequest(name="runs/one"))
        deadline = time.monotonic() + 30
        while not has_worker(site.home):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(HomeLocked, match=f"worker {worker.pid} already serves"):
            run_worker(site.home, site.served.address, site.token, until_idle=True)
        assert worker.poll() is None


def test_cancelling_ends_the_stage_within_seconds_and_resuming_goes_on(site: Site) -> None:
    recipe = tiny_message()
    recipe.teacher.training.epochs = 1000
    site.create(recipe)
    with site.worker():
        site.wait_for(lambda: len(site.progress("finetune_teacher")) >= 3, 120, "progress in training")
        started = time.monotonic()
        site.client.runs.CancelRun(run_pb2.CancelRunRequest(name="runs/one"))
        run = site.wait_for_state(run_pb2.RUN_STATE_CANCELLED, 5)
        site.wait_for(lambda: not site.stage_processes(), 5, "end of the stage")
        assert time.monotonic() - started < 5
        assert stage_of(run, "finetune_teacher").state == run_pb2.STAGE_STATE_PENDING

        steps = max(one.done for one in site.progress("finetune_teacher"))
        site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name="runs/one"))
        seen = len(site.progress("finetune_teacher"))
        site.wait_for(lambda: len(site.progress("finetune_teacher")) > seen, 120, "progress after resuming")
        first = site.progress("finetune_teacher")[seen]
        assert 1 < first.done <= steps + 2
        assert stage_of(site.run(), "finetune_teacher").attempts == 2


def test_a_failed_stage_says_why_and_is_taken_up_again(site: Site) -> None:
    data = site.home / "rows.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]}\n')
    recipe = tiny_message()
    recipe.teacher.dataset_path = str(data)
    recipe.teacher.training.max_length = 8
    site.create(recipe)
    with site.worker("--until-idle") as worker:
        assert worker.wait(60) == 0
    run = site.run()
    assert run.state == run_pb2.RUN_STATE_FAILED
    assert "train.jsonl:1" in run.error
    assert "log.txt" in run.error
    assert stage_of(run, "finetune_teacher").state == run_pb2.STAGE_STATE_FAILED
    failed = [event for event in site.store.events("one") if event.type == "stage_failed"]
    assert [event.stage for event in failed] == ["finetune_teacher"]

    data.unlink()
    site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name="runs/one"))
    with site.worker("--until-idle") as worker:
        assert worker.wait(60) == 0
    assert "is not a file on the worker's machine" in site.run().error
    assert site.run().state == run_pb2.RUN_STATE_FAILED


def test_a_run_that_nobody_asked_dbos_for_is_taken_up(site: Site) -> None:
    recipe = tiny_message()
    recipe.teacher.dataset_path = "/nowhere.jsonl"
    run = site.create(recipe)
    for leftover in site.home.glob("*dbos.db*"):
        leftover.unlink()
    with site.worker("--until-idle") as worker:
        assert worker.wait(60) == 0
    assert site.run().state == run_pb2.RUN_STATE_FAILED
    assert run.state == run_pb2.RUN_STATE_QUEUED


def test_a_stopped_worker_leaves_the_run_where_it_is(site: Site) -> None:
    recipe = tiny_message()
    recipe.teacher.training.epochs = 1000
    site.create(recipe)
    with site.worker() as worker:
        site.wait_for(lambda: len(site.stage_processes()) == 1, 60, "stage")
        os.kill(worker.pid, signal.SIGINT)
        site.wait_for(lambda: worker.poll() is not None, 10, "end of the worker")
    site.wait_for(lambda: not site.stage_processes(), 5, "end of the stage")
    assert site.run().state == run_pb2.RUN_STATE_RUNNING
