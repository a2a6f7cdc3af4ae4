"""Ertas Studio's JSONL: messages with roles user, assistant, system, tool_call and tool_observation, optional tools.

Its public page names the roles and leaves the content open, so reading is liberal and writing is plain: objects for
calls and for JSON observations. The reasoning of an assistant turn goes into a field of that name beside the content of
its first message, and the ids of calls and observations beside their names; other readers may ignore them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast, get_args

from distill.trajectories.calls import CallError, json_text, loads, tool_from_json, tool_to_json
from distill.trajectories.formats.base import Content, Format, unpacked
from distill.trajectories.formats.entries import Entry, EntryRole, call_content, place_of, read_entries
from distill.trajectories.rows import (
    Row,
    decode_list,
    list_field,
    message_rows,
    read_rows,
    text_field,
    unknown_role,
    write_rows,
)
from distill.trajectories.types import JsonValue, Message, Trajectory


def write_ertas(path: Path, trajectories: Iterable[Trajectory]) -> str:
    """Write one trajectory a line, without ids and provenance; returns the file's SHA-256 (hex)."""
    return write_rows(path, (ERTAS.render(Content(one.tools, one.messages)) for one in trajectories))


def read_ertas(path: Path) -> list[Trajectory]:
    """Read a file; the id of a trajectory is the file's name and the line.

    Raises:
        TrajectoryError: a line is malformed; it names file, line and field.
    """
    return list(iterate_ertas(path))


def iterate_ertas(path: Path) -> Iterator[Trajectory]:
    """The same, one line at a time."""

    def decode(row: Row, line: int) -> Trajectory:
        content = ERTAS.parse(unpacked(ERTAS, row))
        return Trajectory(f"{path.name}:{line}", content.tools, content.messages)

    return read_rows(path, decode)


def _parse(row: Row) -> Content:
    messages = tuple(turn.message for turn in read_entries(_entries(row)))
    return Content(decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json), messages)


def _render(content: Content) -> Row:
    """An assistant turn with text and calls becomes two messages."""
    row: Row = {"messages": [entry for message in content.messages for entry in _written(message)]}
    if content.tools:
        row["tools"] = [{"type": "function", "function": tool_to_json(tool)} for tool in content.tools]
    return row


def _place(row: Row, message: int, call: int | None) -> str:
    return place_of(read_entries(_entries(row)), message, call)


def _recognises(row: Row) -> bool:
    messages = row.get("messages")
    roles = [one.get("role") for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    return "tool_call" in roles or "tool_observation" in roles


def _entries(row: Row) -> Iterator[Entry]:
    for field, message in message_rows(row):
        role = text_field(message, "role", f"{field}.role")
        if role not in get_args(EntryRole):
            raise unknown_role(f"{field}.role", role, get_args(EntryRole))
        yield Entry(cast("EntryRole", role), message, "content", field)


def _written(message: Message) -> Iterator[Row]:
    if message.role == "tool":
        row: Row = {"role": "tool_observation"}
        if message.tool_call_id:
            row["tool_call_id"] = message.tool_call_id
        if message.name is not None:
            row["name"] = message.name
        yield {**row, "content": _json_or_text(message.content)}
        return
    reasoning: Row = {} if message.reasoning is None else {"reasoning": message.reasoning}
    if message.content or not message.tool_calls:
        yield {"role": message.role, "content": message.content, **reasoning}
        reasoning = {}
    if message.tool_calls:
        yield {"role": "tool_call", "content": call_content(message.tool_calls), **reasoning}


def _json_or_text(content: str) -> JsonValue:
    """Objects and lists as JSON where that loses nothing; everything else stays text."""
    try:
        value = loads(content)
    except CallError:
        return content
    same = isinstance(value, dict | list) and json_text(value) == content
    return value if same else content


ERTAS = Format(
    name="ertas",
    summary="Ertas Studio: messages with roles user, assistant, tool_call and tool_observation",
    parse=_parse,
    render=_render,
    recognises=_recognises,
    place=_place,
)
