"""Verification by format, execution and final state, with real executions."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from distill.environments.assertions import Assertion
from distill.environments.base import Category, Scenario
from distill.environments.definitions import PythonModule, Setup
from distill.environments.limits import Limits
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.world import build_world
from distill.errors import SandboxLost
from distill.evaluation.scoring import score
from distill.rollouts.episode import MOST_STEPS
from distill.trajectories.types import JsonValue, Message, ToolCall, ToolSpec
from distill.verification.judge import needs_judge
from distill.verification.verify import VerificationResult, verify, verify_batch
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

ACCEPTED = (True, "semantic", "")
OTHER_STATE = (False, "semantic", "wrong_state")
OTHER_CALLS = (False, "semantic", "wrong_calls")
Verdict = tuple[bool, str, str]


def verdict(result: VerificationResult) -> Verdict:
    return result.accepted, result.stage, result.reason


def judged(scenario: Scenario, *turns: Turn) -> Verdict:
    return verdict(verify(one_played(scenario, *turns)))


def has(*tools: str) -> Callable[[Scenario], bool]:
    """Scenarios that offer these tools."""
    return lambda one: {*tools} <= {tool.name for tool in one.tools}


def customer(scenario: Scenario, number: int = 0) -> str:
    return list(build_world(scenario.env_seed).customers)[number]


@pytest.mark.parametrize("category", get_args(Category))
def test_right_episodes_are_accepted_with_what_was_executed(category: Category) -> None:
    scenarios = generate("train", category, 12, 4)
    results = verify_batch(gold_played(scenarios))
    assert {verdict(result) for result in results} == {ACCEPTED}
    for scenario, result in zip(scenarios, results, strict=True):
        assert result.details["final_state"] == scenario.expected_state
        outcomes = result.details["outcomes"]
        assert isinstance(outcomes, list)
        assert len(outcomes) == len(scenario.gold_calls)


def test_prose_is_accepted_only_where_nothing_is_to_be_called() -> None:
    assert judged(first_scenario("no_call"), Message("assistant", "You are welcome!")) == ACCEPTED
    assert judged(about("cancel_order"), Message("assistant", "Sure!")) == OTHER_STATE
    assert judged(about("list_orders"), Message("assistant", "Sure!")) == OTHER_CALLS


def test_a_needless_look_is_rejected_where_nothing_is_to_be_called() -> None:
    talk = first_scenario("no_call", has("list_orders"))
    assert judged(talk, look_up("list_orders", customer_id=customer(talk)), DONE) == OTHER_CALLS
    gap = first_scenario("missing_parameter", has("list_orders"))
    ask, *rest = gold_turns(gap)
    assert judged(gap, look_up("list_orders", customer_id=customer(gap)), ask, *rest) == OTHER_CALLS


def test_a_lucky_guess_of_what_is_missing_is_rejected() -> None:
    scenario = first_scenario("missing_parameter")
    ask, call, done = gold_turns(scenario)
    assert judged(scenario, ask, call, done) == ACCEPTED
    assert judged(scenario, call, ask, done) == OTHER_CALLS


@pytest.mark.parametrize(
    ("turn", "stage", "reason"),
    [
        ('{"tool_calls": [{"name": "cancel_order", "arguments": {"order_id": "O-', "format", "malformed"),
        (look_up("fly"), "format", "unknown_tool"),
        (look_up("cancel_order"), "format", "invalid_arguments"),
        (look_up("cancel_order", order_id=7), "format", "invalid_arguments"),
        (look_up("cancel_order", order_id="O-1", x=1), "format", "invalid_arguments"),
        (look_up("cancel_order", order_id="O-1"), "execution", "tool_error"),
    ],
)
def test_each_stage_rejects_with_its_reason(turn: Turn, stage: str, reason: str) -> None:
    scenario = about("cancel_order")
    result = verify(one_played(scenario, *([turn] if reason == "malformed" else [turn, DONE])))
    assert verdict(result) == (False, stage, reason)
    assert result.details["message"]
    assert json.loads(json.dumps(result.to_json()))["reason"] == reason


@pytest.mark.parametrize("wrong", [look_up("fly"), look_up("cancel_order")], ids=["unknown", "invalid"])
def test_a_call_out_of_form_is_not_made_good_by_a_right_one(wrong: Message) -> None:
    scenario = about("cancel_order")
    accepted, stage, _ = judged(scenario, wrong, *gold_turns(scenario))
    assert (accepted, stage) == (False, "format")


def test_a_tool_that_exists_but_was_not_offered_is_unknown() -> None:
    scenario = about("cancel_order")
    other = next(tool for tool in ("find_customer", "list_orders", "close_ticket") if not has(tool)(scenario))
    result = verify(one_played(scenario, look_up(other), DONE))
    assert result.reason == "unknown_tool"
    assert str(result.details["message"]).startswith(f"{other} was not offered; offered: ")


def test_a_wrong_argument_leads_to_a_wrong_state() -> None:
    scenario = about("create_refund")
    (gold,) = scenario.gold_calls
    amount = gold.arguments["amount"]
    assert isinstance(amount, int)
    assert judged(scenario, look_up(gold.name, **{**gold.arguments, "amount": amount - 1}), DONE) == OTHER_STATE


def test_a_look_at_something_else_is_a_wrong_call() -> None:
    scenario = about("list_orders")
    asked = scenario.gold_calls[0].arguments["customer_id"]
    other = next(key for key in build_world(scenario.env_seed).customers if key != asked)
    assert judged(scenario, look_up("list_orders", customer_id=other), DONE) == OTHER_CALLS


def test_a_detour_that_changes_nothing_is_accepted() -> None:
    scenario = first_scenario(
        "single", lambda one: one.gold_calls[0].name == "cancel_order" and has("get_order_status")(one)
    )
    (gold,) = scenario.gold_calls
    look = ToolCall("get_order_status", dict(gold.arguments))
    assert judged(scenario, calling(look), calling(gold), DONE) == ACCEPTED
    assert judged(scenario, calling(look, gold, look), DONE) == ACCEPTED


def test_parallel_calls_may_come_in_any_order_and_one_by_one() -> None:
    scenario = first_scenario("parallel")
    first, second = scenario.gold_calls
    assert judged(scenario, calling(second, first), DONE) == ACCEPTED
    assert judged(scenario, calling(second), calling(first), DONE) == ACCEPTED
    assert judged(scenario, calling(first), DONE)[0] is False


def test_an_error_must_be_made_good_before_the_assistant_hands_back() -> None:
    scenario = first_scenario("recovery", lambda one: one.gold_calls[0] == one.gold_calls[1])
    failed, again, done = gold_turns(scenario)
    assert judged(scenario, failed, again, done) == ACCEPTED
    assert judged(scenario, failed, done) == (False, "execution", "tool_error")
    later = first_scenario("multi_turn", lambda one: len(one.turns) == 2 and has("get_order_status")(one))
    call, done, *rest = gold_turns(later)
    wrong = look_up("get_order_status", order_id="O-1")
    assert judged(later, call, wrong, done, *rest) == (False, "execution", "tool_error")
    assert judged(later, wrong, call, done, *rest) == ACCEPTED


def test_a_recovery_in_another_way_than_asked_is_rejected() -> None:
    scenario = first_scenario(
        "recovery",
        lambda one: (
            one.gold_calls[0].name == one.gold_calls[1].name == "create_refund"
            and one.gold_calls[0] != one.gold_calls[1]
        ),
    )
    wish, granted = scenario.gold_calls
    less = {**granted.arguments, "amount": 1}
    assert judged(scenario, calling(wish), look_up(wish.name, **less), DONE) == OTHER_STATE


def test_each_turn_must_be_served_in_its_turn() -> None:
    scenario = first_scenario(
        "multi_turn", lambda one: len(one.turns) == 2 and one.gold_calls[0].name in ("list_orders", "get_order_status")
    )
    first, done, second, also_done = gold_turns(scenario)
    assert judged(scenario, done, first, second, also_done) == OTHER_CALLS


def test_what_must_be_asked_for_must_be_asked_for() -> None:
    scenario = first_scenario("missing_parameter")
    _, call, done = gold_turns(scenario)
    asks_for = scenario.turns[0].asks_for
    result = verify(one_played(scenario, Message("assistant", "Which one?"), call, done))
    assert verdict(result) == (False, "semantic", "not_asked")
    assert result.details["message"] == f"expected a question for the {asks_for}"
    assert judged(scenario, Message("assistant", f"Tell me the {asks_for.upper()}!"), call, done) == ACCEPTED


def test_an_episode_that_was_given_up_is_not_finished() -> None:
    scenario = about("list_orders")
    result = verify(one_played(scenario, *[calling(*scenario.gold_calls)] * MOST_STEPS))
    assert verdict(result) == (False, "execution", "not_finished")
    assert result.details["message"] == "more than 5 turns with calls for one user message"


@pytest.mark.parametrize("change", [{"content": "{}"}, {"name": "cancel_order"}])
def test_results_that_cannot_be_had_again_are_rejected(change: dict[str, str]) -> None:
    (episode,) = gold_played([about("list_orders")])
    ask, call, result, done = episode.messages
    made_up = replace(episode, messages=(ask, call, replace(result, **change), done))  # type: ignore[arg-type]  # texts
    assert verdict(verify(made_up)) == (False, "execution", "not_reproduced")
    assert verdict(verify(replace(episode, messages=(ask, call, done)))) == (False, "execution", "not_reproduced")


def test_an_unreadable_turn_keeps_its_place() -> None:
    scenario = first_scenario("multi_turn")
    call, done, *_ = gold_turns(scenario)
    result = verify(one_played(scenario, call, done, 'Well: {"tool_calls": 3}'))
    assert verdict(result) == (False, "format", "malformed")
    assert result.details == {"message": "tool_calls must be a list", "position": 6}


def test_without_time_there_is_no_verdict() -> None:
    (episode,) = gold_played([about("cancel_order")])
    with pytest.raises(SandboxLost):
        verify(episode, time_limit_s=0.001)


def test_a_world_that_cannot_be_built_is_no_verdict_on_the_model() -> None:
    (episode,) = gold_played([about("cancel_order")])
    lost = replace(episode, scenario=replace(episode.scenario, environment="moon_base"))
    assert verdict(verify(lost)) == (False, "execution", "not_executed")


def test_verdicts_keep_the_order_of_their_episodes() -> None:
    scenario = about("cancel_order")
    turns: list[list[Turn]] = [
        ["{"],
        [*gold_turns(scenario)],
        [look_up("fly"), DONE],
        [DONE],
        [*gold_turns(scenario)],
    ]
    results = verify_batch([one_played(scenario, *each) for each in turns])
    assert [result.reason for result in results] == ["malformed", "", "unknown_tool", "wrong_state", ""]
    assert verify_batch([]) == []


UNRULY = PythonModule(str(Path(__file__).parents[1] / "environments" / "unruly.py"))


def test_what_an_environment_of_the_users_fails_to_do_is_a_reasoned_rejection() -> None:
    """Each episode is told by itself, with its reason, and the others go on."""
    setup = Setup({"unruly": UNRULY}, Limits(seconds=60))
    one = about("cancel_order")
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"value": {"type": "integer"}}}
    tools = tuple(ToolSpec(name, "", schema) for name in ("add", "die", "exit", "raise"))
    scenario = replace(one, environment="unruly", tools=tools, expected_state="")
    expecting = replace(scenario, assertions=(Assertion("/added/1", "equals", 3),))
    episodes = played(
        [scenario, scenario, scenario, scenario, expecting, expecting],
        [
            [look_up("add", value=3), DONE],
            [look_up("die", value=3)],
            [look_up("exit", value=3)],
            [look_up("raise", value=3)],
            [look_up("add", value=3), DONE],
            [look_up("add", value=4), DONE],
        ],
        setup=setup,
    )
    assert [episode.ending for episode in episodes] == [
        *("finished", "exited", "exited", "not_executed", "finished", "finished")
    ]
    results = verify_batch(episodes[:1] + episodes[3:], setup=setup)
    assert [verdict(result) for result in results] == [
        (True, "semantic", ""),
        (False, "execution", "not_executed"),
        (True, "semantic", ""),
        (False, "semantic", "failed_assertions"),
    ]
    assert results[-1].details["failed_assertions"] == ["/added/1 equals 3: found 4"]
    assert [needs_judge(*pair) for pair in zip([episodes[0], episodes[4]], [results[0], results[2]], strict=True)] == [
        True,
        False,
    ]
    misses = score(episodes[3:4], setup=setup).categories["single"].misses
    assert misses == {"not_executed": 1}
