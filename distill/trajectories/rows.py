"""JSON Lines files of trajectories: reading with errors that name the place, writing whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from distill.trajectories.calls import CallError, json_text, loads
from distill.trajectories.types import JsonValue

Row = dict[str, JsonValue]
Item = TypeVar("Item")


class TrajectoryError(ValueError):
    """A line that cannot be read. The message names file, line, field and what to do."""

    def __init__(self, path: Path, line: int, field: str, problem: str, kind: str = "malformed") -> None:
        super().__init__(f"{path}, line {line}, {field}: {problem}")
        self.path = path
        self.line = line
        self.field = field
        self.problem = problem
        self.kind = kind


class FieldError(ValueError):
    """What is wrong with one field of a row, and what to do; becomes a ``TrajectoryError`` once the place is known.

    ``kind`` sorts it: malformed, unknown_role, orphan_observation, inexpressible.
    """

    def __init__(self, field: str, problem: str, kind: str = "malformed") -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.kind = kind

    def at(self, path: Path, line: int) -> TrajectoryError:
        """The same at its place."""
        return TrajectoryError(path, line, self.field, self.problem, self.kind)


def read_rows(path: Path, decode: Callable[[Row, int], Item]) -> Iterator[Item]:
    """Decode each non-empty line of ``path``; ``decode`` receives the row and its line number, from 1.

    Raises:
        TrajectoryError: a line is not a JSON object in UTF-8, or ``decode`` raised ``FieldError``.
    """
    with path.open("rb") as file:
        for line, row in numbered_rows(file):
            try:
                if isinstance(row, FieldError):
                    raise row
                yield decode(row, line)
            except FieldError as error:
                raise error.at(path, line) from error


def numbered_rows(file: Iterable[bytes]) -> Iterator[tuple[int, Row | FieldError]]:
    """The row of each non-empty line, or why it is none, with the line's number from 1."""
    for line, raw in enumerate(file, start=1):
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8").strip()
            if text:
                yield line, row_from_text(text)
        except UnicodeDecodeError as error:
            yield line, FieldError("the line", f"byte {error.start} is not UTF-8; save the file as UTF-8")
        except FieldError as error:
            yield line, error


def row_from_text(text: str) -> Row:
    """Decode one line.

    Raises:
        FieldError: it is no JSON object.
    """
    try:
        value = loads(text)
    except CallError as error:
        raise FieldError("the line", f"{error}; write one JSON object a line") from error
    if not isinstance(value, dict):
        raise FieldError("the line", "it is no JSON object; write one JSON object a line")
    return value


def write_rows(path: Path, rows: Iterable[Row]) -> str:
    """Write one row a line in the rows' own key order, and return the file's SHA-256 (hex).

    The file appears complete or not at all.
    """
    return write_lines(path, map(row_to_bytes, rows))


def write_lines(path: Path, lines: Iterable[bytes]) -> str:
    """The same for rows that are lines already."""
    digest = hashlib.sha256()
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            for line in lines:
                digest.update(line)
                file.write(line)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def row_to_bytes(row: Row) -> bytes:
    """One line, in UTF-8 and with its line feed."""
    return json_text(row).encode() + b"\n"


def text_field(row: Row, key: str, field: str, default: str | None = None) -> str:
    """The text at ``key``; where it is missing or null, the default if there is one.

    Raises:
        FieldError: it is missing, or no text.
    """
    value = row.get(key)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise FieldError(field, f"expected a text, found {_kind(value)}; write a JSON string")
    return value


def object_field(row: Row, key: str, field: str) -> Row:
    """The object at ``key``, empty where it is missing or null.

    Raises:
        FieldError: it is no object.
    """
    value = row.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(field, f"expected an object, found {_kind(value)}; write a JSON object")
    return value


def list_field(row: Row, key: str, field: str) -> list[JsonValue]:
    """The list at ``key``, empty where it is missing or null.

    Raises:
        FieldError: it is no list.
    """
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(field, f"expected a list, found {_kind(value)}; write a JSON array")
    return value


def message_rows(row: Row, key: str = "messages", keys: str = "role and content") -> list[tuple[str, Row]]:
    """The messages at ``key``, each with its field's name for errors; ``keys`` says what belongs into one.

    Raises:
        FieldError: there is none, or one is no object.
    """
    messages = list_field(row, key, key)
    if not messages:
        raise FieldError(key, "there are none; write at least a user and an assistant message")
    result = []
    for index, message in enumerate(messages):
        field = f"{key}[{index}]"
        if not isinstance(message, dict):
            raise FieldError(field, f"expected an object, found {_kind(message)}; write {keys}")
        result.append((field, message))
    return result


def unknown_role(field: str, role: str, known: Iterable[str]) -> FieldError:
    """The error for a role that the format does not have."""
    return FieldError(field, f"unknown role {role!r}; use one of: {', '.join(known)}", "unknown_role")


def _kind(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    return {bool: "true or false", str: "a text", list: "a list", dict: "an object"}.get(type(value), "a number")


def decode_list(values: list[JsonValue], field: str, decode: Callable[[JsonValue], Item]) -> tuple[Item, ...]:
    """Decode each entry with one of the readers of ``distill.trajectories.calls``.

    Raises:
        FieldError: an entry is malformed.
    """
    result = []
    for index, value in enumerate(values):
        try:
            result.append(decode(value))
        except CallError as error:
            raise FieldError(f"{field}[{index}]", f"{error}; correct this entry") from error
    return tuple(result)
