"""When calls are equal."""

import pytest

from distill.trajectories.calls import same_calls
from distill.trajectories.types import JsonValue, ToolCall

A, B = ToolCall("a", {"x": 1, "y": [1, 2]}), ToolCall("b", {})


def test_the_order_of_calls_does_not_count() -> None:
    assert same_calls([A, B, A], [B, A, A])


@pytest.mark.parametrize("other", [[A], [A, A, B], [A, A], [B, B], []])
def test_every_call_counts_as_often_as_it_is_made(other: list[ToolCall]) -> None:
    assert not same_calls([A, B], other)


def test_the_order_of_arguments_does_not_count_and_that_in_lists_does() -> None:
    assert same_calls([A], [ToolCall("a", {"y": [1, 2], "x": 1})])
    assert not same_calls([A], [ToolCall("a", {"x": 1, "y": [2, 1]})])


@pytest.mark.parametrize("value", [1.0, True, "1", None, [1]])
def test_types_count(value: JsonValue) -> None:
    one, other = ToolCall("a", {"x": 1}), ToolCall("a", {"x": value})
    assert not same_calls([one, B], [B, other])
