"""Gemma 4's notation for calls, results and tool declarations: keys without quotes, texts between ``<|"|>``.

There is no way to write ``<|"|>`` itself inside of a text, nor a colon in a key: what could not be read back is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from distill.trajectories.calls import MAX_DEPTH, CallError, loads
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

CALL_OPEN, CALL_CLOSE = "<|tool_call>", "<tool_call|>"
_QUOTE = '<|"|>'
_NAME = re.compile(r"[\w.-]+")
_KEY = re.compile(r"[^\s:,{}\[\]<>|]+(?: +[^\s:,{}\[\]<>|]+)*")
_WORD = re.compile(r"[^\s:,{}\[\]<>|]+")
_SPACE = re.compile(r"\s*")
_NULLS = {"null", "none", "nil"}
# What a property of an object without declared properties is not, as the template has it.
_KEYWORDS = {"description", "type", "properties", "required", "nullable"}


def write_call(call: ToolCall) -> str:
    """Render a call with its keys sorted.

    Raises:
        ValueError: the call has a name, key, text or number that no server would read back as it is.
    """
    if not _NAME.fullmatch(call.name):
        raise ValueError(f"Gemma 4 cannot name the function {call.name!r}; use letters, digits, and any of _ - .")
    _check(call.arguments)
    return f"{CALL_OPEN}call:{call.name}{write_value(call.arguments)}{CALL_CLOSE}"


def read_call(block: str) -> ToolCall:
    """Read what stands between the tags of a call.

    vLLM's parser also repairs: bare words become texts, what is left open is closed. Nothing is repaired here, so that
    no evaluation credits a repair.

    Raises:
        CallError: the block is no whole, unambiguous call.
    """
    head, brace, _ = block.partition("{")
    name = head.strip().removeprefix("call:")
    if not brace or not head.strip().startswith("call:") or not _NAME.fullmatch(name):
        raise CallError("a call must be written call:name{...}")
    reader = _Reader(block, len(head))
    arguments = reader.mapping(0)
    reader.finish()
    return ToolCall(name, arguments)


def write_result(name: str, content: str) -> str:
    """What follows ``<|tool_response>``: a result as text, and the tag that closes it."""
    return f"response:{name}{{value:{_QUOTE}{content}{_QUOTE}}}<tool_response|>"


def declare(tool: ToolSpec) -> str:
    """Render a tool's declaration, keys sorted and types in capitals."""
    schema: Mapping[str, Any] = tool.parameters
    text = f"declaration:{tool.name}{{description:{_QUOTE}{tool.description}{_QUOTE}"
    if schema:
        text += ",parameters:{"
        if properties := schema.get("properties"):
            text += f"properties:{{{_properties(properties)}}},"
        if required := schema.get("required"):
            text += f"required:{_texts(required)},"
        if kind := schema.get("type"):
            # The template closes the brace of the parameters only here, so a schema without a type leaves it open.
            text += f"type:{_QUOTE}{_upper(kind)}{_QUOTE}}}"
    return f"<|tool>{text}}}<tool|>"


def write_value(value: Any, quote_keys: bool = False) -> str:
    """Render a JSON value; keys are quoted in declarations and bare in calls."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"{_QUOTE}{value}{_QUOTE}"
    if isinstance(value, Mapping):
        quote = _QUOTE if quote_keys else ""
        pairs = (f"{quote}{key}{quote}:{write_value(item, quote_keys)}" for key, item in _sorted(value))
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, Sequence):
        return f"[{','.join(write_value(item, quote_keys) for item in value)}]"
    return str(value)


def _sorted(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Sort as the template does: regardless of case, otherwise in the order given."""
    return sorted(value.items(), key=lambda item: item[0].lower())


def _upper(value: object) -> str:
    return str(value).upper()


def _texts(values: Iterable[object]) -> str:
    return f"[{','.join(f'{_QUOTE}{value}{_QUOTE}' for value in values)}]"


def _properties(properties: Mapping[str, Any], besides: Iterable[str] = ()) -> str:
    chosen = ((key, value) for key, value in _sorted(properties) if key not in besides)
    return ",".join(f"{key}:{{{','.join(_property(value))}}}" for key, value in chosen)


