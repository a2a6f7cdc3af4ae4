"""The filter language of all list methods: conditions `field = "value"` or `field != "value"`, joined by AND.

Values are quoted (with backslash escapes) or bare words. `!=` is the exact opposite of `=`: a row without the key
differs from every value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement

from registry.errors import invalid
from spiritsafe.errors import InvalidArgument

_CONDITION = re.compile(
    r"""\s*(?P<field>[a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_][A-Za-z0-9._/-]*)?)
        \s*(?P<operator>!=|=)
        \s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[A-Za-z0-9_][A-Za-z0-9._/@:-]*))\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"AND(?=\s)")


@dataclass(frozen=True, slots=True)
class Condition:
    """``field`` is as written: `kind`, or `tags.team` with a key after the dot."""

    field: str
    equal: bool
    value: str

    @property
    def name(self) -> str:
        return self.field.partition(".")[0]

    @property
    def key(self) -> str:
        return self.field.partition(".")[2]

    def holds(self, actual: str | None) -> bool:
        """Whether a row with this value fulfils it."""
        return (actual == self.value) == self.equal


def parse(text: str, fields: Collection[str]) -> list[Condition]:
    """The conditions of a filter; none for an empty one. A field that takes a key is listed with a dot: `tags.`.

    Raises:
        InvalidArgument: another grammar, or a field that is not listed.
    """
    conditions: list[Condition] = []
    position = 0
    while text[position:].strip():
        if conditions:
            joint = _AND.match(text, position)
            if joint is None:
                raise _bad(f'expected AND at "{text[position:]}"')
            position = joint.end()
        match = _CONDITION.match(text, position)
        if match is None:
            raise _bad(f'"{text[position:].strip()}" is not of the form FIELD = "VALUE" or FIELD != "VALUE"')
        conditions.append(_condition(match, fields))
        position = match.end()
    return conditions


def where(condition: Condition, columns: Mapping[str, Any]) -> ColumnElement[bool]:
    """The SQL form; ``columns`` holds a column for each field name, a JSON object where the field takes a key."""
    column = columns[condition.name]
    value: str | bool = condition.value
    if condition.key:
        column = column[condition.key].as_string()
    elif isinstance(column.type, Boolean):
        value = _boolean(condition)
    found: ColumnElement[bool] = column.is_not_distinct_from(value)
    return found if condition.equal else ~found


def _condition(match: re.Match[str], fields: Collection[str]) -> Condition:
    quoted, field = match["quoted"], match["field"]
    name, dot, _ = field.partition(".")
    if name + dot not in fields:
        known = ", ".join(f"{one}KEY" if one.endswith(".") else one for one in sorted(fields))
        raise _bad(f"{field} cannot be filtered by; known: {known}")
    value = match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return Condition(field, match["operator"] == "=", value)


def _boolean(condition: Condition) -> bool:
    if condition.value not in ("true", "false"):
        raise _bad(f"{condition.field} is true or false, not {condition.value!r}")
    return condition.value == "true"


def _bad(description: str) -> InvalidArgument:
    return invalid(
        "filter", description, reason="INVALID_FILTER", remedy='for example: kind = "adapter" AND stand_in = true'
    )
