"""What a format is, and how a row becomes a trajectory and a row again without losing anything.

A format says how a row reads and how a trajectory is written. What a row has beyond that (other columns, a null for an
empty text, a call as a JSON string) is found by writing the trajectory at once and comparing, and goes into the
trajectory's provenance as a remainder: written again, the row is the row that was read. What a trajectory has beyond
the format is found by reading the row at once: either the format has a place for it, or the row is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from distill.trajectories.calls import CallError, loads
from distill.trajectories.jsonl import provenance_from_json, provenance_to_json
from distill.trajectories.patch import PatchError, apply, difference
from distill.trajectories.rows import FieldError, Row, object_field
from distill.trajectories.turns import named_results
from distill.trajectories.types import JsonValue, Message, Provenance, Remainder, Source, ToolSpec, Trajectory

PROVENANCE = "provenance"
_OURS_AS_TEXT = '{"scenario_id":'


class Inexpressible(FieldError):
    """Something of a trajectory that a format has no place for. ``field`` is the trajectory's."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem, "inexpressible")


@dataclass(frozen=True, slots=True)
class Content:
    """What every format has a place for."""

    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]


def _no_origin(_row: Row) -> Provenance:
    return Provenance()


def _chat_place(_row: Row, message: int, call: int | None) -> str:
    return f"messages[{message}]" if call is None else f"messages[{message}].tool_calls[{call}]"


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``parse`` and ``render`` are inverse; both know nothing of ids and provenance.

    ``parse`` raises FieldError, ``render`` Inexpressible. ``recognises`` says whether a row can only be of this format.
    ``origin`` is what a row itself tells about where it came from. ``place`` names the field in which a message or one
    of its calls stands. ``json_columns`` may hold JSON as text, and those that are ``packed`` are written so.
    ``native`` is the canonical form's own.
    """

    name: str
    summary: str
    parse: Callable[[Row], Content]
    render: Callable[[Content], Row]
    recognises: Callable[[Row], bool]
    origin: Callable[[Row], Provenance] = _no_origin
    place: Callable[[Row, int, int | None], str] = _chat_place
    tools_column: str = "tools"
    json_columns: tuple[str, ...] = ("tools",)
    packed: frozenset[str] = field(default=frozenset())
    numbered: bool = False
    native: bool = False


def read_row(form: Format, row: Row, source: Source) -> Trajectory:
    """The trajectory of a row. Its id is the row's, or file and line where there is none.

    Raises:
        FieldError: a field is missing or malformed.
    """
    plain = unpacked(form, row)
    content = form.parse(plain)
    trajectory = Trajectory(_id_of(plain, source), content.tools, content.messages, _provenance(form, plain, source))
    remainder = _remainder(form, _rendered(form, trajectory), row, plain)
    if remainder == Remainder():
        return trajectory
    remainders = {**trajectory.provenance.remainders, form.name: remainder}
    return replace(trajectory, provenance=replace(trajectory.provenance, remainders=remainders))


def write_row(form: Format, trajectory: Trajectory) -> Row:
    """The row of a trajectory. An id and provenance that the format does not tell are columns of their own.

    Raises:
        Inexpressible: the format has no place for something.
    """
    if not form.native:
        trajectory = replace(trajectory, messages=named_results(trajectory.messages))
    row = _rendered(form, trajectory)
    _check(trajectory, form.parse(row))
    remainder = trajectory.provenance.remainders.get(form.name, Remainder())
    fits = bool(remainder.digest) and remainder.digest == _digest(row)
    result = _pack(form, _patched(row, remainder) if fits else row)
    for key, value in remainder.columns.items():
        if key == PROVENANCE and key in row:
            raise Inexpressible(PROVENANCE, "the row has a column of that name already; rename that")
        if fits or key not in row:
            result[key] = value
    return result


def unpacked(form: Format, row: Row) -> Row:
    """The row with its JSON texts decoded.

    Raises:
        FieldError: one of them is no strict JSON.
    """
    result = dict(row)
    for key in (*form.json_columns, PROVENANCE):
        value = row.get(key)
        # Somebody else's column of that name may be any text.
        if isinstance(value, str) and (key != PROVENANCE or form.native or value.startswith(_OURS_AS_TEXT)):
            try:
                result[key] = loads(value)
            except CallError as error:
                raise FieldError(key, f"{error}; write JSON as text") from error
    return result


def _id_of(row: Row, source: Source) -> str:
    found = row.get("id")
    if found is None:
        return _place_of(source)
    if not isinstance(found, str | int) or isinstance(found, bool):
        raise FieldError("id", "expected a text or a whole number; write a JSON string")
    return str(found)


def _place_of(source: Source) -> str:
    return f"{source.file}:{source.line}"


def _provenance(form: Format, row: Row, source: Source) -> Provenance:
    if form.native:
        return provenance_from_json(object_field(row, PROVENANCE, PROVENANCE))
    ours = _ours(row)
    if ours is None:
        return replace(form.origin(row), source=source)
    return ours if ours.source else replace(ours, source=source)


def _ours(row: Row) -> Provenance | None:
    """The column that ``write_row`` added; somebody else's of that name is a column like others."""
    column = row.get(PROVENANCE)
    if not isinstance(column, dict) or "scenario_id" not in column:
        return None
    return provenance_from_json(column)


