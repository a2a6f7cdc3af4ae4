"""Differences between two JSON values, exact by type, as a JSON Patch (RFC 6902) of add, remove and replace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, cast

from distill.trajectories.types import JsonValue

Operation = Mapping[str, JsonValue]


class PatchError(ValueError):
    """A patch that does not fit the value."""


def difference(old: JsonValue, new: JsonValue, pointer: str = "") -> tuple[Operation, ...]:
    """What leads from ``old`` to ``new``; nothing where they are equal, type by type: 1, 1.0 and true all differ.

    The order of an object's keys is no difference. Operations apply one after the other.
    """
    return () if _text(old) == _text(new) else tuple(_operations(old, new, pointer))


def apply(operations: Iterable[Operation], value: JsonValue) -> JsonValue:
    """A copy of ``value`` with the patch applied.

    Raises:
        PatchError: an operation names a place that is not there, or is none of the three.
    """
    result = deepcopy(value)
    for operation in operations:
        try:
            result = _applied(operation, result)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PatchError(f"the patch does not fit: {operation}") from error
    return result


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _operations(old: JsonValue, new: JsonValue, pointer: str) -> Iterator[Operation]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, pointer)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, pointer)
    elif _text(old) != _text(new):
        yield {"op": "replace", "path": pointer, "value": new}


def _of_objects(old: dict[str, JsonValue], new: dict[str, JsonValue], pointer: str) -> Iterator[Operation]:
    for key, value in old.items():
        if key not in new:
            yield {"op": "remove", "path": _below(pointer, key)}
        else:
            yield from difference(value, new[key], _below(pointer, key))
    for key, value in new.items():
        if key not in old:
            yield {"op": "add", "path": _below(pointer, key), "value": value}


def _of_lists(old: list[JsonValue], new: list[JsonValue], pointer: str) -> Iterator[Operation]:
    """Entries that both begin or end with stay; the others are compared one by one, then removed or added."""
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    for index, (before, after) in enumerate(zip(gone, come, strict=False), start):
        yield from difference(before, after, _below(pointer, index))
    for index in range(len(gone) - 1, len(come) - 1, -1):
        yield {"op": "remove", "path": _below(pointer, start + index)}
    for index in range(len(gone), len(come)):
        yield {"op": "add", "path": _below(pointer, start + index), "value": come[index]}


def _common(left: list[JsonValue], right: list[JsonValue]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (a, b) in pairs if difference(a, b)), min(len(left), len(right)))


def _below(pointer: str, key: str | int) -> str:
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _applied(operation: Operation, value: JsonValue) -> JsonValue:
    path, kind = cast("str", operation["path"]), operation["op"]
    if kind not in ("add", "remove", "replace") or (path and path[0] != "/"):
        raise ValueError(kind)
    if not path:
        return operation["value"]
    *above, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    holder: Any = value
    for part in above:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    key: Any = int(last) if isinstance(holder, list) else last
    if kind == "remove":
        del holder[key]
    elif kind == "add" and isinstance(holder, list):
        holder.insert(key, deepcopy(operation["value"]))
    else:
        holder[key] = deepcopy(operation["value"])
    return value
