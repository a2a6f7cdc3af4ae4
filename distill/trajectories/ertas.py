"""Ertas Studio's JSONL: messages with roles user, assistant, system, tool_call and tool_observation, optional tools.

Its public page names the roles and leaves the content open, so reading is liberal and writing is plain: objects for
calls and for JSON observations. The reasoning of an assistant turn goes into a field of that name beside the content of
its first message, which other readers may ignore. Provenance has no place in this format and is not written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from distill.trajectories.calls import CallError, call_from_json, call_to_json, loads, tool_from_json, tool_to_json
from distill.trajectories.rows import (
    FieldError,
    Row,
    decode_list,
    message_rows,
    read_rows,
    text_field,
    write_rows,
)
from distill.trajectories.types import JsonValue, Message, ToolCall, ToolSpec, Trajectory


def write_ertas(path: Path, trajectories: Iterable[Trajectory]) -> str:
    """Write one trajectory a line and return the file's SHA-256 (hex)."""
    return write_rows(path, map(ertas_from_trajectory, trajectories))


def read_ertas(path: Path) -> list[Trajectory]:
    """Read a file; the id of a trajectory is the file's name and the line, since the format has none.

    Raises:
        TrajectoryError: a line is malformed; it names file, line and field.
    """
    return list(iterate_ertas(path))


def iterate_ertas(path: Path) -> Iterator[Trajectory]:
    """The same, one line at a time."""
    return read_rows(path, lambda row, line: trajectory_from_ertas(row, f"{path.name}:{line}"))


def ertas_from_trajectory(trajectory: Trajectory) -> Row:
    """One row. An assistant turn with text and calls becomes two messages."""
    row: Row = {"messages": [entry for message in trajectory.messages for entry in _entries(message)]}
    if trajectory.tools:
        row["tools"] = [{"type": "function", "function": tool_to_json(tool)} for tool in trajectory.tools]
    return row


def trajectory_from_ertas(row: Row, trajectory_id: str) -> Trajectory:
    """Read one row. Calls join the assistant text directly before them; neighbouring calls are one turn.

    Raises:
        FieldError: a field is missing or malformed.
    """
    messages: list[Message] = []
    waiting: list[_Waiting] = []
    for field, entry in message_rows(row):
        role = text_field(entry, "role", f"{field}.role")
        if role == "tool_call":
            turn, called = _calls(entry, field)
            waiting = [*waiting, *called] if messages and messages[-1].tool_calls else called
            _join(messages, turn, _reasoning(entry, field))
        elif role == "tool_observation":
            messages.append(_observation(entry, field, waiting))
        elif role in ("system", "user", "assistant"):
            plain = cast("Literal['system', 'user', 'assistant']", role)
            content = text_field(entry, "content", f"{field}.content")
            messages.append(Message(plain, content, reasoning=_reasoning(entry, field)))
            waiting = []
        else:
            known = "system, user, assistant, tool_call, tool_observation"
            raise FieldError(f"{field}.role", f"unknown role {role!r}; use one of: {known}")
    return Trajectory(trajectory_id, _tools(row), tuple(messages))


_Waiting = tuple[str, str]  # The id (empty if it has none) and the name of a call whose observation is still to come.


def _entries(message: Message) -> Iterable[Row]:
    if message.role == "tool":
        named: Row = {} if message.name is None else {"name": message.name}
        yield {"role": "tool_observation", **named, "content": _json_or_text(message.content)}
        return
    reasoning: Row = {} if message.reasoning is None else {"reasoning": message.reasoning}
    if message.content or not message.tool_calls:
        yield {"role": message.role, "content": message.content, **reasoning}
        reasoning = {}
    if message.tool_calls:
        calls: list[JsonValue] = [call_to_json(call) for call in message.tool_calls]
        yield {"role": "tool_call", "content": calls[0] if len(calls) == 1 else calls, **reasoning}


def _json_or_text(content: str) -> JsonValue:
    """Objects and lists as JSON where that loses nothing; everything else stays text."""
    try:
        value = loads(content)
    except CallError:
        return content
    return value if isinstance(value, dict | list) and _text(value) == content else content


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _calls(entry: Row, field: str) -> tuple[tuple[ToolCall, ...], list[_Waiting]]:
    if "content" not in entry:
        raise FieldError(f"{field}.content", 'it is missing; write {"name": ..., "arguments": {...}}')
    value = _decoded(entry["content"], f"{field}.content")
    values: list[JsonValue] = value if isinstance(value, list) else [value]
    if not values:
        raise FieldError(f"{field}.content", "it holds no call; write one, or leave the message out")
    calls = decode_list(values, f"{field}.content", call_from_json)
    ids = [text_field(item, "id", f"{field}.content.id", "") for item in values if isinstance(item, dict)]
    return calls, [(call_id, call.name) for call_id, call in zip(ids, calls, strict=True)]


def _decoded(value: JsonValue, field: str) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except CallError as error:
        raise FieldError(field, f"{error}; write the call as a JSON object") from error


def _reasoning(entry: Row, field: str) -> str | None:
    return text_field(entry, "reasoning", f"{field}.reasoning") if entry.get("reasoning") is not None else None


def _join(messages: list[Message], calls: tuple[ToolCall, ...], reasoning: str | None) -> None:
    if messages and messages[-1].role == "assistant":
        last = messages[-1]
        messages[-1] = replace(last, tool_calls=last.tool_calls + calls, reasoning=last.reasoning or reasoning)
    else:
        messages.append(Message("assistant", tool_calls=calls, reasoning=reasoning))


def _observation(entry: Row, field: str, waiting: list[_Waiting]) -> Message:
    if not waiting:
        raise FieldError(field, "no tool_call before it waits for an observation; add the call or remove this message")
    if "content" not in entry:
        raise FieldError(f"{field}.content", "it is missing; write what the tool returned")
    call_id, called = waiting.pop(0)
    given_id = text_field(entry, "tool_call_id", f"{field}.tool_call_id", "")
    if given_id and call_id and given_id != call_id:
        raise FieldError(f"{field}.tool_call_id", f"expected {call_id!r}; put observations in the order of their calls")
    name = text_field(entry, "name", f"{field}.name", called)
    if name != called:
        raise FieldError(f"{field}.name", f"expected {called!r}; put observations in the order of their calls")
    return Message("tool", _text(entry["content"]), name=name)


def _tools(row: Row) -> tuple[ToolSpec, ...]:
    tools = _decoded(row.get("tools", []), "tools")
    if not isinstance(tools, list):
        raise FieldError("tools", "expected a list; write a JSON array of tools")
    return decode_list(tools, "tools", tool_from_json)
