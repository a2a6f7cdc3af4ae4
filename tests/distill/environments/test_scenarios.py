"""Scenarios: right, reproducible, and nothing shared between training and held-out."""

import json
import re
import string

import pytest

from distill.environments.base import Category, Scenario, Split, ToolSuccess, state_digest
from distill.environments.registry import ENVIRONMENTS, UnknownEnvironmentError, generate_scenarios, get_environment
from distill.environments.support_desk.pools import pool
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import build_world

SPLITS: tuple[Split, ...] = ("train", "heldout")
CATEGORIES: tuple[Category, ...] = ("single", "no_call")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_gold_calls_succeed_and_reach_the_expected_state(split: Split, category: Category) -> None:
    for scenario in generate(split, category, 200, 3):
        environment = get_environment(scenario.environment)
        environment.reset(scenario.env_seed)
        for call in scenario.gold_calls:
            assert isinstance(environment.call(call), ToolSuccess)
        assert state_digest(environment) == scenario.expected_state


@pytest.mark.parametrize("split", SPLITS)
def test_single_scenarios_offer_the_needed_tool_and_state_every_argument(split: Split) -> None:
    scenarios = generate(split, "single", 200, 3)
    for scenario in scenarios:
        (call,) = scenario.gold_calls
        offered = [tool.name for tool in scenario.tools]
        assert call.name in offered
        assert len(set(offered)) == len(offered)
        assert len(offered) in (2, 3)
        assert list(call.arguments) == list(TOOLS[call.name].parameter_names)
        for value in call.arguments.values():
            assert re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", scenario.user_message)
    assert {scenario.gold_calls[0].name for scenario in scenarios} == set(TOOLS)
    positions = {[tool.name for tool in scenario.tools].index(scenario.gold_calls[0].name) for scenario in scenarios}
    assert positions == {0, 1, 2}


@pytest.mark.parametrize("split", SPLITS)
def test_no_call_scenarios_have_an_answer_and_no_call(split: Split) -> None:
    for scenario in generate(split, "no_call", 200, 3):
        assert scenario.gold_calls == ()
        assert scenario.reference_text
        assert len(scenario.tools) in (2, 3)


@pytest.mark.parametrize("category", CATEGORIES)
def test_generation_is_reproducible_and_messages_differ(category: Category) -> None:
    first = generate("train", category, 100, 5)
    assert first == generate("train", category, 100, 5)
    assert first != generate("train", category, 100, 6)
    assert len({scenario.user_message for scenario in first}) == 100
    assert len({scenario.id for scenario in first}) == 100


def test_asking_for_more_messages_than_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="different heldout no_call messages exist; ask for fewer"):
        generate("heldout", "no_call", 100_000, 1)


@pytest.mark.parametrize("category", CATEGORIES)
def test_json_round_trip(category: Category) -> None:
    for scenario in generate("heldout", category, 30, 1):
        assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def _wording(template: str) -> tuple[str, ...]:
    kept = "".join(char for char in template.lower() if char not in set(string.punctuation) - set("{}_"))
    return tuple(kept.split())


def _templates(split: Split) -> list[str]:
    groups = [*call_templates(split).values(), *talk_templates(split).values()]
    return [template for group in groups for template in group]


def test_templates_are_disjoint_in_wording_and_complete() -> None:
    train = {_wording(template) for template in _templates("train")}
    heldout = {_wording(template) for template in _templates("heldout")}
    assert not train & heldout
    assert not {frozenset(words) for words in train} & {frozenset(words) for words in heldout}
    for split, least in (("train", 8), ("heldout", 4)):
        groups = call_templates("train" if split == "train" else "heldout")
        assert set(groups) == set(TOOLS)
        for name, group in groups.items():
            assert len(group) >= least
            for template in group:
                slots = {field for _, field, _, _ in string.Formatter().parse(template) if field}
                assert slots == set(TOOLS[name].parameter_names), template


def test_pools_are_disjoint() -> None:
    train, heldout = pool("train"), pool("heldout")
    for field in ("first_names", "last_names", "cities", "items", "subjects", "notes"):
        left, right = getattr(train, field), getattr(heldout, field)
        assert len(set(left)) == len(left)
        assert len(set(right)) == len(right)
        assert not set(left) & set(right), field


def _entities(scenarios: list[Scenario]) -> set[str]:
    found: set[str] = set()
    for scenario in scenarios:
        world = build_world(scenario.env_seed)
        found |= {*world.customers, *world.orders, *world.tickets}
        found |= {customer.name for customer in world.customers.values()}
        found |= {customer.city for customer in world.customers.values()}
    return found


@pytest.mark.parametrize("category", CATEGORIES)
def test_seeds_entities_and_messages_are_disjoint(category: Category) -> None:
    train = [scenario for seed in range(3) for scenario in generate("train", category, 300, seed)]
    heldout = [scenario for seed in range(3) for scenario in generate("heldout", category, 150, seed)]
    assert not {scenario.env_seed for scenario in train} & {scenario.env_seed for scenario in heldout}
    assert not _entities(train) & _entities(heldout)
    assert not {scenario.user_message for scenario in train} & {scenario.user_message for scenario in heldout}


def test_prompts_stay_short() -> None:
    for scenario in generate("train", "single", 300, 3):
        assert len(scenario.user_message) < 110
        assert len(json.dumps(scenario.to_json()["tools"])) < 1300


def test_the_registry_generates_every_category_it_names() -> None:
    for name, built_in in ENVIRONMENTS.items():
        for category in built_in.categories:
            scenarios = generate_scenarios(name, "train", category, 5, 1)
            assert {(scenario.environment, scenario.category) for scenario in scenarios} == {(name, category)}
    with pytest.raises(UnknownEnvironmentError, match="'moon_base'"):
        generate_scenarios("moon_base", "train", "single", 1, 1)
