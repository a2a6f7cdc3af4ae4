"""Scenarios: right, reproducible, and nothing shared between training and held-out."""

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import get_args

import pytest

from distill.environments.base import Category, Scenario, Split, ToolError, ToolOutcome, ToolSuccess, state_digest
from distill.environments.gold import gold_trajectories
from distill.environments.registry import ENVIRONMENTS, UnknownEnvironmentError, generate_scenarios, get_environment
from distill.environments.seeds import is_unsteady
from distill.environments.support_desk.dialogue import WORDS
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.tools import BASIC_TOOLS, TOOLS
from distill.environments.support_desk.world import build_world
from distill.trajectories.calls import same_calls
from distill.trajectories.types import JsonValue

SPLITS: tuple[Split, ...] = ("train", "heldout")
CATEGORIES: tuple[Category, ...] = get_args(Category)
EACH = [pytest.param(split, category, id=f"{split}-{category}") for split in SPLITS for category in CATEGORIES]


@cache
def some(split: Split, category: Category) -> list[Scenario]:
    return generate(split, category, 160, 3)


def outcomes(scenario: Scenario, turned: bool = False) -> tuple[list[list[ToolOutcome]], str]:
    """What each step's calls return, in turned order if so wished, and the final state."""
    environment = get_environment(scenario.environment)
    environment.reset(scenario.env_seed)
    steps = [step.calls[::-1] if turned else step.calls for turn in scenario.turns for step in turn.steps]
    found = [[environment.call(call) for call in calls] for calls in steps]
    return found, state_digest(environment)


def says(text: str, value: JsonValue) -> bool:
    return re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", text) is not None


def messages(scenario: Scenario) -> tuple[str, ...]:
    return tuple(turn.message for turn in scenario.turns)


@pytest.mark.parametrize(("split", "category"), EACH)
def test_right_calls_reach_the_expected_state_in_any_order_within_a_step(split: Split, category: Category) -> None:
    for scenario in some(split, category):
        for turned in (False, True):
            found, state = outcomes(scenario, turned)
            assert state == scenario.expected_state
            failing = [number for number, step in enumerate(found) if isinstance(step[0], ToolError)]
            assert failing == ([0] if category == "recovery" else [])
            assert all(isinstance(one, ToolSuccess) for step in found[1:] for one in step)


@pytest.mark.parametrize(("split", "category"), EACH)
def test_every_argument_has_been_read_before_it_is_written(split: Split, category: Category) -> None:
    """In the user's messages or in results so far, letter by letter."""
    scenarios = some(split, category)
    for scenario, gold in zip(scenarios, gold_trajectories(scenarios), strict=True):
        read = ""
        for message in gold.messages:
            for call in message.tool_calls:
                assert list(call.arguments) == list(TOOLS[call.name].parameter_names)
                for value in call.arguments.values():
                    assert says(read, value), (scenario.id, value, read)
            read += f"\n{message.content}" if message.role in ("user", "tool") else ""


@pytest.mark.parametrize(("split", "category"), EACH)
def test_offers_hold_the_needed_tools_once_and_little_else(split: Split, category: Category) -> None:
    positions = set()
    for scenario in some(split, category):
        offered = [tool.name for tool in scenario.tools]
        assert len(set(offered)) == len(offered) in (2, 3)
        assert {call.name for call in scenario.gold_calls} <= set(offered)
        positions |= {offered.index(call.name) for call in scenario.gold_calls}
    assert positions == (set() if category in ("no_call", "missing_function") else {0, 1, 2})


@pytest.mark.parametrize("category", ["single", "parallel", "multi_turn"])
@pytest.mark.parametrize("split", SPLITS)
def test_every_tool_is_asked_for(split: Split, category: Category) -> None:
    assert {call.name for scenario in some(split, category) for call in scenario.gold_calls} == set(BASIC_TOOLS)


@pytest.mark.parametrize(("split", "category"), EACH)
def test_each_category_has_its_shape(split: Split, category: Category) -> None:
    """Calls of each step, turn by turn."""
    shapes: dict[Category, list[list[list[int]]]] = {
        "single": [[[1]]],
        "parallel": [[[2]]],
        "multi_turn": [[[1], [1]], [[1], [1], [1]]],
        "recovery": [[[1, 1]]],
        "missing_parameter": [[[], [1]]],
        "reasoning": [[[1, 1]]],
        "no_call": [[[]]],
        "missing_function": [[[]]],
    }
    found = [[[len(step.calls) for step in turn.steps] for turn in one.turns] for one in some(split, category)]
    assert all(shape in shapes[category] for shape in found)
    assert all(shape in found for shape in shapes[category])
    for scenario in some(split, category):
        assert all(turn.answer for turn in scenario.turns)
        asking = [bool(turn.asks_for) for turn in scenario.turns]
        assert asking == ([True, False] if category == "missing_parameter" else [False] * len(asking))
        thinking = [bool(step.reasoning) for turn in scenario.turns for step in turn.steps]
        assert thinking == ([False, True] if category == "reasoning" else [False] * len(thinking))


@pytest.mark.parametrize("split", SPLITS)
def test_parallel_calls_differ_and_some_are_of_one_tool(split: Split) -> None:
    pairs = [scenario.gold_calls for scenario in some(split, "parallel")]
    assert not any(same_calls([first], [second]) for first, second in pairs)
    one_tool = sum(first.name == second.name for first, second in pairs) / len(pairs)
    assert 0.2 < one_tool < 0.8


