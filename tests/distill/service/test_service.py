"""The run service over a real socket: plans, idempotent creation, pages, watching, cancelling, resuming."""

from __future__ import annotations

import threading

import pytest

from distill.recipe import STAGES
from distill.runs import records
from distill.runs.store import timestamp_now
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.distill.recipes import tiny_message
from tests.distill.site import Site


def outcomes(found: list[run_pb2.LicenseOutcome], subject: str) -> dict[str, str]:
    return {one.context: one.verdict for one in found if one.subject == subject}


def test_a_plan_tells_the_outcome_before_anything_is_spent(site: Site) -> None:
    plan = site.client.runs.PlanRun(run_pb2.PlanRunRequest(recipe=tiny_message()))
    assert plan.recipe.traces_id == "teacher-traces"
    assert plan.recipe.teacher.training.lora_rank > 0
    teacher = outcomes(list(plan.license_outcomes), "teacher")
    assert teacher == {
        "research": "allowed_with_obligations",
        "education": "allowed_with_obligations",
        "internal": "needs_review",
        "commercial": "denied",
    }
    student = next(one for one in plan.license_outcomes if (one.subject, one.context) == ("student", "commercial"))
    assert (student.verdict, "OUTBOUND_LICENSE_INCOMPATIBLE" in student.reasons) == ("denied", True)
    assert outcomes(list(plan.license_outcomes), "traces")["commercial"] == "needs_review"
    assert any("stand-in" in warning for warning in plan.warnings)
    assert not site.client.runs.ListRuns(run_pb2.ListRunsRequest()).runs


def test_a_plan_warns_of_what_is_not_known(site: Site) -> None:
    recipe = tiny_message()
    recipe.teacher.base.hub_repo = "somebody/unheard-of"
    recipe.teacher.dataset_path = "/data/mine.jsonl"
    plan = site.client.runs.PlanRun(run_pb2.PlanRunRequest(recipe=recipe))
    told = " ".join(plan.warnings)
    assert "somebody/unheard-of is not in the catalogue" in told
    assert "dataset" in told
    reasons = {reason for one in plan.license_outcomes if one.subject == "teacher" for reason in one.reasons}
    assert reasons == {"UNKNOWN_LICENSE"}


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("family", "mamba", "recipe.student.family"),
        ("model_id", "", "recipe.student.model_id"),
    ],
)
def test_a_bad_recipe_is_refused_by_field(site: Site, field: str, value: str, named: str) -> None:
    recipe = tiny_message()
    setattr(recipe.student, field, value)
    for call in (
        lambda: site.client.runs.PlanRun(run_pb2.PlanRunRequest(recipe=recipe)),
        lambda: site.create(recipe),
    ):
        with pytest.raises(InvalidArgument) as caught:
            call()
        assert named in [violation.field for violation in caught.value.violations]


def test_a_student_base_of_no_known_family_is_refused(site: Site) -> None:
    base = site.home / "base"
    base.mkdir()
    (base / "config.json").write_text('{"architectures": ["MambaForCausalLM"]}')
    recipe = tiny_message()
    recipe.student.family = "qwen3"
    recipe.student.base.path = str(base)
    with pytest.raises(InvalidArgument, match="MambaForCausalLM") as caught:
        site.create(recipe)
    assert [violation.field for violation in caught.value.violations] == ["recipe.student.base"]


def test_an_unknown_catalogue_entry_is_refused(site: Site) -> None:
    recipe = tiny_message()
    recipe.teacher.base.catalog_entry = "acme/none"
    with pytest.raises(InvalidArgument, match="acme/none") as caught:
        site.create(recipe)
    assert caught.value.violations[0].field == "recipe.teacher.base.catalog_entry"


def test_a_repeated_request_makes_one_run(site: Site) -> None:
    request = run_pb2.CreateRunRequest(recipe=tiny_message(), request_id="8d7f8b9e-3a53-4d0c-9c62-0f7d3f4f0c55")
    first = site.client.runs.CreateRun(request).run
    assert site.client.runs.CreateRun(request).run == first
    assert [one.name for one in site.client.runs.ListRuns(run_pb2.ListRunsRequest()).runs] == [first.name]
    request.recipe.seed = 9
    with pytest.raises(InvalidArgument, match="another recipe"):
        site.client.runs.CreateRun(request)