def _property(value: Any) -> Iterator[str]:
    schema: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    kind = _upper(schema.get("type", ""))
    if description := schema.get("description"):
        yield f"description:{_QUOTE}{description}{_QUOTE}"
    if kind == "STRING" and schema.get("enum"):
        yield f"enum:{write_value(schema['enum'], quote_keys=True)}"
    if kind == "ARRAY" and isinstance(schema.get("items"), Mapping) and schema["items"]:
        yield f"items:{{{','.join(_items(schema['items']))}}}"
    if schema.get("nullable"):
        yield "nullable:true"
    if kind == "OBJECT":
        inner = schema.get("properties")
        declared = _properties(inner) if isinstance(inner, Mapping) else _properties(schema, besides=_KEYWORDS)
        yield f"properties:{{{declared}}}"
        if required := schema.get("required"):
            yield f"required:{_texts(required)}"
    yield f"type:{_QUOTE}{kind}{_QUOTE}"


def _items(items: Mapping[str, Any]) -> Iterator[str]:
    for key, value in _sorted(items):
        if value is None:
            continue
        if key == "properties":
            yield f"properties:{{{_properties(value) if isinstance(value, Mapping) else ''}}}"
        elif key == "required":
            yield f"required:{_texts(value)}"
        elif key == "type":
            yield f"type:{write_value(_upper(value) if isinstance(value, str) else [_upper(each) for each in value])}"
        else:
            yield f"{key}:{write_value(value, quote_keys=True)}"


def _check(value: JsonValue | Mapping[str, JsonValue]) -> None:
    if isinstance(value, str) and any(tag in value for tag in (_QUOTE, CALL_OPEN, CALL_CLOSE)):
        raise ValueError(f"Gemma 4 cannot write the text {value!r}: it holds one of the tags of a call; remove the tag")
    if isinstance(value, float) and "." not in str(value):
        raise ValueError(f"Gemma 4's servers read {value} as a text; use a number that is written with a decimal point")
    if isinstance(value, Mapping):
        for key in value:
            if not _KEY.fullmatch(key):
                raise ValueError(f"Gemma 4 cannot write the key {key!r}, since keys have no quotes; rename it")
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner:
        _check(item)


class _Reader:
    """A recursive reader of values, at one place in a text."""

    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self._place = place

    def mapping(self, depth: int) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        self._expect("{")
        while not self._take("}"):
            if result:
                self._expect(",")
            key = self._quoted() if self._at(_QUOTE) else self._match(_KEY, "a key")
            if key in result:
                raise CallError(f"the key {key!r} stands twice")
            self._expect(":")
            result[key] = self._value(depth + 1)
        return result

    def finish(self) -> None:
        """Raises CallError unless nothing but space is left."""
        if self._text[self._place :].strip():
            raise CallError(f"{self._text[self._place :]!r} follows the arguments")

    def _value(self, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise CallError(f"the arguments are nested more than {MAX_DEPTH} deep")
        if self._at("{"):
            return self.mapping(depth)
        if self._at("["):
            return self._list(depth)
        return self._quoted() if self._at(_QUOTE) else _scalar(self._match(_WORD, "a value"))

    def _list(self, depth: int) -> list[JsonValue]:
        result: list[JsonValue] = []
        self._expect("[")
        while not self._take("]"):
            if result:
                self._expect(",")
            result.append(self._value(depth + 1))
        return result

    def _quoted(self) -> str:
        self._expect(_QUOTE)
        end = self._text.find(_QUOTE, self._place)
        if end < 0:
            raise CallError("a text is never closed")
        text, self._place = self._text[self._place : end], end + len(_QUOTE)
        return text

    def _at(self, token: str) -> bool:
        self._place = _SPACE.match(self._text, self._place).end()  # type: ignore[union-attr]  # it always matches
        return self._text.startswith(token, self._place)

    def _take(self, token: str) -> bool:
        found = self._at(token)
        self._place += len(token) if found else 0
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise CallError(f"expected {token!r} at character {self._place} of the call")

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._place)
        if found is None:
            raise CallError(f"expected {what} at character {self._place} of the call")
        self._place = found.end()
        return found.group()


def _scalar(word: str) -> JsonValue:
    if word.lower() in _NULLS:
        return None
    value = loads(word)
    if isinstance(value, str) or (isinstance(value, float) and "." not in word):
        raise CallError(f"{word} is neither a number, true, false nor null, and texts stand between {_QUOTE}")
    return value
