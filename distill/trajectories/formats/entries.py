"""Formats that write calls as messages of their own: Ertas Studio's roles, and ShareGPT's speakers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from distill.trajectories.calls import CallError, call_from_json, call_to_json, loads, text_of
from distill.trajectories.rows import FieldError, Row, decode_list, text_field
from distill.trajectories.types import JsonValue, Message, ToolCall

EntryRole = Literal["system", "user", "assistant", "tool_call", "tool_observation"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of such a format. ``key`` is the name of its content, ``field`` names it in errors."""

    role: EntryRole
    row: Row
    key: str
    field: str

    @property
    def content_field(self) -> str:
        return f"{self.field}.{self.key}"


@dataclass(frozen=True, slots=True)
class Turn:
    """A message and the fields that it and its calls were read from."""

    message: Message
    field: str
    call_fields: tuple[str, ...] = ()


def read_entries(entries: Iterable[Entry]) -> list[Turn]:
    """Calls join the assistant text directly before them; neighbouring calls are one turn.

    Raises:
        FieldError: a field is malformed, or an observation answers no call.
    """
    turns: list[Turn] = []
    waiting: list[ToolCall] = []
    for entry in entries:
        if entry.role == "tool_call":
            called = _calls(entry)
            follows = bool(turns) and bool(turns[-1].message.tool_calls)
            waiting = [*waiting, *called.message.tool_calls] if follows else list(called.message.tool_calls)
            _join(turns, called)
        elif entry.role == "tool_observation":
            turns.append(Turn(_observation(entry, waiting), entry.field))
        else:
            content = text_field(entry.row, entry.key, entry.content_field)
            turns.append(Turn(Message(entry.role, content, reasoning=_reasoning(entry)), entry.field))
            waiting = []
    return turns


def place_of(turns: Sequence[Turn], message: int, call: int | None) -> str:
    """The field of a message, or of one of its calls."""
    turn = turns[message]
    return turn.field if call is None else turn.call_fields[call]


def call_content(calls: Sequence[ToolCall]) -> JsonValue:
    """One call as an object, several as a list."""
    values = [identified_call(call) for call in calls]
    return values[0] if len(values) == 1 else values


def identified_call(call: ToolCall) -> JsonValue:
    """``{"name", "arguments"}``, with the call's ``id`` first where it has one."""
    return {"id": call.id, **call_to_json(call)} if call.id else call_to_json(call)


def _calls(entry: Entry) -> Turn:
    field = entry.content_field
    if entry.key not in entry.row:
        raise FieldError(field, 'it is missing; write {"name": ..., "arguments": {...}}')
    value = _decoded(entry.row[entry.key], field)
    values: list[JsonValue] = value if isinstance(value, list) else [value]
    if not values:
        raise FieldError(field, "it holds no call; write one, or leave the message out")
    calls = tuple(
        replace(call, id=text_field(item, "id", f"{field}.id", "") if isinstance(item, dict) else "")
        for call, item in zip(decode_list(values, field, call_from_json), values, strict=True)
    )
    several = isinstance(value, list)
    fields = tuple(f"{field}[{index}]" if several else field for index in range(len(calls)))
    return Turn(Message("assistant", tool_calls=calls, reasoning=_reasoning(entry)), entry.field, fields)


def _decoded(value: JsonValue, field: str) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except CallError as error:
        raise FieldError(field, f"{error}; write the call as a JSON object") from error


def _reasoning(entry: Entry) -> str | None:
    if entry.row.get("reasoning") is None:
        return None
    return text_field(entry.row, "reasoning", f"{entry.field}.reasoning")


def _join(turns: list[Turn], called: Turn) -> None:
    if not turns or turns[-1].message.role != "assistant":
        turns.append(called)
        return
    last, added = turns[-1], called.message
    message = replace(
        last.message,
        tool_calls=last.message.tool_calls + added.tool_calls,
        reasoning=added.reasoning if last.message.reasoning is None else last.message.reasoning,
    )
    turns[-1] = Turn(message, last.field, last.call_fields + called.call_fields)


def _observation(entry: Entry, waiting: list[ToolCall]) -> Message:
    if not waiting:
        raise FieldError(
            entry.field,
            "no tool_call before it waits for an observation; add the call or remove this message",
            "orphan_observation",
        )
    if entry.key not in entry.row:
        raise FieldError(entry.content_field, "it is missing; write what the tool returned")
    call = waiting.pop(0)
    given_id = text_field(entry.row, "tool_call_id", f"{entry.field}.tool_call_id", "")
    if given_id and call.id and given_id != call.id:
        raise _disordered(f"{entry.field}.tool_call_id", call.id)
    name = text_field(entry.row, "name", f"{entry.field}.name", call.name)
    if name != call.name:
        raise _disordered(f"{entry.field}.name", call.name)
    return Message("tool", text_of(entry.row[entry.key]), name=name, tool_call_id=given_id)


def _disordered(field: str, expected: str) -> FieldError:
    problem = f"expected {expected!r}; put observations in the order of their calls"
    return FieldError(field, problem, "orphan_observation")
