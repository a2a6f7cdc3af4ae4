"""Recipes: defaults, what is refused, and what each stage's digest depends on."""

from __future__ import annotations

import json

import pytest

from distill import recipe as recipes
from distill.curation.settings import CurationSettings
from distill.environments.definitions import McpServer, Setup
from distill.environments.limits import Limits
from distill.recipe import (
    REGISTERING,
    STAGES,
    TUNING,
    UPSTREAM,
    Stage,
    from_json,
    from_proto,
    stage_digest,
    to_json,
    to_proto,
)
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import InvalidArgument
from tests.distill.recipes import KNOWN, recipe_message

SOURCES = {"teacher": "t" * 64, "student": "s" * 64}
DONE: dict[str, str] = {stage: stage[0] * 64 for stage in STAGES}


def test_defaults_are_filled_in() -> None:
    recipe = from_proto(recipe_message(), KNOWN)
    assert recipe.namespace == "default"
    assert recipe.student.family == "qwen3"
    assert recipe.traces_id == "teacher-traces"
    assert recipe.teacher.base.catalog_entry == "Salesforce/xLAM-7b-fc-r"
    assert recipe.environment.categories == ("single", "no_call")
    assert recipe.teacher.training == recipes.STAND_IN_TRAINING
    assert recipe.stand_in


def test_published_weights_get_their_own_defaults() -> None:
    message = recipe_message()
    message.teacher.base.hub_repo = "Salesforce/xLAM-1b-fc-r"
    recipe = from_proto(message, KNOWN)
    assert recipe.teacher.training == recipes.DEFAULT_TRAINING
    assert recipe.teacher.base.catalog_entry == "Salesforce/xLAM-1b-fc-r"
    assert recipe.student.training == recipes.STAND_IN_TRAINING


def test_a_recipe_survives_both_forms() -> None:
    recipe = from_proto(change(teacher__training__overlong="split"), KNOWN)
    assert (recipe.teacher.training.overlong, recipe.student.training.overlong) == ("split", "fail")
    for each in (recipe, from_proto(told(), KNOWN)):
        assert from_proto(to_proto(each), KNOWN) == each
        assert from_json(json.loads(json.dumps(to_json(each)))) == each


def told() -> run_pb2.Recipe:
    """A recipe that says much of how the teacher is asked and what is kept."""
    return change(
        seed=7,
        teacher__endpoint__urls=["http://a:8000/v1", "http://b:8000/v1"],
        teacher__endpoint__api_key_env="TEACHER_KEY",
        teacher__endpoint__reply_seconds=60.0,
        rollout__samples=4,
        rollout__temperature=0.7,
        rollout__top_logprobs=16,
        judge__endpoint__urls=["https://judge/v1"],
        judge__catalog_entry="Qwen/Qwen3-8B",
        curation__near_copies=0.0,
        curation__contamination_words=13,
        curation__turn_buckets=[1, 3],
        curation__replay=0.1,
        curation__replay_path="/data/general.jsonl",
        curation__suite_paths=["/data/bfcl.json"],
    )


def test_what_a_recipe_says_of_asking_and_keeping_is_read() -> None:
    recipe = from_proto(told(), KNOWN)
    assert recipe.teacher.endpoint is not None
    assert (recipe.teacher.endpoint.reply_seconds, recipe.teacher.endpoint.concurrency) == (60.0, 64)
    assert (recipe.rollout.top_p, recipe.rollout.max_tokens, recipe.rollout.greedy) == (1.0, 128, False)
    settings = recipe.curation.settings
    assert (settings.near_copies, settings.contamination_words, settings.turn_buckets) == (None, 13, (1, 3))
    assert (settings.replay, settings.most_of_a_tool, settings.seed) == (0.1, None, 7)
    assert list(recipe.curation.files) == ["replay", "suite_0"]
    assert recipe.judge is not None
    assert recipe.judge.name == "Qwen/Qwen3-8B"


