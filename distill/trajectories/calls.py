"""Calls and tools as JSON, what a reader of model output returns, and when two calls are equal."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

MAX_DEPTH = 50
"""How deeply the arguments of a call may be nested: far below what JSON encoders can take, far above real schemas."""


@dataclass(frozen=True, slots=True)
class ParsedCalls:
    """A text that was understood: its calls (none for prose), the prose around them and the reasoning before them."""

    calls: tuple[ToolCall, ...] = ()
    content: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A text that means to call something and cannot be read. ``position`` is a character index into it."""

    position: int
    reason: str


ParseOutcome = ParsedCalls | ParseFailure


class CallError(ValueError):
    """A JSON value that is no call. The message says why."""


def call_to_json(call: ToolCall) -> dict[str, JsonValue]:
    """``{"name", "arguments"}``, arguments in their own order."""
    return {"name": call.name, "arguments": dict(call.arguments)}


def call_from_json(value: JsonValue) -> ToolCall:
    """Read ``{"name", "arguments"}``; also with ``parameters``, and with the arguments as a JSON string.

    Raises:
        CallError: anything else, and what could not be written again.
    """
    if not isinstance(value, dict):
        raise CallError("a call must be an object with name and arguments")
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise CallError("the call has no name")
    keys = [key for key in ("arguments", "parameters") if key in value]
    if len(keys) != 1:
        raise CallError("the call must have either arguments or parameters")
    arguments = value[keys[0]]
    if isinstance(arguments, str):
        arguments = loads(arguments)
    if not isinstance(arguments, dict):
        raise CallError(f"{keys[0]} of {name} must be an object")
    call = ToolCall(name, arguments)
    if problem := unwritable(call):
        raise CallError(problem)
    return call


def chat_call_to_json(call: ToolCall) -> dict[str, JsonValue]:
    """``{"type": "function", "function": {"name", "arguments"}}``, with the call's ``id`` first where it has one."""
    named: dict[str, JsonValue] = {"id": call.id} if call.id else {}
    return {**named, "type": "function", "function": call_to_json(call)}


def chat_call_from_json(value: JsonValue) -> ToolCall:
    """Read a call, bare or wrapped as ``{"id", "type": "function", "function": {...}}``; the id may stand in either.

    Raises:
        CallError: as ``call_from_json``, or the id is no text.
    """
    inner = value["function"] if isinstance(value, dict) and "function" in value else value
    call = call_from_json(inner)
    for holder in (value, inner):
        found = holder.get("id") if isinstance(holder, dict) else None
        if found is not None and not isinstance(found, str):
            raise CallError(f"the id of {call.name} must be a text")
        if found:
            return ToolCall(call.name, call.arguments, found)
    return call


def unwritable(call: ToolCall) -> str | None:
    """Why ``call`` could not be written as JSON text again, or None.

    Decoders admit what cannot be stored: half surrogate pairs, and nesting on which a later encoder would fail.
    """
    if all(map(_is_plain, call.arguments.values())) and call.name.isascii() and all(map(str.isascii, call.arguments)):
        return None
    try:
        text = json_text(call_to_json(call))
        text.encode()
    except RecursionError:
        return _TOO_DEEP
    except ValueError:
        return "the call holds half a surrogate pair or a number that is too long"
    # Only a text with that many brackets can be nested that deep.
    is_flat = text.count("{") + text.count("[") <= MAX_DEPTH
    return None if is_flat or _depth_of(call.arguments) <= MAX_DEPTH else _TOO_DEEP


_TOO_DEEP = f"the arguments are nested more than {MAX_DEPTH} deep"


def _is_plain(value: JsonValue) -> bool:
    """What most arguments are: short of any doubt, and quicker to tell than to write."""
    return all(map(_is_scalar, value)) if isinstance(value, list) else _is_scalar(value)


def _is_scalar(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and -_LONG < value < _LONG)


_LONG = 1 << 64


def _depth_of(arguments: Mapping[str, JsonValue]) -> int:
    deepest, pending = 0, [(cast("JsonValue", dict(arguments)), 0)]
    while pending:
        value, depth = pending.pop()
        deepest = max(deepest, depth)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        pending.extend((item, depth + 1) for item in inner)
    return deepest


def tool_to_json(tool: ToolSpec) -> dict[str, JsonValue]:
    """``{"name", "description", "parameters"}``."""
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def tool_from_json(value: JsonValue) -> ToolSpec:
    """Read a tool, bare or wrapped as ``{"type": "function", "function": {...}}``.

    Raises:
        CallError: it has no name, or its description or parameters have the wrong type.
    """
    if isinstance(value, dict) and "function" in value:
        value = value["function"]
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise CallError("a tool must be an object with a name")
    description, parameters = value.get("description", ""), value.get("parameters", {})
    if not isinstance(description, str) or not isinstance(parameters, dict):
        raise CallError(f"tool {value['name']} needs a text as description and a JSON schema as parameters")
    return ToolSpec(cast("str", value["name"]), description, parameters or {"type": "object", "properties": {}})


def same_calls(left: Sequence[ToolCall], right: Sequence[ToolCall]) -> bool:
    """Whether both hold the same calls in any order, type by type: 1, 1.0 and true all differ."""
    return sorted(map(_key, left)) == sorted(map(_key, right))


def _key(call: ToolCall) -> str:
    return json.dumps([call.name, dict(call.arguments)], sort_keys=True)


def decoder() -> json.JSONDecoder:
    """A JSON decoder that guesses nothing: no repeated keys, no NaN or infinity.

    The standard library's, since faster ones hold neither rule: orjson takes the last of repeated keys and turns
    integers past 64 bits into floats.
    """
    return json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def loads(text: str) -> JsonValue:
    """Decode one JSON text strictly.

    Raises:
        CallError: it is not JSON, repeats a key, holds NaN or infinity, or is nested too deeply.
    """
    try:
        return cast("JsonValue", _DECODER.decode(text))
    except (ValueError, RecursionError) as error:
        raise CallError(f"not strict JSON: {error}") from error


def json_text(value: JsonValue) -> str:
    """``value`` as JSON text, in the way of ``json.dumps`` with characters as they are."""
    return _ENCODE(value)


def text_of(value: JsonValue) -> str:
    """A text as it is, anything else as JSON text."""
    return value if isinstance(value, str) else _ENCODE(value)


def _unique(pairs: list[tuple[str, JsonValue]]) -> Mapping[str, JsonValue]:
    result = dict(pairs)
    if len(result) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise CallError(f"the key {twice!r} stands twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise CallError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise CallError(f"{text} is out of range")
    return value


_DECODER = decoder()
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
