"""When calls are equal, and what can be one."""

import pytest

from distill.trajectories.calls import CallError, call_from_json, same_calls
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


@pytest.mark.parametrize("arguments", [{"x": "\ud83d"}, {"\ud83d": 1}, '{"x": "\\ud83d"}'])
def test_what_cannot_be_written_again_is_no_call(arguments: JsonValue) -> None:
    with pytest.raises(CallError, match="surrogate"):
        call_from_json({"name": "a", "arguments": arguments})
