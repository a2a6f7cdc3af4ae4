"""Rows that survive Arrow (`datasets`, Parquet): objects whose keys differ from row to row as JSON text. Pure."""

from __future__ import annotations

from distill.trajectories.calls import text_of
from distill.trajectories.formats.base import PROVENANCE, Format, Inexpressible
from distill.trajectories.rows import Row
from distill.trajectories.types import JsonValue

_MESSAGES = ("messages", "conversations", "question")


def arrow_safe(form: Format, row: Row) -> Row:
    """The row with tools, provenance and the arguments of calls as JSON text, which every reader takes as well.

    Raises:
        Inexpressible: a column that the format does not know holds an object or a list.
    """
    return {key: _column(form, key, value) for key, value in row.items()}


def _column(form: Format, key: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, dict | list):
        return value
    if key == PROVENANCE or key == form.tools_column:
        return text_of(value)
    if key in _MESSAGES:
        return _messages(value)
    raise Inexpressible(key, "this column is no text, and Arrow may mix its keys with those of other rows; remove it")


def _messages(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_messages(one) for one in value]
    return {key: _part(key, one) for key, one in value.items()} if isinstance(value, dict) else value


def _part(key: str, value: JsonValue) -> JsonValue:
    if key == "tool_calls" and isinstance(value, list):
        return [_call(one) for one in value]
    return value if value is None else text_of(value)


def _call(call: JsonValue) -> JsonValue:
    if not isinstance(call, dict):
        return call
    function = call.get("function")
    if isinstance(function, dict):
        return {**call, "function": _call(function)}
    return {key: text_of(value) if key == "arguments" else value for key, value in call.items()}
