"""Which scenarios each stage gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from distill.environments.base import Scenario
from distill.environments.registry import generate_scenarios
from distill.recipe import Checkpoint, Location, Recipe, Stage
from distill.runs.checkpoints import Source, folder_digest
from distill.stages.inputs import (
    check_base_unchanged,
    check_files_unchanged,
    check_heldout,
    gold_scenarios,
    heldout_scenarios,
    rollout_scenarios,
)
from distill.stages.spec import StageSpec
from distill.trajectories.rows import write_rows
from spiritsafe.errors import InvalidArgument
from spiritsafe.publish import file_digest
from tests.distill.recipes import tiny_recipe

# Of 16 for a single call, rounded up.
SHARES = {"single": 16, "parallel": 16, "no_call": 16}


def messages(scenarios: list[Scenario]) -> set[tuple[str, ...]]:
    return {tuple(turn.message for turn in one.turns) for one in scenarios}


def test_gold_rollout_and_heldout_share_no_message() -> None:
    recipe = tiny_recipe()
    gold, rollout, heldout = (part(recipe) for part in (gold_scenarios, rollout_scenarios, heldout_scenarios))
    assert not messages(gold) & messages(rollout)
    assert not messages(heldout) & (messages(gold) | messages(rollout))
    assert {one.split for one in [*gold, *rollout]} == {"train"}
    assert {one.split for one in heldout} == {"heldout"}
    assert len({one.id for one in [*gold, *rollout, *heldout]}) == len(gold) + len(rollout) + len(heldout)


def test_categories_have_their_shares_in_training_and_are_equal_in_evaluation() -> None:
    recipe = tiny_recipe()
    for part in (gold_scenarios, rollout_scenarios):
        assert Counter(one.category for one in part(recipe)) == SHARES
    assert Counter(one.category for one in heldout_scenarios(recipe)) == dict.fromkeys(SHARES, 4)


def test_gold_scenarios_do_not_depend_on_how_many_are_rolled_out() -> None:
    recipe = tiny_recipe()
    more = replace(recipe, environment=replace(recipe.environment, rollout_scenarios=40))
    assert gold_scenarios(more) == gold_scenarios(recipe)


def test_the_seed_decides_and_categories_limit() -> None:
    recipe = tiny_recipe()
    assert gold_scenarios(recipe) == gold_scenarios(recipe)
    assert messages(gold_scenarios(replace(recipe, seed=1))) != messages(gold_scenarios(recipe))
    only = replace(recipe, environment=replace(recipe.environment, categories=("single",)))
    assert {one.category for one in heldout_scenarios(only)} == {"single"}


def loading(folder: Path, stage: Stage, location: Location) -> StageSpec:
    """A stage of a run whose student base is ``folder`` as it is now."""
    recipe = tiny_recipe()
    base = Checkpoint(location, str(folder), "", "")
    return StageSpec(
        run="one",
        stage=stage,
        folder=folder.parent / stage,
        input_digest="d" * 64,
        recipe=replace(recipe, student=replace(recipe.student, base=base)),
        sources={"student": Source(str(folder), folder_digest(folder))},
        upstream={},
    )


def test_a_base_that_was_written_over_while_it_was_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    specs = {stage: loading(folder, stage, "path") for stage in ("train_student", "evaluate", "merge", "register")}
    pinned = loading(folder, "merge", "hub_repo")
    for spec in (*specs.values(), pinned):
        check_base_unchanged(spec)
    (folder / "model.safetensors").write_bytes(b"two")
    for stage in ("train_student", "evaluate", "merge"):
        with pytest.raises(ValueError, match="base has changed since the run took it up; resume the run"):
            check_base_unchanged(specs[stage])
    check_base_unchanged(specs["register"])
    check_base_unchanged(pinned)


def own(folder: Path, train: int, heldout: int) -> Recipe:
    """A recipe whose scenarios are those of a file."""
    path = folder / "own.jsonl"
    chosen = [
        *generate_scenarios("support_desk", "train", "single", train, 5),
        *generate_scenarios("support_desk", "heldout", "single", heldout, 5),
    ]
    write_rows(path, (one.to_json() for one in chosen))
    recipe = tiny_recipe()
    return replace(recipe, environment=replace(recipe.environment, scenarios_path=str(path)))


def test_scenarios_of_a_file_are_dealt_out(tmp_path: Path) -> None:
    recipe = own(tmp_path, 30, 6)
    gold, rollout, heldout = (part(recipe) for part in (gold_scenarios, rollout_scenarios, heldout_scenarios))
    # At most half of the training split, and as many as the recipe says.
    assert [len(part) for part in (gold, rollout, heldout)] == [15, 15, 4]
    assert not messages(gold) & messages(rollout)
    with_data = replace(recipe, teacher=replace(recipe.teacher, dataset_path="/data/rows.jsonl"))
    assert [len(part(with_data)) for part in (gold_scenarios, rollout_scenarios)] == [0, 16]


def test_a_malformed_file_of_scenarios_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    recipe = own(tmp_path, 2, 2)
    Path(recipe.environment.scenarios_path).write_text('{"id": 1}\n')
    with pytest.raises(InvalidArgument, match=r"own.jsonl, line 1, environment") as caught:
        check_heldout(recipe)
    assert [one.field for one in caught.value.violations] == ["recipe.environment.scenarios_path"]


def test_a_file_that_changes_while_a_stage_runs_is_noticed(tmp_path: Path) -> None:
    recipe = own(tmp_path, 2, 2)
    path = Path(recipe.environment.scenarios_path)
    spec = StageSpec(
        "one", "rollout", tmp_path, "d" * 64, recipe, {"scenarios": Source(str(path), file_digest(path))}, {}
    )
    check_files_unchanged(spec)
    path.write_text("")
    with pytest.raises(ValueError, match=r"own.jsonl has changed since the run took it up"):
        check_files_unchanged(spec)


def test_a_recipe_decides_how_hard_scenarios_are() -> None:
    recipe = tiny_recipe()
    hard = replace(recipe, environment=replace(recipe.environment, difficulty="hard"))
    assert heldout_scenarios(hard) != heldout_scenarios(recipe)
    assert all("hard" in one.id for one in heldout_scenarios(hard))
