"""``spiritsafe distill`` as far as it goes without training."""

from __future__ import annotations

from cli import exits
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


def test_an_unknown_run(spiritsafe: Command) -> None:
    for verb in ("status", "watch", "cancel", "resume"):
        assert spiritsafe("distill", verb, "nobody").code == exits.NOT_FOUND