@pytest.mark.parametrize("split", SPLITS)
def test_many_second_turns_are_about_the_thing_of_the_first(split: Split) -> None:
    """Such a turn does not name it; what was returned or said before does."""
    linked = 0
    for scenario in some(split, "multi_turn"):
        later = [(turn.message, turn.calls[0]) for turn in scenario.turns[1:]]
        unsaid = [name for text, call in later for name, value in call.arguments.items() if not says(text, value)]
        assert set(unsaid) <= {"customer_id", "order_id", "ticket_id"}
        linked += bool(unsaid)
    assert linked > 0.3 * len(some(split, "multi_turn"))


@pytest.mark.parametrize("split", SPLITS)
def test_failures_are_busy_services_and_refunds_that_cannot_be(split: Split) -> None:
    retried = []
    codes = set()
    for scenario in some(split, "recovery"):
        first, last = scenario.gold_calls
        found, _ = outcomes(scenario)
        failed = found[0][0]
        assert isinstance(failed, ToolError)
        assert is_unsteady(scenario.env_seed) == (failed.code == "unavailable") == (first == last)
        assert first == last or last.name == "create_refund"
        retried.append(first == last)
        codes.add((failed.code, first.name if first != last else ""))
    assert 0.4 < sum(retried) / len(retried) < 0.6
    assert codes == {("unavailable", ""), ("conflict", "cancel_order"), ("conflict", "create_refund")}


@pytest.mark.parametrize("split", SPLITS)
def test_a_missing_parameter_is_asked_for_by_its_word_and_then_given(split: Split) -> None:
    missing = set()
    for scenario in some(split, "missing_parameter"):
        first, reply = scenario.turns
        (call,) = reply.calls
        unsaid = [name for name, value in call.arguments.items() if not says(first.message, value)]
        assert len(unsaid) == 1
        assert says(reply.message, call.arguments[unsaid[0]])
        assert first.asks_for == WORDS[unsaid[0]]
        assert first.asked_in(first.answer)
        assert not first.asked_in("What do you mean?")
        missing |= {*unsaid}
    assert missing == set(WORDS)


@pytest.mark.parametrize("split", SPLITS)
def test_in_reasoning_only_the_first_result_knows_what_the_second_call_needs(split: Split) -> None:
    links = set()
    for scenario in some(split, "reasoning"):
        (turn,) = scenario.turns
        found, _ = outcomes(scenario)
        first = found[0][0]
        assert isinstance(first, ToolSuccess)
        unsaid = {name: value for name, value in turn.calls[1].arguments.items() if not says(turn.message, value)}
        assert len(unsaid) == 1
        ((name, value),) = unsaid.items()
        assert says(json.dumps(first.value), value)
        assert says(turn.steps[1].reasoning, value)
        links.add(name)
    assert links == {"customer_id", "order_id", "ticket_id"}


@pytest.mark.parametrize("category", CATEGORIES)
def test_generation_is_reproducible_and_messages_differ(category: Category) -> None:
    first = generate("train", category, 60, 5)
    assert first == generate("train", category, 60, 5)
    assert first != generate("train", category, 60, 6)
    assert len({messages(scenario) for scenario in first}) == len({scenario.id for scenario in first}) == 60


def test_asking_for_more_messages_than_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="different heldout no_call messages exist; ask for fewer"):
        generate("heldout", "no_call", 100_000, 1)


@pytest.mark.parametrize(("split", "category"), EACH)
def test_json_round_trip(split: Split, category: Category) -> None:
    for scenario in some(split, category)[:40]:
        assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


def _entities(scenarios: Sequence[Scenario]) -> set[str]:
    found: set[str] = set()
    for scenario in scenarios:
        world = build_world(scenario.env_seed)
        found |= {*world.customers, *world.orders, *world.tickets}
        found |= {customer.name for customer in world.customers.values()}
        found |= {customer.city for customer in world.customers.values()}
    return found


@pytest.mark.parametrize("category", CATEGORIES)
def test_seeds_entities_and_messages_are_disjoint(category: Category) -> None:
    train, heldout = ([*some(split, category), *generate(split, category, 160, 8)] for split in SPLITS)
    assert not {scenario.env_seed for scenario in train} & {scenario.env_seed for scenario in heldout}
    assert not _entities(train) & _entities(heldout)
    # Who asks for a missing order or ticket may say anything before; the rest of the conversation tells it apart.
    assert not {messages(scenario) for scenario in train} & {messages(scenario) for scenario in heldout}
    assert not {scenario.turns[0].message for scenario in train} & {scenario.turns[0].message for scenario in heldout}


def test_prompts_stay_short() -> None:
    for category in CATEGORIES:
        for scenario in some("train", category):
            assert max(map(len, messages(scenario))) < 190
            assert len(json.dumps(scenario.to_json()["tools"])) < 1300


def test_the_registry_generates_every_category_it_names() -> None:
    for name, built_in in ENVIRONMENTS.items():
        assert set(built_in.categories) == set(CATEGORIES)
        for category in built_in.categories:
            scenarios = generate_scenarios(name, "train", category, 5, 1)
            assert {(scenario.environment, scenario.category) for scenario in scenarios} == {(name, category)}
    with pytest.raises(UnknownEnvironmentError, match="'moon_base'"):
        generate_scenarios("moon_base", "train", "single", 1, 1)
