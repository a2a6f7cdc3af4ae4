"""Reads the calls in what xLAM models write, whatever the style.

``BlockReader`` goes through a text once, block by block; ``distill.teacher.streaming`` drives the same one over a text
that is still being written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from distill.teacher.pythonic import PythonCallError, read_python_calls
from distill.trajectories.calls import (
    CallError,
    ParsedCalls,
    ParseFailure,
    ParseOutcome,
    call_from_json,
    decoder,
    unwritable,
)
from distill.trajectories.types import JsonValue, ToolCall

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


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
        reader = BlockReader(text, start)
        try:
            return reader.read()
        except Malformed as error:
            end = reasoning_end(text, error)
            if end is None or THINK_OPEN in text[error.resume : end]:
                return ParseFailure(error.position, error.reason)
            start = end


_CALL_OPEN, _CALL_CLOSE = "<tool_call>", "</tool_call>"
_LIST_MARK = "[TOOL_CALLS]"
TOKENS = (THINK_OPEN, THINK_CLOSE, _CALL_OPEN, _CALL_CLOSE, _LIST_MARK)
_TOKEN = re.compile("|".join(re.escape(token) for token in (*TOKENS, "[", "{")))
_FENCE = re.compile(r"```[A-Za-z_]*")
_SPACE = re.compile(r"\s*")
# What may stand between an announcement and its call, and between calls. Nothing in either can hold a call.
_LEAD = re.compile(rf"(?:\s|{_FENCE.pattern})*")
_GAP = re.compile(rf"(?:[\s;,]|{_FENCE.pattern})*")
# Text that opens like a call. Where this is not JSON, it is a broken call; other brackets are prose.
_KEY = r"""["']?(?:name|arguments|parameters|tool_calls|function|thought)["']?\s*:"""
_CALL_LIKE = re.compile(rf"""[\[{{]\s*(?:$|\{{|{_KEY})|\{{\s*(?:["']|$)""")
_PYTHON_CALL = re.compile(r"\[\s*[A-Za-z_][\w.]*\s*\(")
_LOOSE_KEY = re.compile(r'"(?:arguments|parameters|tool_calls)"\s*:')
# Made once: building one takes as long as reading a call.
_DECODER = decoder()

# How a text may end so that more text could still change what its last bracket is.
_OPENING = re.compile(r"""[\[{]\s*["']?[\w.]*["']?\s*\Z""")
_LITERALS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_NUMBER_END = re.compile(r"[.eE][+-]?\Z")
_ESCAPE_LENGTH = len(r"\ud83d\ude00")


class Malformed(Exception):
    """A broken block. Up to ``resume`` it is one text, so that tags before that may stand in its strings."""

    def __init__(self, position: int, reason: str, resume: int | None = None) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason
        self.resume = position if resume is None else resume


class _NotJson(Malformed):
    """A bracket that opens no JSON value: a broken call, or a bracket in prose."""

    cut_off = False
    """Whether it is the beginning of a value, of which only the end lacks."""


class Unfinished(Exception):
    """The text so far does not say what its last block is. Only raised while more may come."""


class Block(NamedTuple):
    """One value of the text: its calls, None for plain data, the thought beside them, and where it ends."""

    calls: list[ToolCall] | None
    thought: str
    end: int


def reasoning_end(text: str, error: Malformed) -> int | None:
    """Where a ``</think>`` behind a broken block stands: what is before a lone one need not be well-formed."""
    end = text.find(THINK_CLOSE, error.resume)
    return end if end >= 0 else None


@dataclass
class BlockReader:
    """One pass over ``text`` from left to right. While it ``grows``, the end of the text so far decides nothing."""

    text: str
    position: int
    grows: bool = False
    calls: list[ToolCall] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    has_blocks: bool = False
    after_bracket: bool = False
    cut_off: Malformed | None = None
    """The first bracket that is prose only as long as no call follows in what it opened."""

    def read(self) -> ParsedCalls:
        """Read the rest.

        Raises:
            Malformed: a block is broken.
        """
        while self.step():
            pass
        self._keep_prose(len(self.text))
        content = "".join(self.prose)
        if self.has_blocks:
            content = _FENCE.sub("", content)
        return ParsedCalls(tuple(self.calls), content.strip(" \n\t;,"), "\n".join(self.reasoning).strip())

    def step(self) -> bool:
        """Read up to the end of the next block; False where there is none.

        Raises:
            Malformed: the block is broken.
            Unfinished: the text grows, and the block depends on what comes.
        """
        match = _TOKEN.search(self.text, self.position)
        if not match:
            return False
        self._keep_prose(match.start())
        mark = match[0]
        if mark in "[{":
            self._bracket(match.start())
        elif mark == THINK_OPEN:
            self._skip_reasoning(match.end())
        elif mark == THINK_CLOSE:
            self.withdraw(match.start())
            self.position, self.cut_off = match.end(), None
        elif mark == _CALL_OPEN:
            self._tagged(match.end())
        elif mark == _CALL_CLOSE:
            raise Malformed(match.start(), f"{_CALL_CLOSE} closes nothing")
        else:
            self._marked(match.end())
        return True

    def add_calls(self, block: Block) -> None:
        """Take a block of calls, or an empty list of them."""
        self.has_blocks = True
        self.calls += block.calls or ()
        if block.thought:
            self.reasoning.append(block.thought)

    def add_prose(self, start: int, end: int) -> None:
        """Take the text between two positions as it stands."""
        self.prose.append(self.text[start:end])

    def add_reasoning(self, start: int, end: int) -> None:
        """Take what stands between think tags."""
        self.reasoning.append(self.text[start:end])

    def withdraw(self, end: int) -> None:
        """Make everything before the lone ``</think>`` at ``end`` reasoning."""
        self.calls.clear()
        self.prose.clear()
        self.has_blocks = False
        self.reasoning = [self.text[:end]]

    def _keep_prose(self, end: int) -> None:
        if self.after_bracket:
            self.after_bracket = False
            self._check_balance(end)
        if end == self.position:
            return
        loose = _LOOSE_KEY.search(self.text, self.position, end)
        if loose:
            raise Malformed(loose.start(), "a part of a call stands outside any object")
        self.add_prose(self.position, end)
        self.position = end

    def _skip_reasoning(self, start: int) -> None:
        end = self.text.find(THINK_CLOSE, start)
        if end < 0:
            self._await_more()
            raise Malformed(start, f"{THINK_OPEN} is never closed; the text was cut off")
        self.add_reasoning(start, end)
        self.position = end + len(THINK_CLOSE)

    def _tagged(self, start: int) -> None:
        position = _skip(_LEAD, self.text, start)
        if self.text.startswith(_CALL_CLOSE, position):
            raise Malformed(position, f"{_CALL_OPEN} holds no call")
        blocks: list[Block] = []
        while not self.text.startswith(_CALL_CLOSE, position):
            blocks.append(self._announced(position))
            position = _skip(_GAP, self.text, blocks[-1].end)
        for block in blocks:
            self._take(block)
        self.position = position + len(_CALL_CLOSE)

    def _marked(self, start: int) -> None:
        block = self._announced(_skip(_LEAD, self.text, start))
        self._take(block)
        self.position, self.after_bracket = block.end, True

    def _take(self, block: Block) -> None:
        if self.cut_off and block.calls:
            raise Malformed(self.cut_off.position, self.cut_off.reason, block.end)
        self.add_calls(block)

    def _announced(self, start: int) -> Block:
        """Take a value that must be a call or an empty list."""
        if self.grows and any(tag.startswith(self.text[start:]) for tag in (*TOKENS, "```")):
            raise Unfinished
        block = self._block(start)
        if block.calls is None:
            raise Malformed(start, "a call was announced, but this is none", block.end)
        return block

    def _bracket(self, start: int) -> None:
        try:
            block = self._block(start)
        except _NotJson as error:
            if _CALL_LIKE.match(self.text, start):
                raise
            if error.cut_off and not self.cut_off:
                self.cut_off = error
            block = Block(None, "", start + 1)
        self.position, self.after_bracket = block.end, block.calls is not None
        if block.calls is None:
            self.add_prose(start, block.end)
        else:
            self._take(block)

    def _block(self, start: int) -> Block:
        if _PYTHON_CALL.match(self.text, start):
            return self._python(start)
        try:
            return self._data(start)
        except _NotJson:
            if self.grows and _OPENING.match(self.text, start):
                raise Unfinished from None
            raise

    def _python(self, start: int) -> Block:
        try:
            calls, end = read_python_calls(self.text, start)
        except PythonCallError as error:
            if error.end is None:
                self._await_more()
            raise Malformed(start, str(error), len(self.text) if error.end is None else error.end) from error
        for call in calls:
            self._check_writable(call, start, end)
        return Block(calls, "", end)

    def _data(self, start: int) -> Block:
        value, end = self._json(start)
        try:
            calls = calls_in(value)
        except CallError as error:
            raise Malformed(start, str(error), end) from error
        thought = value.get("thought") if isinstance(value, dict) and "tool_calls" in value else None
        if not isinstance(thought, str):
            return Block(calls, "", end)
        # It is stored like the calls, so it must be as writable.
        self._check_writable(ToolCall("thought", {"thought": thought}), start, end)
        return Block(calls, thought, end)

    def _json(self, start: int) -> tuple[JsonValue, int]:
        try:
            value, end = _DECODER.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            unterminated = error.msg.startswith("Unterminated string")
            broken = _NotJson(error.pos, f"not JSON: {error.msg}", len(self.text) if unterminated else error.pos)
            broken.cut_off = unterminated or self._may_go_on(error)
            if broken.cut_off:
                self._await_more()
            raise broken from error
        except CallError as error:
            raise _NotJson(start, str(error)) from error
        except (ValueError, RecursionError) as error:
            if isinstance(error, ValueError) and self.text[-1].isdigit():
                self._await_more()
            raise Malformed(start, "the JSON is nested too deeply or holds a number that is too long") from error
        return value, end

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Whether what is no JSON here may be the beginning of some."""
        rest = self.text[error.pos : error.pos + _ESCAPE_LENGTH]
        if error.msg.startswith("Invalid \\u"):
            return len(rest) < _ESCAPE_LENGTH
        return any(literal.startswith(rest) for literal in _LITERALS) or _NUMBER_END.match(rest) is not None

    def _await_more(self) -> None:
        if self.grows:
            raise Unfinished

    def _check_writable(self, call: ToolCall, start: int, end: int) -> None:
        problem = unwritable(call)
        if problem:
            raise Malformed(start, problem, end)

    def _check_balance(self, end: int) -> None:
        position = _skip(_SPACE, self.text, self.position)
        if self.text.startswith(("]", "}"), position, end):
            raise Malformed(position, f"{self.text[position]} closes nothing")


def _skip(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def calls_in(value: JsonValue) -> list[ToolCall] | None:
    """The calls that ``value`` stands for, or None where it is plain data.

    Raises:
        CallError: it means to be a call and is none, or has one in a place that no style knows.
    """
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
        if not isinstance(value, list):
            raise CallError("tool_calls must be a list")
        return [call_from_json(call) for call in value]
    if isinstance(value, list) and (not value or any(map(means_call, value))):
        return [call_from_json(item) for item in value]
    if means_call(value):
        return [call_from_json(value)]
    if _hides_call(value):
        raise CallError("a call stands inside a wrapper that no known style has")
    return None


def means_call(value: JsonValue) -> bool:
    """Whether ``value`` would be a call, well-formed or not."""
    if not isinstance(value, dict):
        return False
    return "arguments" in value or ("name" in value and ("parameters" in value or len(value) == 1))


def _hides_call(value: JsonValue) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if means_call(item) or (isinstance(item, dict) and "tool_calls" in item):
            return True
        pending.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return False
