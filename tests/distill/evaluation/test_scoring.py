"""Exactness by category."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.environments.support_desk.scenarios import generate
from distill.evaluation.scoring import EvaluationError, score, wilson_interval
from distill.trajectories.calls import ParsedCalls, ParseFailure, ParseOutcome
from distill.trajectories.types import JsonValue, ToolCall

SINGLE = generate("heldout", "single", 20, 1)
TALK = generate("heldout", "no_call", 10, 1)


def _gold() -> list[ParseOutcome]:
    return [ParsedCalls(scenario.gold_calls) for scenario in SINGLE + TALK]


def test_gold_scores_full_marks_by_category() -> None:
    report = json.loads(json.dumps(score(_gold(), SINGLE + TALK).to_json()))
    assert list(report) == ["no_call", "single"]
    assert report["single"] == {
        "count": 20,
        "exact": 20,
        "fraction": 1.0,
        "interval_95": [pytest.approx(0.8389, abs=1e-4), 1.0],
        "misses": {},
    }
    assert report["no_call"]["exact"] == 10


def test_misses_are_counted_by_reason() -> None:
    outputs = _gold()
    outputs[0] = ParseFailure(3, "cut off")
    outputs[1] = ParsedCalls()
    outputs[-1] = ParseFailure(0, "cut off")
    outputs[-2] = ParsedCalls((ToolCall("list_orders", {}),))
    report = score(outputs, SINGLE + TALK)
    assert report.categories["single"].misses == {"malformed": 1, "wrong_calls": 1}
    assert report.categories["no_call"].misses == {"malformed": 1, "wrong_calls": 1}
    assert report.categories["no_call"].fraction == 0.8


def _refund(amount: JsonValue) -> int:
    scenario = next(item for item in SINGLE if item.gold_calls[0].name == "create_refund")
    arguments = {**scenario.gold_calls[0].arguments, "amount": amount}
    gold = replace(scenario, gold_calls=(ToolCall("create_refund", {**arguments, "amount": 1}),))
    outcome = score([ParsedCalls((ToolCall("create_refund", arguments),))], [gold])
    return outcome.categories["single"].misses.get("wrong_calls", 0)


def test_types_count() -> None:
    assert [_refund(amount) for amount in (1, 1.0, True, "1")] == [0, 1, 1, 1]


def test_the_order_of_arguments_does_not_count_and_the_order_of_calls_does() -> None:
    scenario = next(item for item in SINGLE if item.gold_calls[0].name == "set_priority")
    (gold,) = scenario.gold_calls
    turned = ToolCall(gold.name, dict(reversed(list(gold.arguments.items()))))
    assert score([ParsedCalls((turned,))], [scenario]).categories["single"].exact == 1
    look = ToolCall("get_order_status", {"order_id": "O-1"})
    both = replace(scenario, gold_calls=(gold, look))
    assert score([ParsedCalls((gold, look))], [both]).categories["single"].exact == 1
    assert score([ParsedCalls((look, gold))], [both]).categories["single"].exact == 0


def test_the_state_must_be_reached_too() -> None:
    wrong = replace(SINGLE[0], expected_state="0" * 64)
    report = score([ParsedCalls(wrong.gold_calls)], [wrong])
    assert report.categories["single"].misses == {"wrong_state": 1}


def test_a_world_that_cannot_run_gives_no_figure() -> None:
    with pytest.raises(EvaluationError, match=f"scenario {SINGLE[0].id} could not be run: not finished within"):
        score(_gold()[:1], SINGLE[:1], time_limit_s=0.001)


def test_outputs_and_scenarios_must_pair_up() -> None:
    with pytest.raises(ValueError, match="longer"):
        score(_gold()[:1], SINGLE)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    # Newcombe 1998, table I, method 3 (Wilson's score interval without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(successes: int, count: int, low: float, high: float) -> None:
    assert list(wilson_interval(successes, count)) == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_holds_the_share(pair: tuple[int, int]) -> None:
    low, high = wilson_interval(*pair)
    assert 0 <= low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= high <= 1


def test_wilson_needs_observations() -> None:
    with pytest.raises(ValueError, match="at least one"):
        wilson_interval(0, 0)
