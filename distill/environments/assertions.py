"""What must hold of a world's state when a conversation has ended, beside or in place of a whole expected state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from distill.trajectories.types import JsonValue

Operator = Literal["equals", "exists", "absent", "contains", "count"]
_UNARY: tuple[Operator, ...] = ("exists", "absent")
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing that must hold of a state.

    ``path`` is a JSON pointer (RFC 6901), such as /orders/O-1/status. What it leads to ``equals`` the value in type and
    contents, ``exists`` or is ``absent``, ``contains`` the value (an item of a list, a key of an object, a part of a
    text), or has the ``count`` of items. ``exists`` and ``absent`` take no value.
    """

    path: str
    operator: Operator
    value: JsonValue = None

    def to_json(self) -> dict[str, JsonValue]:
        """As JSON values, without a value where it takes none."""
        row: dict[str, JsonValue] = {"path": self.path, "operator": self.operator}
        return row if self.operator in _UNARY else {**row, "value": self.value}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Assertion:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: it says why.
        """
        path, operator = row.get("path"), row.get("operator")
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise ValueError("path must be a JSON pointer, such as /orders/O-1/status")
        if operator not in get_args(Operator):
            raise ValueError(f"operator must be one of: {', '.join(get_args(Operator))}")
        if unknown := set(row) - {"path", "operator", "value"}:
            raise ValueError(f"it has no {min(unknown)}")
        if ("value" in row) == (operator in _UNARY):
            raise ValueError(f"{operator} takes {'no' if operator in _UNARY else 'a'} value")
        if operator == "count" and (type(row["value"]) is not int or row["value"] < 0):
            raise ValueError("the value of count must be a number of items")
        return cls(path, cast("Operator", operator), row.get("value"))

    def problem(self, state: JsonValue) -> str | None:
        """Why it does not hold, in words; None where it does."""
        found = _find(state, self.path)
        if self._holds(found):
            return None
        wanted = "" if self.operator in _UNARY else f" {json.dumps(self.value, ensure_ascii=False)}"
        return f"{self.path or 'the state'} {self.operator}{wanted}: {_told(found)}"

    def _holds(self, found: JsonValue) -> bool:
        if found is _MISSING or self.operator in _UNARY:
            return (found is _MISSING) == (self.operator == "absent")
        if self.operator == "equals":
            return _same(found, self.value)
        if self.operator == "count":
            return isinstance(found, list | dict) and len(found) == self.value
        if isinstance(found, list):
            return any(_same(item, self.value) for item in found)
        return isinstance(found, str | dict) and isinstance(self.value, str) and self.value in found


def failed_assertions(assertions: Sequence[Assertion], state: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Each one that does not hold, in words."""
    return tuple(problem for assertion in assertions if (problem := assertion.problem(dict(state))) is not None)


def _find(value: JsonValue, path: str) -> JsonValue:
    for token in path.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _is_index(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            missing: JsonValue = _MISSING
            return missing
    return value


def _is_index(key: str) -> bool:
    """RFC 6901: digits without a leading zero; none of a list of any length has more than nine."""
    return key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or key[0] != "0")


def _same(left: JsonValue, right: JsonValue) -> bool:
    """Equal in type and contents: 1, 1.0 and true all differ."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _told(found: JsonValue) -> str:
    if found is _MISSING:
        return "there is nothing"
    text = json.dumps(found, ensure_ascii=False)
    return f"found {text if len(text) <= 200 else text[:200] + '…'}"