def test_what_a_recipe_does_not_say_is_at_its_default() -> None:
    recipe = from_proto(recipe_message(), KNOWN)
    assert recipe.curation.settings == CurationSettings()
    assert recipe.rollout.greedy
    assert recipe.judge is None
    assert recipe.stages == STAGES


def test_a_teacher_behind_an_endpoint_is_not_tuned() -> None:
    recipe = from_proto(change(teacher__endpoint__urls=["http://a/v1"]), KNOWN)
    assert recipe.stages == tuple(stage for stage in STAGES if stage not in TUNING)
    assert recipe.upstream("rollout") == ()
    assert "evaluate_teacher" not in recipe.upstream("register")
    digests = {stage: stage_digest("one", recipe, stage, SOURCES, DONE) for stage in recipe.stages}
    other = from_proto(change(teacher__endpoint__urls=["http://b/v1"]), KNOWN)
    assert stage_digest("one", other, "rollout", SOURCES, DONE) != digests["rollout"]


def test_the_users_own_files_decide_by_name_and_content() -> None:
    files = {"replay": "r" * 64, "suite_0": "u" * 64}
    message = told()
    message.teacher.ClearField("endpoint")
    before = digests(message, {**SOURCES, **files})
    for name in files:
        after = digests(message, {**SOURCES, **files, name: "x" * 64})
        assert {stage for stage in STAGES if before[stage] != after[stage]} == {"curate", *REGISTERING}
    message.curation.replay_path = "/elsewhere/general.jsonl"
    after = digests(message, {**SOURCES, **files})
    assert {stage for stage in STAGES if before[stage] != after[stage]} == REGISTERING


