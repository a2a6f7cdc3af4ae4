"""xLAM's dialect: the xLAM-1 prompt, and a reader for every style in which xLAM models write calls.

The prompt's blocks and the flattened tool form follow the public model card of Salesforce/xLAM-7b-fc-r. Its instruction
texts are the caller's to give, since the card's licence is not ours; the defaults say the same in few words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from distill.teacher.pythonic import PythonCallError, read_python_calls
from distill.trajectories.calls import (
    CallError,
    ParsedCalls,
    ParseFailure,
    ParseOutcome,
    call_from_json,
    call_to_json,
    decoder,
    unwritable,
)
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

TASK_INSTRUCTION = "Answer the query with calls of the available tools. If none of them fits, call nothing."
FORMAT_INSTRUCTION = (
    "Write only JSON of this form, with an empty list where nothing is to be called:\n"
    '{"tool_calls": [{"name": "tool", "arguments": {"argument": "value"}}]}'
)


def render_prompt(
    tools: Sequence[ToolSpec],
    query: str,
    task_instruction: str = TASK_INSTRUCTION,
    format_instruction: str = FORMAT_INSTRUCTION,
) -> str:
    """The user message that an xLAM-1 model is asked with."""
    flat = json.dumps([flatten_tool(tool) for tool in tools], ensure_ascii=False)
    blocks = {
        "TASK INSTRUCTION": task_instruction,
        "AVAILABLE TOOLS": flat,
        "FORMAT INSTRUCTION": format_instruction,
        "QUERY": query,
    }
    return "".join(f"[BEGIN OF {name}]\n{text}\n[END OF {name}]\n\n" for name, text in blocks.items())


def flatten_tool(tool: ToolSpec) -> dict[str, JsonValue]:
    """xLAM-1's tool form: ``parameters`` maps each name to its property, without the schema around it."""
    properties = cast("dict[str, JsonValue]", tool.parameters.get("properties", {}))
    return {"name": tool.name, "description": tool.description, "parameters": properties}


def render_calls(calls: Sequence[ToolCall], thought: str = "") -> str:
    """What an xLAM-1 model writes; an empty list means that it calls nothing. The ``-r`` models add a thought."""
    reasoned = {"thought": thought} if thought else {}
    return json.dumps({**reasoned, "tool_calls": [call_to_json(call) for call in calls]}, ensure_ascii=False)


def parse_calls(text: str) -> ParseOutcome:
    """Read the calls in a model's raw text, whatever the style; prose and empty lists are no call.

    Takes JSON arrays, single objects and ``{"tool_calls": [...]}``, alone or between prose, fenced, after
    ``[TOOL_CALLS]`` or inside ``<tool_call>`` tags, with ``parameters`` for ``arguments`` or arguments as a JSON
    string, and ``[f(a=1)]``. What stands in ``<think>`` tags, before a lone ``</think>``, or under ``thought`` beside
    ``tool_calls`` is reasoning.

    Never raises, repairs or guesses: one bad block makes the whole text a ``ParseFailure``.
    """
    start = 0
    while True:
        reader = _Reader(text, start)
        try:
            return reader.read()
        except _Malformed as error:
            # A lone </think> further on makes everything before it reasoning, which need not be well-formed.
            end = text.find(_THINK_CLOSE, error.resume)
            if end < 0 or _THINK_OPEN in text[error.resume : end]:
                return ParseFailure(error.position, error.reason)
            start = end


_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_CALL_OPEN, _CALL_CLOSE = "<tool_call>", "</tool_call>"
_LIST_MARK = "[TOOL_CALLS]"
_TOKEN = re.compile(
    "|".join(re.escape(token) for token in (_THINK_OPEN, _THINK_CLOSE, _CALL_OPEN, _CALL_CLOSE, _LIST_MARK, "[", "{"))
)
_GAP = re.compile(r"[\s;,]*")
_SPACE = re.compile(r"\s*")
# Text that opens like a call. Where this is not JSON, it is a broken call; other brackets are prose.
_KEY = r"""["']?(?:name|arguments|parameters|tool_calls|function|thought)["']?\s*:"""
_CALL_LIKE = re.compile(rf"""[\[{{]\s*(?:$|\{{|{_KEY})|\{{\s*(?:["']|$)""")
_PYTHON_CALL = re.compile(r"\[\s*[A-Za-z_][\w.]*\s*\(")
_LOOSE_KEY = re.compile(r'"(?:arguments|parameters|tool_calls)"\s*:')
_FENCE = re.compile(r"```[A-Za-z_]*")


class _Malformed(Exception):
    """A broken block. Up to ``resume`` it is one text, so that tags before that may stand in its strings."""

    def __init__(self, position: int, reason: str, resume: int | None = None) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason
        self.resume = position if resume is None else resume


class _NotJson(_Malformed):
    """A bracket that opens no JSON value: a broken call, or a bracket in prose."""