def test_a_created_run_is_queued_with_its_outcome(site: Site) -> None:
    run = site.create(tiny_message())
    assert (run.name, run.state, run.stand_in) == ("runs/one", run_pb2.RUN_STATE_QUEUED, True)
    assert [stage.name for stage in run.stages] == list(STAGES)
    assert {one.subject for one in run.license_outcomes} == {"teacher", "traces", "student"}
    assert run.creator
    assert site.run() == run


def test_validate_only_changes_nothing(site: Site) -> None:
    request = run_pb2.CreateRunRequest(recipe=tiny_message(), run_id="one", validate_only=True)
    assert site.client.runs.CreateRun(request).run.name == "runs/one"
    with pytest.raises(NotFound):
        site.run()


def test_pages(site: Site) -> None:
    for number in range(3):
        site.create(tiny_message(), f"run-{number}")
    first = site.client.runs.ListRuns(run_pb2.ListRunsRequest(page_size=2))
    second = site.client.runs.ListRuns(run_pb2.ListRunsRequest(page_size=2, page_token=first.next_page_token))
    assert [run.name for run in [*first.runs, *second.runs]] == ["runs/run-2", "runs/run-1", "runs/run-0"]
    assert not second.next_page_token


def test_a_queued_run_is_cancelled_and_resumed(site: Site) -> None:
    site.create(tiny_message())
    name = "runs/one"
    cancelled = site.client.runs.CancelRun(run_pb2.CancelRunRequest(name=name)).run
    assert cancelled.state == run_pb2.RUN_STATE_CANCELLED
    assert site.client.runs.CancelRun(run_pb2.CancelRunRequest(name=name)).run == cancelled
    resumed = site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name=name)).run
    assert resumed.state == run_pb2.RUN_STATE_QUEUED
    assert site.store.get("one").attempt == 2
    # Nothing new where the run is already on its way.
    assert site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name=name)).run.state == run_pb2.RUN_STATE_QUEUED
    assert site.store.get("one").attempt == 2


def test_a_run_that_succeeded_can_be_neither_cancelled_nor_resumed(site: Site) -> None:
    site.create(tiny_message())
    site.store.change("one", lambda record: records.run_ended(record, run_pb2.RUN_STATE_SUCCEEDED, timestamp_now()))
    with pytest.raises(FailedPrecondition, match="ended"):
        site.client.runs.CancelRun(run_pb2.CancelRunRequest(name="runs/one"))
    with pytest.raises(FailedPrecondition, match="succeeded"):
        site.client.runs.ResumeRun(run_pb2.ResumeRunRequest(name="runs/one"))


def test_watching_goes_from_the_cursor_to_the_end(site: Site) -> None:
    site.create(tiny_message())
    seen: list[run_pb2.RunEvent] = []

    def watch() -> None:
        request = run_pb2.WatchRunRequest(name="runs/one", after_sequence=1)
        seen.extend(response.event for response in site.client.runs.WatchRun(request))

    watcher = threading.Thread(target=watch)
    watcher.start()
    site.store.append("one", run_pb2.RunEvent(type="progress", stage="rollout", done=1, total=2))
    site.client.runs.CancelRun(run_pb2.CancelRunRequest(name="runs/one"))
    watcher.join(10)
    assert not watcher.is_alive()
    assert [(event.sequence, event.type) for event in seen] == [(2, "progress"), (3, "run_state")]
    assert seen[-1].state == run_pb2.RUN_STATE_CANCELLED


def test_runs_of_other_namespaces_stay_out_of_reach(site: Site) -> None:
    site.create(tiny_message())
    other = site.served.client("publisher", identity="eve@example.com", namespaces=("elsewhere",))
    with pytest.raises(PermissionDenied, match="default"):
        other.runs.GetRun(run_pb2.GetRunRequest(name="runs/one"))
    with pytest.raises(PermissionDenied, match="default"):
        other.runs.CreateRun(run_pb2.CreateRunRequest(recipe=tiny_message()))
    assert not other.runs.ListRuns(run_pb2.ListRunsRequest()).runs


def test_a_reader_may_not_create_runs(site: Site) -> None:
    reader = site.served.client("reader")
    with pytest.raises(PermissionDenied):
        reader.runs.CreateRun(run_pb2.CreateRunRequest(recipe=tiny_message()))


@pytest.mark.parametrize("name", ["runs/none", "runs/one"])
def test_unknown_runs_are_not_found(site: Site, name: str) -> None:
    with pytest.raises(NotFound):
        list(site.client.runs.WatchRun(run_pb2.WatchRunRequest(name=name)))