def change(**fields: object) -> run_pb2.Recipe:
    message = recipe_message()
    for path, value in fields.items():
        *parents, last = path.split("__")
        target = message
        for name in parents:
            target = getattr(target, name)
        if isinstance(value, list):
            getattr(target, last).extend(value)
        else:
            setattr(target, last, value)
    return message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (run_pb2.Recipe(), "recipe.teacher.base"),
        (run_pb2.Recipe(), "recipe.student.model_id"),
        (change(teacher__model_id="No Id"), "recipe.teacher.model_id"),
        (change(teacher__model_id="t" * 60), "recipe.teacher.model_id"),
        (change(student__model_id="teacher"), "recipe.student.model_id"),
        (change(student__family="mamba"), "recipe.student.family"),
        (change(teacher__base__stand_in="gpt"), "recipe.teacher.base.stand_in"),
        (change(teacher__base__hub_repo="no-organisation"), "recipe.teacher.base.hub_repo"),
        (change(student__base__revision="abc"), "recipe.student.base.revision"),
        (change(environment__name="casino"), "recipe.environment.name"),
        (change(environment__categories=["single", "triple"]), "recipe.environment.categories"),
        (change(environment__rollout_scenarios=-1), "recipe.environment.rollout_scenarios"),
        (change(teacher__training__learning_rate=2.0), "recipe.teacher.training.learning_rate"),
        (change(student__training__epochs=-1), "recipe.student.training.epochs"),
        (change(student__training__overlong="truncate"), "recipe.student.training.overlong"),
        (change(namespace="Not An Id"), "recipe.namespace"),
        (change(teacher__endpoint__urls=["localhost:8000"]), "recipe.teacher.endpoint.urls"),
        (change(teacher__endpoint__attempts=-1), "recipe.teacher.endpoint.attempts"),
        (
            change(teacher__endpoint__urls=["http://a/v1"], teacher__dataset_path="rows.jsonl"),
            "recipe.teacher.dataset_path",
        ),
        (change(teacher__endpoint__urls=["http://a/v1"], teacher__licenses=["mit"]), "recipe.teacher.licenses"),
        (
            change(teacher__endpoint__urls=["http://a/v1"], teacher__training__epochs=2),
            "recipe.teacher.training",
        ),
        (change(rollout__samples=2), "recipe.rollout.temperature"),
        (change(rollout__temperature=-0.1), "recipe.rollout.temperature"),
        (change(rollout__top_p=1.5), "recipe.rollout.top_p"),
        (change(rollout__max_tokens=-1), "recipe.rollout.max_tokens"),
        (change(judge__catalog_entry="a/b"), "recipe.judge.endpoint.urls"),
        (change(curation__near_copies=2.0), "recipe.curation.near_copies"),
        (change(curation__foreign_tools="keep"), "recipe.curation.foreign_tools"),
        (change(curation__turn_buckets=[2, 1]), "recipe.curation.turn_buckets"),
        (change(curation__replay=0.1), "recipe.curation.replay_path"),
        (change(curation__replay_path="/rows.jsonl"), "recipe.curation.replay"),
        (change(curation__replay_unit="tokens"), "recipe.curation.replay_unit"),
    ],
)
def test_what_is_wrong_is_named(message: run_pb2.Recipe, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_proto(message, KNOWN)
    assert field in [violation.field for violation in caught.value.violations]
    assert field in caught.value.message


def digests(message: run_pb2.Recipe, sources: dict[str, str] = SOURCES) -> dict[Stage, str]:
    recipe = from_proto(message, KNOWN)
    return {stage: stage_digest("one", recipe, stage, sources, DONE) for stage in STAGES}


def changed(message: run_pb2.Recipe, sources: dict[str, str] = SOURCES) -> set[Stage]:
    before, after = digests(recipe_message()), digests(message, sources)
    return {stage for stage in STAGES if before[stage] != after[stage]}


def test_a_digest_changes_with_what_its_stage_reads_and_with_nothing_else() -> None:
    assert changed(recipe_message()) == set()
    assert changed(change(student__display_name="acme/Other")) == REGISTERING
    assert changed(change(student__training__epochs=9)) == {"train_student", *REGISTERING}
    # Rows are compared with the held-out scenarios.
    heldout = {"evaluate_untouched", "evaluate_teacher", "curate", "evaluate", "merge", *REGISTERING}
    assert changed(change(environment__evaluation_scenarios=7)) == heldout
    assert changed(change(environment__rollout_scenarios=7)) == {"rollout", "verify", *REGISTERING}
    assert changed(change(teacher__model_id="other")) == {"verify", "curate", *REGISTERING}
    assert changed(change(curation__near_copies=0.8)) == {"curate", *REGISTERING}
    assert changed(change(rollout__max_tokens=64)) == {"rollout", "verify", "curate", *REGISTERING}
    assert changed(change(rollout__conversations=3)) == REGISTERING
    assert changed(change(judge__endpoint__urls=["http://judge/v1"])) == {"verify", *REGISTERING}
    assert changed(recipe_message(), {**SOURCES, "student": "x" * 64}) == {
        "evaluate_untouched",
        "train_student",
        "evaluate",
        "merge",
        *REGISTERING,
    }
    assert changed(change(seed=5)) == set(STAGES)


def test_another_student_changes_nothing_of_the_teachers_stages() -> None:
    message = change(student__model_id="other", student__licenses=["mit"], student__training__epochs=9)
    again = changed(message, {**SOURCES, "student": "x" * 64})
    assert again.isdisjoint({"finetune_teacher", "evaluate_teacher", "rollout", "verify", "curate"})


def test_only_registering_is_each_runs_own() -> None:
    recipe = from_proto(recipe_message(), KNOWN)
    one, two = ({stage: stage_digest(run, recipe, stage, SOURCES, DONE) for stage in STAGES} for run in ("one", "two"))
    assert {stage for stage in STAGES if one[stage] != two[stage]} == REGISTERING


def test_the_teachers_own_data_decides_by_its_content() -> None:
    message = change(teacher__dataset_path="/data/rows.jsonl")
    first = digests(message, {**SOURCES, "dataset": "a" * 64})
    second = digests(message, {**SOURCES, "dataset": "b" * 64})
    moved = digests(change(teacher__dataset_path="/elsewhere.jsonl"), {**SOURCES, "dataset": "a" * 64})
    assert first["finetune_teacher"] != second["finetune_teacher"]
    assert first["finetune_teacher"] == moved["finetune_teacher"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_digest_changes_with_every_upstream_output(stage: Stage) -> None:
    recipe = from_proto(recipe_message(), KNOWN)
    before = stage_digest("one", recipe, stage, SOURCES, DONE)
    for other in STAGES:
        after = stage_digest("one", recipe, stage, SOURCES, {**DONE, other: "z" * 64})
        assert (after != before) == (other in UPSTREAM[stage])


def test_equal_recipes_have_equal_digests() -> None:
    recipe = from_proto(recipe_message(), KNOWN)
    assert digests(recipe_message()) == digests(to_proto(recipe))


OWN = {"environment__scenarios_path": "/data/own.jsonl"}
SERVER = {"environment__mcp__command": ["python", "server.py"], **OWN}
MODULE = {"environment__module__source": "/data/shop.py", **OWN}


@pytest.mark.parametrize(
    "fields",
    [
        {"environment__difficulty": "hard"},
        OWN,
        {**SERVER, "environment__mcp__env_from": ["KEY"], "environment__mcp__state_tool": "dump"},
        {"environment__mcp__url": "https://tools.example/mcp", "environment__limits__seconds": 2.5, **OWN},
        {**MODULE, "environment__name": "my-shop", "environment__limits__network": True},
    ],
)
def test_an_environment_survives_both_forms(fields: dict[str, object]) -> None:
    recipe = from_proto(change(**fields), KNOWN)
    assert from_proto(to_proto(recipe), KNOWN) == recipe
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


def test_an_environment_of_the_users_is_filled_in_and_set_up() -> None:
    message = change(**SERVER)
    message.environment.mcp.env["COLOUR"] = "red"
    message.environment.limits.processes = 3
    environment = from_proto(message, KNOWN).environment
    assert environment.name == "custom"
    assert "recovery" in environment.categories
    server = McpServer(("python", "server.py"), {"COLOUR": "red"})
    assert environment.setup == Setup({"custom": server}, Limits(processes=3))
    assert from_proto(recipe_message(), KNOWN).environment.setup == Setup()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"environment__difficulty": "extreme"}, "difficulty"),
        ({"environment__limits__seconds": 2.0}, "limits"),
        ({"environment__difficulty": "easy", **OWN}, "difficulty"),
        ({"environment__mcp__command": ["a"]}, "scenarios_path"),
        ({"environment__mcp__url": "file:///a", **OWN}, "mcp.url"),
        ({"environment__mcp__state_tool": "dump", **OWN}, "mcp.command"),
        ({"environment__module__source": "a b", **OWN}, "module.source"),
        ({**MODULE, "environment__mcp__url": "http://a"}, "module"),
        ({**MODULE, "environment__name": "support_desk"}, "name"),
        ({**MODULE, "environment__limits__memory_bytes": -1}, "limits.memory_bytes"),
        ({**MODULE, "environment__limits__seconds": -1.0}, "limits.seconds"),
    ],
)
def test_what_is_wrong_with_an_environment_is_named(fields: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_proto(change(**fields), KNOWN)
    assert f"recipe.environment.{field}" in [one.field for one in caught.value.violations]


@pytest.mark.parametrize(
    ("fields", "sources"),
    [
        ({**MODULE, "environment__limits__seconds": 5.0}, {}),
        ({**MODULE, "environment__module__factory": "make"}, {}),
        (MODULE, {"scenarios": "2"}),
        (MODULE, {"module": "2"}),
    ],
)
def test_all_of_an_environment_decides_what_is_rolled_out(fields: dict[str, object], sources: dict[str, str]) -> None:
    found = {**SOURCES, "scenarios": "1", "module": "1"}
    before, after = from_proto(change(**MODULE), KNOWN), from_proto(change(**fields), KNOWN)
    digests = {
        stage_digest("one", recipe, "rollout", {**found, **more}, DONE)
        for recipe, more in ((before, {}), (after, sources))
    }
    assert len(digests) == 2