@dataclass
class _Reader:
    """One pass over the text from left to right, block by block."""

    text: str
    position: int
    calls: list[ToolCall] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)

    def read(self) -> ParsedCalls:
        while match := _TOKEN.search(self.text, self.position):
            self._keep_prose(match.start())
            token = match[0]
            if token == _THINK_OPEN:
                self._skip_reasoning(match.end())
            elif token == _THINK_CLOSE:
                self.calls.clear()
                self.prose.clear()
                self.reasoning = [self.text[: match.start()]]
                self.position = match.end()
            elif token == _CALL_OPEN:
                self._tagged(match.end())
            elif token == _CALL_CLOSE:
                raise _Malformed(match.start(), f"{_CALL_CLOSE} closes nothing")
            elif token == _LIST_MARK:
                self._marked(match.end())
            else:
                self._bracket(match.start())
        self._keep_prose(len(self.text))
        content = _FENCE.sub("", "".join(self.prose)) if self.calls else "".join(self.prose)
        return ParsedCalls(tuple(self.calls), content.strip(" \n\t;,"), "\n".join(self.reasoning).strip())

    def _keep_prose(self, end: int) -> None:
        loose = _LOOSE_KEY.search(self.text, self.position, end)
        if loose:
            raise _Malformed(loose.start(), "a part of a call stands outside any object")
        self.prose.append(self.text[self.position : end])
        self.position = end

    def _skip_reasoning(self, start: int) -> None:
        end = self.text.find(_THINK_CLOSE, start)
        if end < 0:
            raise _Malformed(start, f"{_THINK_OPEN} is never closed; the text was cut off")
        self.reasoning.append(self.text[start:end])
        self.position = end + len(_THINK_CLOSE)

    def _tagged(self, start: int) -> None:
        position = _skip(_SPACE, self.text, start)
        if self.text.startswith(_CALL_CLOSE, position):
            raise _Malformed(position, f"{_CALL_OPEN} holds no call")
        while not self.text.startswith(_CALL_CLOSE, position):
            position = _skip(_GAP, self.text, self._announced(position))
        self.position = position + len(_CALL_CLOSE)

    def _marked(self, start: int) -> None:
        self.position = self._announced(_skip(_SPACE, self.text, start))
        self._check_balance()

    def _announced(self, start: int) -> int:
        """Take a value that must be a call or an empty list, and return where it ends."""
        value, end = self._json(start)
        calls = self._calls_in(value, start, end)
        if calls is None:
            raise _Malformed(start, "a call was announced, but this is none", end)
        self.calls.extend(calls)
        return end

    def _bracket(self, start: int) -> None:
        try:
            calls, end = self._python(start) if _PYTHON_CALL.match(self.text, start) else self._data(start)
        except _NotJson:
            if _CALL_LIKE.match(self.text, start):
                raise
            calls, end = None, start + 1
        self.position = end
        if calls is None:
            self.prose.append(self.text[start:end])
            return
        self.calls.extend(calls)
        self._check_balance()

    def _python(self, start: int) -> tuple[list[ToolCall], int]:
        try:
            calls, end = read_python_calls(self.text, start)
        except PythonCallError as error:
            raise _Malformed(start, str(error), len(self.text) if error.end is None else error.end) from error
        for call in calls:
            self._check_writable(call, start, end)
        return calls, end

    def _data(self, start: int) -> tuple[list[ToolCall] | None, int]:
        value, end = self._json(start)
        return self._calls_in(value, start, end), end

    def _json(self, start: int) -> tuple[JsonValue, int]:
        try:
            value, end = decoder().raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            resume = len(self.text) if error.msg.startswith("Unterminated string") else error.pos
            raise _NotJson(error.pos, f"not JSON: {error.msg}", resume) from error
        except CallError as error:
            raise _NotJson(start, str(error)) from error
        except (ValueError, RecursionError) as error:
            raise _Malformed(start, "the JSON is nested too deeply or holds a number that is too long") from error
        return value, end

    def _calls_in(self, value: JsonValue, start: int, end: int) -> list[ToolCall] | None:
        try:
            calls = _calls_in(value)
        except CallError as error:
            raise _Malformed(start, str(error), end) from error
        if isinstance(value, dict) and "tool_calls" in value:
            thought = value.get("thought")
            if isinstance(thought, str):
                # It is stored like the calls, so it must be as writable.
                self._check_writable(ToolCall("thought", {"thought": thought}), start, end)
                self.reasoning.append(thought)
        return calls

    def _check_writable(self, call: ToolCall, start: int, end: int) -> None:
        problem = unwritable(call)
        if problem:
            raise _Malformed(start, problem, end)

    def _check_balance(self) -> None:
        position = _skip(_SPACE, self.text, self.position)
        if self.text.startswith(("]", "}"), position):
            raise _Malformed(position, f"{self.text[position]} closes nothing")


def _skip(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _calls_in(value: JsonValue) -> list[ToolCall] | None:
    """The calls that ``value`` stands for, or None where it is plain data.

    Raises:
        CallError: it means to be a call and is none, or has one in a place that no style knows.
    """
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
        if not isinstance(value, list):
            raise CallError("tool_calls must be a list")
        return [call_from_json(call) for call in value]
    if isinstance(value, list) and (not value or any(_means_call(item) for item in value)):
        return [call_from_json(item) for item in value]
    if _means_call(value):
        return [call_from_json(value)]
    if _hides_call(value):
        raise CallError("a call stands inside a wrapper that no known style has")
    return None


def _means_call(value: JsonValue) -> bool:
    if not isinstance(value, dict):
        return False
    return set(value) == {"name"} or "arguments" in value or ("name" in value and "parameters" in value)


def _hides_call(value: JsonValue) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if _means_call(item) or (isinstance(item, dict) and "tool_calls" in item):
            return True
        pending.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return False
