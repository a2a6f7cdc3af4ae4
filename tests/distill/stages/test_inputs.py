"""Which scenarios each stage gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from distill.environments.base import Scenario
from distill.recipe import Checkpoint, Location, Stage
from distill.runs.checkpoints import Source, folder_digest
from distill.stages.inputs import check_base_unchanged, gold_scenarios, heldout_scenarios, rollout_scenarios
from distill.stages.spec import StageSpec
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
