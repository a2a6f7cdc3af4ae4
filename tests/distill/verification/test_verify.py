"""Verification by format, execution and final state, with real executions."""

import json

import pytest

from distill.environments.base import Scenario
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.world import build_world
from distill.teacher.xlam import render_calls
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import ToolCall
from distill.verification.verify import VerificationResult, verify, verify_batch


def _scenario(tool: str, seed: int = 1) -> Scenario:
    scenarios = generate("train", "single", 20, seed)  # all tools, twice
    return next(scenario for scenario in scenarios if scenario.gold_calls[0].name == tool)


def _verdict(result: VerificationResult) -> tuple[bool, str, str]:
    return result.accepted, result.stage, result.reason


def test_right_answers_are_accepted_in_every_form() -> None:
    scenarios = generate("train", "single", 30, 4) + generate("train", "no_call", 10, 4)
    texts = [render_calls(scenario.gold_calls) for scenario in scenarios]
    parsed = [ParsedCalls(scenario.gold_calls) for scenario in scenarios]
    for outputs in (texts, parsed, gold_trajectories(scenarios)):
        results = verify_batch(outputs, scenarios)
        assert {_verdict(result) for result in results} == {(True, "semantic", "")}
        assert [result.details["final_state"] for result in results] == [item.expected_state for item in scenarios]


def test_prose_is_accepted_only_where_nothing_is_to_be_called() -> None:
    talk = generate("train", "no_call", 1, 1)[0]
    assert _verdict(verify("You are welcome!", talk)) == (True, "semantic", "")
    assert _verdict(verify("Sure!", _scenario("cancel_order"))) == (False, "semantic", "wrong_state")
    assert _verdict(verify("Sure!", _scenario("list_orders"))) == (False, "semantic", "wrong_calls")


def test_a_needless_lookup_is_rejected_where_nothing_is_to_be_called() -> None:
    talk = next(
        scenario
        for scenario in generate("train", "no_call", 50, 1)
        if "list_orders" in [tool.name for tool in scenario.tools]
    )
    customer_id = next(iter(build_world(talk.env_seed).customers))
    text = render_calls([ToolCall("list_orders", {"customer_id": customer_id})])
    assert _verdict(verify(text, talk)) == (False, "semantic", "wrong_calls")


@pytest.mark.parametrize(
    ("text", "stage", "reason"),
    [
        ('{"tool_calls": [{"name": "cancel_order", "arguments": {"order_id": "O-', "format", "malformed"),
        (render_calls([ToolCall("fly", {})]), "format", "unknown_tool"),
        (render_calls([ToolCall("cancel_order", {})]), "format", "invalid_arguments"),
        (render_calls([ToolCall("cancel_order", {"order_id": 7})]), "format", "invalid_arguments"),
        (render_calls([ToolCall("cancel_order", {"order_id": "O-1", "x": 1})]), "format", "invalid_arguments"),
        (render_calls([ToolCall("cancel_order", {"order_id": "O-1"})]), "execution", "tool_error"),
    ],
)
def test_each_stage_rejects_with_its_reason(text: str, stage: str, reason: str) -> None:
    result = verify(text, _scenario("cancel_order"))
    assert _verdict(result) == (False, stage, reason)
    assert result.details["message"]
    assert json.loads(json.dumps(result.to_json()))["reason"] == reason


def test_a_tool_that_exists_but_was_not_offered_is_unknown() -> None:
    scenario = _scenario("cancel_order")
    offered = {tool.name for tool in scenario.tools}
    other = next(tool for tool in ("find_customer", "list_orders", "close_ticket", "add_note") if tool not in offered)
    assert verify(render_calls([ToolCall(other, {})]), scenario).reason == "unknown_tool"


def test_a_wrong_argument_leads_to_a_wrong_state() -> None:
    scenario = _scenario("create_refund")
    (gold,) = scenario.gold_calls
    amount = gold.arguments["amount"]
    assert isinstance(amount, int)
    wrong = ToolCall(gold.name, {**gold.arguments, "amount": amount - 1})
    assert _verdict(verify(render_calls([wrong]), scenario)) == (False, "semantic", "wrong_state")


def test_a_lookup_of_something_else_is_a_wrong_call() -> None:
    scenario = _scenario("list_orders")
    asked = scenario.gold_calls[0].arguments["customer_id"]
    other = next(key for key in build_world(scenario.env_seed).customers if key != asked)
    result = verify(render_calls([ToolCall("list_orders", {"customer_id": other})]), scenario)
    assert _verdict(result) == (False, "semantic", "wrong_calls")


def test_another_way_to_the_same_state_is_accepted() -> None:
    scenario = next(
        item
        for seed in range(50)
        for item in [_scenario("cancel_order", seed)]
        if "get_order_status" in [tool.name for tool in item.tools]
    )
    look = ToolCall("get_order_status", dict(scenario.gold_calls[0].arguments))
    assert verify(render_calls([look, *scenario.gold_calls]), scenario).accepted


def test_a_parse_failure_keeps_its_position() -> None:
    result = verify(ParseFailure(7, "odd"), _scenario("cancel_order"))
    assert result.details == {"message": "odd", "position": 7}


def test_without_time_nothing_is_accepted() -> None:
    scenario = _scenario("cancel_order")
    result = verify(render_calls(scenario.gold_calls), scenario, time_limit_s=0.001)
    assert _verdict(result) == (False, "execution", "not_executed")


def test_outputs_and_scenarios_must_pair_up() -> None:
    with pytest.raises(ValueError, match="longer"):
        verify_batch(["x"], [_scenario("cancel_order"), _scenario("list_orders")])
