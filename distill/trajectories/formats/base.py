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

from distill.trajectories.calls import CallError, json_text, loads
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


@dataclass(frozen=True, slots=True)
class Origin:
    """What a row of a format tells by itself about where it came from."""

    category: str = ""
    teacher: str = ""


def _no_origin(_row: Row) -> Origin:
    return Origin()


def _chat_place(_row: Row, message: int, call: int | None) -> str:
    return f"messages[{message}]" if call is None else f"messages[{message}].tool_calls[{call}]"


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``parse`` and ``render`` are inverse; both know nothing of ids and provenance.

    ``parse`` raises FieldError, ``render`` Inexpressible. ``recognises`` says whether a row can only be of this format.
    ``origin`` is what a row itself tells about where it came from. ``place`` names the field in which a message or one
    of its calls stands. ``json_columns`` may hold JSON as text, and those that are ``packed`` are written so.
    Rows of formats that are ``identified`` have an id, a whole number where they are ``numbered``; ``native`` is the
    canonical form's own.
    """

    name: str
    summary: str
    parse: Callable[[Row], Content]
    render: Callable[[Content], Row]
    recognises: Callable[[Row], bool]
    origin: Callable[[Row], Origin] = _no_origin
    place: Callable[[Row, int, int | None], str] = _chat_place
    tools_column: str = "tools"
    json_columns: tuple[str, ...] = ("tools",)
    packed: frozenset[str] = field(default=frozenset())
    identified: bool = False
    numbered: bool = False
    native: bool = False


def read_row(form: Format, row: Row, source: Source) -> Trajectory:
    """The trajectory of a row. Its id is the row's, or file and line where there is none.

    Raises:
        FieldError: a field is missing or malformed.
    """
    try:
        plain = unpacked(form, row)
        content, provenance = form.parse(plain), _provenance(form, plain, source)
        trajectory = Trajectory(_id_of(plain, source), content.tools, content.messages, provenance)
        remainder = _remainder(form, _rendered(form, trajectory), row, plain)
    except RecursionError as error:
        raise FieldError("the row", "it is nested too deeply; write what is inside as JSON text") from error
    if remainder == Remainder():
        return trajectory
    return replace(
        trajectory,
        provenance=replace(provenance, remainders={**provenance.remainders, form.name: remainder}),
    )


def write_row(form: Format, trajectory: Trajectory, *, bare: bool = False) -> Row:
    """The row of a trajectory. An id and provenance that the format does not tell are columns of their own, which a
    ``bare`` row has not.

    Raises:
        Inexpressible: the format has no place for something.
    """
    if not form.native:
        trajectory = replace(trajectory, messages=named_results(trajectory.messages))
    row = _rendered(form, trajectory)
    if not form.native:  # That one has a place for everything.
        _check(trajectory, form.parse(row))
    remainder = trajectory.provenance.remainders.get(form.name, Remainder())
    fits = bool(remainder.digest) and remainder.digest == _digest(row)
    result = _pack(form, _patched(row, remainder) if fits else row)
    for key, value in remainder.columns.items():
        if key == PROVENANCE and key in row and not bare:
            raise Inexpressible(PROVENANCE, "the row has a column of that name already; rename that")
        if fits or key not in row:
            result[key] = value
    return _bare(form, row, result) if bare else result


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
        origin = form.origin(row)
        return Provenance(category=origin.category, teacher=origin.teacher, source=source)
    return ours if ours.source else replace(ours, source=source)


def _ours(row: Row) -> Provenance | None:
    """The column that ``write_row`` added; somebody else's of that name is a column like others."""
    column = row.get(PROVENANCE)
    if not isinstance(column, dict) or "scenario_id" not in column:
        return None
    return provenance_from_json(column)


def _rendered(form: Format, trajectory: Trajectory) -> Row:
    """The row before packing, and without the format's own remainder."""
    given, row = trajectory.provenance, form.render(Content(trajectory.tools, trajectory.messages))
    at_home = given.source if given.source is not None and given.source.format == form.name else None
    if at_home is None or trajectory.id != _place_of(at_home):
        is_whole = form.numbered and _is_number(trajectory.id)
        row = {"id": int(trajectory.id) if is_whole else trajectory.id, **row}
    rest = {name: one for name, one in given.remainders.items() if name != form.name}
    if form.native or rest or not _is_told(form, row, given, at_home is not None):
        row[PROVENANCE] = provenance_to_json(
            replace(given, remainders=rest, source=None if at_home is not None else given.source)
        )
    return row


def _is_told(form: Format, row: Row, given: Provenance, at_home: bool) -> bool:
    """Whether who reads the row knows its provenance without a column for it."""
    if given.scenario_id or given.sampling or given.verification or not (at_home or given.source is None):
        return False
    return form.origin(row) == Origin(given.category, given.teacher)


def _bare(form: Format, ours: Row, row: Row) -> Row:
    if form.native:
        return {**row, PROVENANCE: provenance_to_json(Provenance())}
    added = {PROVENANCE} if form.identified else {PROVENANCE, "id"}
    return {key: value for key, value in row.items() if key not in added or key not in ours}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _remainder(form: Format, rendered: Row, row: Row, plain: Row) -> Remainder:
    columns = {key: value for key, value in row.items() if key not in rendered}
    patch: list[Mapping[str, JsonValue]] = []
    for key, value in rendered.items():
        if key == PROVENANCE:
            continue  # A column of ours has one form only.
        if key not in row:
            patch.append({"op": "remove", "path": f"/{key}"})
        elif key in form.packed:
            if row[key] != json_text(value):
                columns[key] = row[key]
        elif row[key] is not plain[key]:
            columns[key] = row[key]  # JSON text where we write JSON.
        elif value != row[key]:
            # Values pass through unchanged or come from their text again, so those that are equal are of one type.
            patch += difference(value, row[key], key)
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
    return {key: json_text(value) if key in form.packed else value for key, value in row.items()}


def _digest(row: Row) -> str:
    """Of all that a patch may touch."""
    content = {key: value for key, value in row.items() if key != PROVENANCE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
