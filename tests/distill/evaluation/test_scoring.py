"""Exactness by category."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from distill.environments.base import Category, Scenario, Step
from distill.environments.support_desk.scenarios import generate
from distill.errors import SandboxLost
from distill.evaluation.scoring import EvaluationError, Miss, score
from distill.families import family_named
from distill.rollouts.episode import MOST_STEPS, Episode
from distill.trajectories.types import JsonValue, Message, ToolCall
from tests.distill.playing import (
    DONE,
    Turn,
    about,
    calling,
    first_scenario,
    gold_played,
    gold_turns,
    look_up,
    one_played,
    played,
)


def miss(scenario: Scenario, *turns: Turn) -> Miss | None:
    return score([one_played(scenario, *turns)]).misses[0]


def test_right_episodes_score_full_marks_by_category() -> None:
    categories: tuple[Category, ...] = get_args(Category)
    episodes = gold_played([one for category in categories for one in generate("heldout", category, 20, 1)])
    found = score(episodes)
    assert found.misses == (None,) * len(episodes)
    report = json.loads(json.dumps(found.to_json()))
    assert list(report) == sorted(categories)
    for category in categories:
        assert report[category] == {
            "count": 20,
            "exact": 20,
            "fraction": 1.0,
            "interval_95": [pytest.approx(0.8389, abs=1e-4), 1.0],
            "misses": {},
        }


def test_misses_are_counted_by_reason_and_told_by_episode() -> None:
    single, talk = (generate("heldout", category, 5, 1) for category in ("single", "no_call"))
    turns: list[list[Turn]] = [[*gold_turns(scenario)] for scenario in single + talk]
    turns[0], turns[1], turns[8], turns[9] = ["{"], [DONE], [look_up("list_orders"), DONE], ["{"]
    found = score(played(single + talk, turns))
    assert found.misses == ("malformed", "wrong_calls", *[None] * 6, "wrong_calls", "malformed")
    for category in ("single", "no_call"):
        result = found.categories[category]
        assert (result.count, result.exact, result.fraction) == (5, 3, 0.6)
        assert list(result.misses.items()) == [("malformed", 1), ("wrong_calls", 1)]


def test_an_unreadable_turn_is_a_miss_wherever_it_stands() -> None:
    scenario = first_scenario("recovery")
    turns = gold_turns(scenario)
    assert miss(scenario, *turns) is None
    for at in range(len(turns)):
        assert miss(scenario, *turns[:at], "{") == "malformed"


def test_a_model_that_calls_for_ever_does_not_finish() -> None:
    scenario = about("list_orders")
    assert miss(scenario, *[calling(*scenario.gold_calls)] * MOST_STEPS) == "not_finished"


def test_calls_of_one_step_may_come_in_any_order_and_one_by_one() -> None:
    scenario = first_scenario("parallel")
    first, second = scenario.gold_calls
    for turns in ([calling(second, first)], [calling(first), calling(second)], [calling(second), calling(first)]):
        assert miss(scenario, *turns, DONE) is None
    assert miss(scenario, calling(first, first), DONE) == "wrong_calls"
    assert miss(scenario, calling(first), DONE) == "wrong_calls"
    assert miss(scenario, calling(first, second, second), DONE) == "wrong_calls"


def test_steps_come_in_their_order() -> None:
    for scenario in (
        first_scenario("reasoning"),
        first_scenario("recovery", lambda one: len({*map(str, one.gold_calls)}) == 2),
    ):
        first, second = scenario.gold_calls
        assert miss(scenario, calling(first), calling(second), DONE) is None
        assert miss(scenario, calling(second), calling(first), DONE) == "wrong_calls"
        assert miss(scenario, calling(second), DONE) == "wrong_calls"
        # In one turn the second call cannot follow from what the first returned.
        assert miss(scenario, calling(first, second), DONE) == "wrong_calls"


def test_a_call_that_is_tried_again_waits_for_the_refusal() -> None:
    scenario = first_scenario("recovery", lambda one: len({*map(str, one.gold_calls)}) == 1)
    first, again = scenario.gold_calls
    assert miss(scenario, calling(first), calling(again), DONE) is None
    assert miss(scenario, calling(first, again), DONE) == "wrong_calls"


def test_turns_come_in_their_order() -> None:
    scenario = first_scenario("multi_turn", lambda one: len(one.turns) == 2)
    first, done, second, also_done = gold_turns(scenario)
    assert miss(scenario, first, done, second, also_done) is None
    assert miss(scenario, first, second, done, also_done) == "wrong_calls"
    assert miss(scenario, done, first, second, also_done) == "wrong_calls"
    assert miss(scenario, first, done, also_done) == "wrong_calls"


def test_a_detour_is_not_exact() -> None:
    scenario = first_scenario(
        "single",
        lambda one: (
            one.gold_calls[0].name == "cancel_order" and "get_order_status" in [tool.name for tool in one.tools]
        ),
    )
    look = look_up("get_order_status", **scenario.gold_calls[0].arguments)
    assert miss(scenario, look, *gold_turns(scenario)) == "wrong_calls"


def test_what_must_be_asked_for_must_be_asked_for() -> None:
    scenario = first_scenario("missing_parameter")
    _, call, done = gold_turns(scenario)
    assert miss(scenario, Message("assistant", "Which one?"), call, done) == "not_asked"
    assert miss(scenario, Message("assistant", f"The {scenario.turns[0].asks_for}?"), call, done) is None
    assert miss(scenario, call, Message("assistant", "Which one?"), done) == "wrong_calls"


def test_words_without_a_call_are_right_where_nothing_is_to_be_called() -> None:
    scenario = first_scenario("no_call")
    assert miss(scenario, Message("assistant", "I do not know.")) is None
    assert miss(scenario, Message("assistant")) is None
    assert score([one_played(scenario, "", family=family_named("qwen3"))]).misses == (None,)


def with_calls(episode: Episode, *calls: ToolCall) -> Episode:
    """The episode of a scenario that asks for these calls at once."""
    (turn,) = episode.scenario.turns
    wanted = replace(turn, steps=(Step(calls),))
    return replace(episode, scenario=replace(episode.scenario, turns=(wanted,)))


@pytest.mark.parametrize(("amount", "wrong"), [(1, 0), (1.0, 1), (True, 1), ("1", 1)])
def test_types_count(amount: JsonValue, wrong: int) -> None:
    scenario = about("create_refund")
    arguments = scenario.gold_calls[0].arguments
    episode = one_played(scenario, look_up("create_refund", **{**arguments, "amount": amount}), DONE)
    found = score([with_calls(episode, ToolCall("create_refund", {**arguments, "amount": 1}))])
    assert found.categories["single"].misses.get("wrong_calls", 0) == wrong


def test_the_order_of_arguments_does_not_count() -> None:
    scenario = about("set_priority")
    (gold,) = scenario.gold_calls
    turned = dict(reversed(list(gold.arguments.items())))
    assert list(turned) != list(gold.arguments)
    assert miss(scenario, look_up(gold.name, **turned), DONE) is None


def test_the_state_must_be_reached_too() -> None:
    wrong = replace(about("cancel_order"), expected_state="0" * 64)
    assert score(gold_played([wrong])).categories["single"].misses == {"wrong_state": 1}


def test_a_world_that_cannot_run_gives_no_figure() -> None:
    scenario = about("cancel_order")
    (episode,) = gold_played([scenario])
    with pytest.raises(SandboxLost):
        score([episode], time_limit_s=0.001)
    lost = replace(episode, scenario=replace(scenario, environment="moon_base"))
    with pytest.raises(EvaluationError, match=f"scenario {scenario.id} could not be run: Unknown"):
        score([lost])