def _rendered(form: Format, trajectory: Trajectory) -> Row:
    """The row before packing, and without the format's own remainder."""
    own: Row = {}
    given = trajectory.provenance
    rest = {name: one for name, one in given.remainders.items() if name != form.name}
    at_home = given.source is not None and given.source.format == form.name
    if not (at_home and given.source is not None and trajectory.id == _place_of(given.source)):
        own["id"] = int(trajectory.id) if form.numbered and _is_number(trajectory.id) else trajectory.id
    row = {**own, **form.render(Content(trajectory.tools, trajectory.messages))}
    if form.native:
        row[PROVENANCE] = provenance_to_json(replace(given, remainders=rest))
        return row
    stated = replace(given, remainders=rest, source=None if at_home else given.source)
    if stated != form.origin(row):
        row[PROVENANCE] = provenance_to_json(stated)
    return row


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _remainder(form: Format, rendered: Row, row: Row, plain: Row) -> Remainder:
    columns = {key: value for key, value in row.items() if key not in rendered}
    patch: list[Mapping[str, JsonValue]] = []
    for key, value in rendered.items():
        if key == PROVENANCE or (key in form.packed and row.get(key) == _text(value)):
            continue  # Provenance of ours has one form only.
        if key not in row:
            patch.append({"op": "remove", "path": f"/{key}"})
            continue
        patch += difference(value, plain[key], f"/{key}")
        if difference(_text(plain[key]) if key in form.packed else plain[key], row[key]):
            columns[key] = row[key]
    exact = bool(patch) or any(key in rendered for key in columns)
    return Remainder(columns, tuple(patch), _digest(rendered) if exact else "")


def _check(trajectory: Trajectory, read: Content) -> None:
    """Find out now what a later reader would: that the row says something else."""
    given: Mapping[str, tuple[object, ...]] = {"tools": trajectory.tools, "messages": trajectory.messages}
    for name, found in (("tools", read.tools), ("messages", read.messages)):
        if given[name] != found:
            pairs = enumerate(zip(given[name], found, strict=False))
            index = next((index for index, (one, other) in pairs if one != other), min(len(given[name]), len(found)))
            raise Inexpressible(
                f"{name}[{min(index, len(given[name]) - 1)}]",
                "read from this format again it would be something else; choose one that has a place for it, such as "
                "huggingface",
            )


def _patched(row: Row, remainder: Remainder) -> Row:
    try:
        return cast("Row", apply(remainder.patch, cast("JsonValue", row)))
    except PatchError as error:
        raise Inexpressible("provenance.remainders", f"{error}; remove the remainder") from error


def _pack(form: Format, row: Row) -> Row:
    return {key: _text(value) if key in form.packed else value for key, value in row.items()}


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _digest(row: Row) -> str:
    """Of all that a patch may touch."""
    content = {key: value for key, value in row.items() if key != PROVENANCE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
