"""Which scenarios each stage gets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from distill.environments.base import Scenario
from distill.stages.inputs import gold_scenarios, heldout_scenarios, rollout_scenarios
from tests.distill.recipes import tiny_recipe

# Of 16 for a single call; little of it, but never nothing, of the others.
SHARES = {"single": 16, "parallel": 12, "no_call": 8}


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
