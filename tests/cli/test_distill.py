"""``spiritsafe distill`` as far as it goes without training."""

from __future__ import annotations

import pytest

from cli import exits
from cli.distill import print_run
from cli.output import Format
from spiritsafe.distill.v1 import run_pb2
from tests.cli.conftest import Command

RECIPE = (
    *("--teacher", "Salesforce/xLAM-7b-fc-r", "--student", "Qwen/Qwen3-0.6B", "--family", "qwen3"),
    *("--teacher-id", "teacher", "--student-id", "tool", "--set", "traces_id=traces"),
    *("--set", "environment.name=support_desk", "--format", "json"),
)


def test_a_plan_gives_the_licence_outcome_before_anything_is_spent(spiritsafe: Command) -> None:
    plan = spiritsafe("distill", "plan", *RECIPE, "--set", "student.licenses=apache-2.0").data
    verdicts = {(one["subject"], one["context"]): one["verdict"] for one in plan["license_outcomes"]}
    assert verdicts["teacher", "commercial"] == "denied"
    assert verdicts["student", "commercial"] == "denied"
    assert verdicts["student", "research"] == "allowed_with_obligations"
    assert plan["recipe"]["student"]["training"]["epochs"] > 0
    assert spiritsafe("distill", "list", "--format", "json").data == {"runs": []}


def test_another_outbound_licence_changes_the_plan(spiritsafe: Command) -> None:
    plan = spiritsafe("distill", "plan", *RECIPE, "--set", "student.licenses=openrail-m").data
    found = {one["context"]: one for one in plan["license_outcomes"] if one["subject"] == "student"}
    assert found["commercial"]["verdict"] == "needs_review"
    assert found["commercial"]["reasons"] == ["NC_OUTPUT_REACH_CONTESTED"]


def test_a_dry_run_queues_nothing(spiritsafe: Command) -> None:
    assert spiritsafe("distill", "run", *RECIPE, "--dry-run").data["state"] == "queued"
    assert spiritsafe("distill", "list", "--format", "json").data == {"runs": []}


def test_a_family_that_nobody_knows(spiritsafe: Command) -> None:
    done = spiritsafe("distill", "plan", *RECIPE, "--family", "gpt2")
    assert done.code == exits.USAGE
    assert [one["field"] for one in done.error["violations"]] == ["recipe.student.family"]


def test_a_recipe_says_how_the_teacher_is_asked_and_what_is_kept(spiritsafe: Command) -> None:
    asking = ("teacher.endpoint.urls=http://localhost:8000/v1", "rollout.samples=4", "rollout.temperature=0.7")
    keeping = ("curation.near_copies=0", "curation.most_of_a_tool=0.2", "judge.endpoint.urls=http://judge/v1")
    settings = [part for text in (*asking, *keeping) for part in ("--set", text)]
    recipe = spiritsafe("distill", "plan", *RECIPE, *settings).data["recipe"]
    assert recipe["teacher"]["endpoint"]["concurrency"] == 64
    assert "training" not in recipe["teacher"]
    assert (recipe["rollout"]["samples"], recipe["rollout"]["top_p"], recipe["rollout"]["max_tokens"]) == (4, 1.0, 512)
    assert (recipe["curation"]["near_copies"], recipe["curation"]["contamination_words"]) == (0.0, 8)
    done = spiritsafe("distill", "plan", *RECIPE, "--set", "rollout.samples=4", "--set", "curation.replay=0.1")
    assert done.code == exits.USAGE
    named = {one["field"] for one in done.error["violations"]}
    assert named == {"recipe.rollout.temperature", "recipe.curation.replay_path"}


def test_a_run_shows_what_its_dataset_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    usage = run_pb2.RolloutUsage(episodes=50, replies=70, calls=44, prompt_tokens=9000, completion_tokens=1234)
    run = run_pb2.Run(
        name="runs/one",
        stages=[run_pb2.Stage(name="rollout", tokens_per_second=617.2)],
        usage=usage,
        verified_rollouts=41,
        dataset_rows=40,
        dropped=[
            run_pb2.DroppedRows(stage="verify", reason="wrong_state", rows=9),
            run_pb2.DroppedRows(stage="curate", reason="near_copy", rows=1),
        ],
        license_outcomes=[run_pb2.LicenseOutcome(subject="traces", context="commercial", verdict="needs_review")],
    )
    print_run(run, Format.TABLE)
    told = " ".join(capsys.readouterr().out.split())
    for text in ("completion tokens 1234", "617 tokens/s", "dataset rows 40", "verify wrong_state 9", "near_copy 1"):
        assert text in told
    assert "traces commercial needs_review" in told


def test_an_unknown_run(spiritsafe: Command) -> None:
    for verb in ("status", "watch", "cancel", "resume"):
        assert spiritsafe("distill", verb, "nobody").code == exits.NOT_FOUND
