"""Differences between two JSON values, exact by type, as a JSON Patch (RFC 6902) of add, remove and replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, cast

from distill.trajectories.types import JsonValue

Operation = Mapping[str, JsonValue]


class PatchError(ValueError):
    """A patch that does not fit the value."""


def difference(old: JsonValue, new: JsonValue, *path: str | int) -> tuple[Operation, ...]:
    """What leads from ``old``, which is at ``path``, to ``new``; nothing where they are equal.

    Values are compared type by type: 1, 1.0 and true all differ. The order of an object's keys is no difference.
    Operations apply one after the other.
    """
    return tuple(_operations(old, new, path))


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


_Path = tuple[str | int, ...]


def _operations(old: JsonValue, new: JsonValue, path: _Path) -> Iterator[Operation]:
    if old is new:  # Most of what was read is written as the same object.
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, path)
    elif type(old) is not type(new) or old != new or (isinstance(old, float) and repr(old) != repr(new)):
        yield {"op": "replace", "path": _pointer(path), "value": new}


def _of_objects(old: dict[str, JsonValue], new: dict[str, JsonValue], path: _Path) -> Iterator[Operation]:
    for key, value in old.items():
        if key not in new:
            yield {"op": "remove", "path": _pointer((*path, key))}
        elif value is not new[key]:
            yield from _operations(value, new[key], (*path, key))
    for key, value in new.items():
        if key not in old:
            yield {"op": "add", "path": _pointer((*path, key)), "value": value}


def _of_lists(old: list[JsonValue], new: list[JsonValue], path: _Path) -> Iterator[Operation]:
    """Entries are compared one by one; of lists of unequal length, those between what both begin and end with."""
    start, end = 0, 0
    if len(old) != len(new):
        start = _common(old, new)
        end = _common(old[start:][::-1], new[start:][::-1])
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    for index, (before, after) in enumerate(zip(gone, come, strict=False), start):
        yield from _operations(before, after, (*path, index))
    for index in range(len(gone) - 1, len(come) - 1, -1):
        yield {"op": "remove", "path": _pointer((*path, start + index))}
    for index in range(len(gone), len(come)):
        yield {"op": "add", "path": _pointer((*path, start + index)), "value": come[index]}


def _common(left: list[JsonValue], right: list[JsonValue]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (a, b) in pairs if difference(a, b)), min(len(left), len(right)))


def _pointer(path: _Path) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


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
