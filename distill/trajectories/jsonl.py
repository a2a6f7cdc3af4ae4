"""The canonical form on disk: OpenAI/Hugging Face chat messages with mapping arguments, tools and provenance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast, get_args

from distill.trajectories.calls import call_from_json, call_to_json, tool_from_json, tool_to_json
from distill.trajectories.rows import (
    FieldError,
    Row,
    decode_list,
    list_field,
    message_rows,
    object_field,
    read_rows,
    text_field,
    write_rows,
)
from distill.trajectories.types import JsonValue, Message, Provenance, Role, ToolCall, Trajectory


def write_trajectories(path: Path, trajectories: Iterable[Trajectory]) -> str:
    """Write one trajectory a line; equal trajectories give equal bytes. Returns the file's SHA-256 (hex)."""
    return write_rows(path, map(trajectory_to_json, trajectories))


def read_trajectories(path: Path) -> list[Trajectory]:
    """Read what ``write_trajectories`` wrote.

    Raises:
        TrajectoryError: a line is malformed.
    """
    return list(read_rows(path, lambda row, _line: trajectory_from_json(row)))


def trajectory_to_json(trajectory: Trajectory) -> Row:
    """One row. Optional fields of a message are left out where they are empty."""
    provenance = trajectory.provenance
    return {
        "id": trajectory.id,
        "tools": [{"type": "function", "function": tool_to_json(tool)} for tool in trajectory.tools],
        "messages": [message_to_json(message) for message in trajectory.messages],
        "provenance": {
            "scenario_id": provenance.scenario_id,
            "category": provenance.category,
            "teacher": provenance.teacher,
            "sampling": dict(provenance.sampling),
            "verification": dict(provenance.verification),
        },
    }


def trajectory_from_json(row: Row) -> Trajectory:
    """Read one row.

    Raises:
        FieldError: a field is missing or malformed.
    """
    provenance = object_field(row, "provenance", "provenance")
    return Trajectory(
        id=text_field(row, "id", "id"),
        tools=decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json),
        messages=tuple(message_from_json(message, field) for field, message in message_rows(row)),
        provenance=Provenance(
            scenario_id=text_field(provenance, "scenario_id", "provenance.scenario_id", ""),
            category=text_field(provenance, "category", "provenance.category", ""),
            teacher=text_field(provenance, "teacher", "provenance.teacher", ""),
            sampling=object_field(provenance, "sampling", "provenance.sampling"),
            verification=object_field(provenance, "verification", "provenance.verification"),
        ),
    )


def message_to_json(message: Message) -> Row:
    """One message; what is empty is left out."""
    row: Row = {"role": message.role, "content": message.content}
    if message.reasoning is not None:
        row["reasoning"] = message.reasoning
    if message.tool_calls:
        row["tool_calls"] = [{"type": "function", "function": call_to_json(call)} for call in message.tool_calls]
    if message.name is not None:
        row["name"] = message.name
    return row


def message_from_json(row: Row, field: str) -> Message:
    """Read what ``message_to_json`` wrote; ``field`` names it in errors.

    Raises:
        FieldError: a field is missing or malformed.
    """
    role = text_field(row, "role", f"{field}.role")
    if role not in get_args(Role):
        raise FieldError(f"{field}.role", f"unknown role {role!r}; use one of: {', '.join(get_args(Role))}")
    return Message(
        role=cast("Role", role),
        content=text_field(row, "content", f"{field}.content", ""),
        tool_calls=decode_list(list_field(row, "tool_calls", f"{field}.tool_calls"), f"{field}.tool_calls", _call),
        reasoning=text_field(row, "reasoning", f"{field}.reasoning") if row.get("reasoning") is not None else None,
        name=text_field(row, "name", f"{field}.name") if row.get("name") is not None else None,
    )


def _call(value: JsonValue) -> ToolCall:
    if isinstance(value, dict) and "function" in value:
        value = value["function"]
    return call_from_json(value)
