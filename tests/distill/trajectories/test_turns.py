"""Conversations by user turns, and parallel calls as successive turns."""

import pytest

from distill.trajectories.turns import TurnError, calls_in, successive_calls, user_turns
from distill.trajectories.types import Message, ToolCall

A, B, C = (ToolCall(name, {"n": number}) for number, name in enumerate("abc"))
ASK, DONE = Message("user", "Go"), Message("assistant", "Done.")


def result(content: str, name: str | None = None) -> Message:
    return Message("tool", content, name=name)


def test_a_conversation_is_cut_before_each_user_message() -> None:
    first = (ASK, Message("assistant", tool_calls=(A,)), result("1", "a"), DONE)
    assert user_turns((Message("system", "Be brief."), *first, ASK, DONE, ASK)) == [first, (ASK, DONE), (ASK,)]
    assert user_turns((Message("system", "Be brief."), DONE)) == []


def test_calls_keep_their_order() -> None:
    both = Message("assistant", tool_calls=(B, A))
    assert calls_in((ASK, both, result("1"), result("2"), Message("assistant", "Then.", (C,)), DONE)) == (B, A, C)
    assert calls_in((ASK, DONE)) == ()


def test_parallel_calls_become_successive_turns() -> None:
    parallel = (ASK, Message("assistant", "Both.", (A, B), "hm"), result("1", "a"), result("2"), DONE, ASK)
    assert successive_calls(parallel) == (
        ASK,
        Message("assistant", "Both.", (A,), "hm"),
        result("1", "a"),
        Message("assistant", tool_calls=(B,)),
        result("2"),
        DONE,
        ASK,
    )


def test_single_calls_stay_as_they_are_answered_or_not() -> None:
    messages = (ASK, Message("assistant", tool_calls=(A,)), result("1"), Message("assistant", tool_calls=(B,)))
    assert successive_calls(messages) == messages


def test_rearranging_twice_changes_nothing_more() -> None:
    once = successive_calls((ASK, Message("assistant", tool_calls=(A, B, C)), result("1"), result("2"), result("3")))
    assert len(once) == 7
    assert successive_calls(once) == once


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (
            (),
            r"message 1 makes 2 calls at once, and the result of call 1 \('a'\) does not follow; add one result a call",
        ),
        ((result("1"),), r"the result of call 2 \('b'\) does not follow"),
        ((result("1"), DONE), r"the result of call 2 \('b'\) does not follow"),
        ((result("2", "b"), result("1", "a")), r"the result of call 1 \('a'\) does not follow; .* in the order"),
    ],
    ids=["none", "one", "another message", "another order"],
)
def test_calls_without_their_results_cannot_be_taken_apart(answers: tuple[Message, ...], problem: str) -> None:
    with pytest.raises(TurnError, match=problem):
        successive_calls((ASK, Message("assistant", tool_calls=(A, B)), *answers))
