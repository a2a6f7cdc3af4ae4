"""Conversations by user turns, and rearranged for formats that know one call a turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, pairwise

from distill.trajectories.types import Message, ToolCall


class TurnError(ValueError):
    """Messages that cannot be rearranged. The message says where and what to do."""


def user_turns(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Cut a conversation before each user message; what stands before the first one is left out."""
    starts = [index for index, message in enumerate(messages) if message.role == "user"]
    return [tuple(messages[start:end]) for start, end in pairwise([*starts, len(messages)])]


def calls_in(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """All calls in order."""
    return tuple(call for message in messages for call in message.tool_calls)


def named_results(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Give results that have no name the name of the call that they answer: by its id, else in the order of the calls.

    A result that answers no call stays as it is.
    """
    result: list[Message] = []
    waiting: list[ToolCall] = []
    for message in messages:
        call = answered(message, waiting) if message.role == "tool" else None
        if call is not None:
            waiting.remove(call)
        elif message.role != "tool":
            waiting = list(message.tool_calls)
        result.append(message if call is None or message.name else replace(message, name=call.name))
    return tuple(result)


def numbered_calls(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Give calls that have no id one (call_1, call_2, ...), and results the id of the call that they answer.

    Raises:
        TurnError: a result answers no call.
    """
    taken = {call.id for call in calls_in(messages)}
    fresh = (name for name in (f"call_{number}" for number in count(1)) if name not in taken)
    result: list[Message] = []
    waiting: list[tuple[ToolCall, str]] = []
    for index, message in enumerate(messages):
        if message.role != "tool":
            named = tuple(replace(call, id=call.id or next(fresh)) for call in message.tool_calls)
            waiting = [(call, given.id) for call, given in zip(message.tool_calls, named, strict=True)]
            result.append(replace(message, tool_calls=named))
            continue
        call = answered(message, [call for call, _ in waiting])
        if call is None:
            raise TurnError(f"message {index} answers no call; add the call, or remove the result")
        place = next(place for place, (one, _) in enumerate(waiting) if one is call)
        result.append(replace(message, tool_call_id=waiting.pop(place)[1]))
    return tuple(result)


def answered(result: Message, waiting: Sequence[ToolCall]) -> ToolCall | None:
    """The call that ``result`` answers among those that still wait: the one with its id, else the first without id."""
    if result.tool_call_id:
        named = next((call for call in waiting if call.id == result.tool_call_id), None)
        if named is not None:
            return named
    return next((call for call in waiting if not (call.id and result.tool_call_id)), None)


def successive_calls(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Give each of several calls of one turn a turn of its own, followed by its own result.

    Calls and results keep their order, so running the calls one after the other leads to the same state. Content and
    reasoning stay with the first call. A turn with a single call, answered or not, stays as it is.

    Raises:
        TurnError: several calls of one turn are not followed by their results, one each and in the order of the calls.
    """
    result: list[Message] = []
    rest = iter(enumerate(messages))
    for index, message in rest:
        if len(message.tool_calls) < 2:
            result.append(message)
        else:
            result += _one_by_one(message, index, rest)
    return tuple(result)


def _one_by_one(turn: Message, index: int, rest: Iterator[tuple[int, Message]]) -> Iterator[Message]:
    for number, call in enumerate(turn.tool_calls):
        _, answer = next(rest, (0, None))
        if answer is None or answer.role != "tool" or answer.name not in (None, call.name):
            raise TurnError(
                f"message {index} makes {len(turn.tool_calls)} calls at once, and the result of call {number + 1} "
                f"({call.name!r}) does not follow; add one result a call, in the order of the calls"
            )
        yield Message("assistant", tool_calls=(call,)) if number else replace(turn, tool_calls=(call,))
        yield answer
