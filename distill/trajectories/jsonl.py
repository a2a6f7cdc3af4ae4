"""The canonical form on disk: OpenAI/Hugging Face chat messages with mapping arguments, tools and provenance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import cast, get_args

from distill.trajectories.calls import chat_call_from_json, chat_call_to_json, tool_from_json, tool_to_json
from distill.trajectories.rows import (
    FieldError,
    Row,
    decode_list,
    list_field,
    message_rows,
    object_field,
    read_rows,
    text_field,
    unknown_role,
    write_rows,
)
from distill.trajectories.types import Message, Provenance, Remainder, Role, Source, Trajectory

_PROVENANCE_FIELDS = frozenset(one.name for one in fields(Provenance))


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
    return {
        "id": trajectory.id,
        "tools": [{"type": "function", "function": tool_to_json(tool)} for tool in trajectory.tools],
        "messages": [message_to_json(message) for message in trajectory.messages],
        "provenance": provenance_to_json(trajectory.provenance),
    }


def trajectory_from_json(row: Row) -> Trajectory:
    """Read one row.

    Raises:
        FieldError: a field is missing or malformed.
    """
    return Trajectory(
        id=text_field(row, "id", "id"),
        tools=decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json),
        messages=tuple(message_from_json(message, field) for field, message in message_rows(row)),
        provenance=provenance_from_json(object_field(row, "provenance", "provenance")),
    )


def provenance_to_json(provenance: Provenance) -> Row:
    """As a row's column; the source and the remainders are left out where there are none."""
    row: Row = {
        "scenario_id": provenance.scenario_id,
        "category": provenance.category,
        "teacher": provenance.teacher,
        "sampling": dict(provenance.sampling),
        "verification": dict(provenance.verification),
    }
    if provenance.source is not None:
        source = provenance.source
        row["source"] = {"format": source.format, "file": source.file, "line": source.line}
    if provenance.remainders:
        row["remainders"] = {name: _remainder_to_json(one) for name, one in provenance.remainders.items()}
    return row


def provenance_from_json(row: Row) -> Provenance:
    """Read what ``provenance_to_json`` wrote.

    Raises:
        FieldError: a field is unknown or malformed.
    """
    unknown = row.keys() - _PROVENANCE_FIELDS
    if unknown:
        raise FieldError(f"provenance.{min(unknown)}", "unknown field; remove it, or make it a column of the row")
    remainders = object_field(row, "remainders", "provenance.remainders")
    return Provenance(
        scenario_id=text_field(row, "scenario_id", "provenance.scenario_id", ""),
        category=text_field(row, "category", "provenance.category", ""),
        teacher=text_field(row, "teacher", "provenance.teacher", ""),
        sampling=object_field(row, "sampling", "provenance.sampling"),
        verification=object_field(row, "verification", "provenance.verification"),
        source=_source(object_field(row, "source", "provenance.source")),
        remainders={
            name: _remainder(object_field(remainders, name, f"provenance.remainders.{name}"), name)
            for name in remainders
        },
    )


def _source(row: Row) -> Source | None:
    if not row:
        return None
    line = row.get("line")
    if not isinstance(line, int) or isinstance(line, bool):
        raise FieldError("provenance.source.line", "expected a whole number; write the number of the line")
    form, file = (text_field(row, key, f"provenance.source.{key}") for key in ("format", "file"))
    return Source(form, file, line)


def _remainder_to_json(remainder: Remainder) -> Row:
    row: Row = {"columns": dict(remainder.columns)} if remainder.columns else {}
    if remainder.patch:
        row["patch"] = [dict(operation) for operation in remainder.patch]
    return {**row, "digest": remainder.digest} if remainder.digest else row


def _remainder(row: Row, name: str) -> Remainder:
    field = f"provenance.remainders.{name}"
    patch = list_field(row, "patch", f"{field}.patch")
    operations = tuple(operation for operation in patch if isinstance(operation, dict))
    if len(operations) < len(patch):
        raise FieldError(f"{field}.patch", "expected JSON Patch operations; leave the remainder out if it was edited")
    columns = object_field(row, "columns", f"{field}.columns")
    return Remainder(columns, operations, text_field(row, "digest", f"{field}.digest", ""))


def message_to_json(message: Message) -> Row:
    """One message; what is empty is left out."""
    row: Row = {"role": message.role, "content": message.content}
    if message.reasoning is not None:
        row["reasoning"] = message.reasoning
    if message.tool_calls:
        row["tool_calls"] = [chat_call_to_json(call) for call in message.tool_calls]
    if message.tool_call_id:
        row["tool_call_id"] = message.tool_call_id
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
        raise unknown_role(f"{field}.role", role, get_args(Role))
    calls = f"{field}.tool_calls"
    return Message(
        role=cast("Role", role),
        content=text_field(row, "content", f"{field}.content", ""),
        tool_calls=decode_list(list_field(row, "tool_calls", calls), calls, chat_call_from_json),
        reasoning=text_field(row, "reasoning", f"{field}.reasoning") if row.get("reasoning") is not None else None,
        name=text_field(row, "name", f"{field}.name") if row.get("name") is not None else None,
        tool_call_id=text_field(row, "tool_call_id", f"{field}.tool_call_id", ""),
    )
