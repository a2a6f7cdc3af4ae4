"""Texts as models may write them: valid ones whose calls are known, broken ones, and splinters of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from distill.trajectories.types import JsonValue, ToolCall

F = ToolCall("f", {"a": 1})
G = ToolCall("g", {"b": "x"})
F_JSON = '{"name": "f", "arguments": {"a": 1}}'
G_JSON = '{"name": "g", "arguments": {"b": "x"}}'


def exactly(calls: Sequence[ToolCall]) -> list[str]:
    """The calls in order, and so that 1, 1.0 and true differ."""
    return [json.dumps([call.name, dict(call.arguments)], sort_keys=True) for call in calls]


NAMES = st.from_regex(r"[a-z_][a-z0-9_.]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.lists(st.builds(ToolCall, NAMES, st.dictionaries(TEXTS, VALUES, max_size=4)), max_size=4)
IDENTIFIERS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).map("p_{}".format)
PYTHONIC_CALLS = st.lists(
    st.builds(
        ToolCall, NAMES.map(lambda name: f"t{name.strip('.').replace('.', '')}"), st.dictionaries(IDENTIFIERS, VALUES)
    ),
    min_size=1,
    max_size=3,
)


def _objects(calls: Sequence[ToolCall], key: str = "arguments", *, as_text: bool = False) -> list[dict[str, Any]]:
    return [
        {"name": call.name, key: json.dumps(dict(call.arguments)) if as_text else dict(call.arguments)}
        for call in calls
    ]


def _array(calls: Sequence[ToolCall]) -> str:
    return json.dumps(_objects(calls))


def _separately(calls: Sequence[ToolCall], joint: str) -> str:
    return joint.join(map(json.dumps, _objects(calls))) or "[]"


def pythonic(calls: Sequence[ToolCall]) -> str:
    """``[f(a=1), g()]``."""
    written = [f"{c.name}({', '.join(f'{key}={value!r}' for key, value in c.arguments.items())})" for c in calls]
    return f"[{', '.join(written)}]"


# How calls may be written, each a block of its own.
STYLES: dict[str, Callable[[Sequence[ToolCall]], str]] = {
    "array": _array,
    "wide array": lambda calls: json.dumps(_objects(calls), indent=2, ensure_ascii=False),
    "tool_calls": lambda calls: json.dumps({"tool_calls": _objects(calls)}),
    "thought": lambda calls: json.dumps({"thought": "I see. [f(a=1)]", "tool_calls": _objects(calls)}),
    "parameters": lambda calls: json.dumps(_objects(calls, "parameters")),
    "arguments as text": lambda calls: json.dumps(_objects(calls, as_text=True)),
    "marked": lambda calls: f"[TOOL_CALLS] {_array(calls)}",
    "marked and fenced": lambda calls: f"[TOOL_CALLS]\n```json\n{_array(calls)}\n```",
    "tagged together": lambda calls: f"<tool_call>\n{_separately(calls, chr(10))}\n</tool_call>",
    "tagged array": lambda calls: f"<tool_call>{_array(calls)}</tool_call>",
    "tagged and fenced": lambda calls: f"<tool_call>\n```json\n{_separately(calls, '; ')}\n```\n</tool_call>",
    "tagged one by one": lambda calls: "\n".join(f"<tool_call>\n{_separately([c], '')}\n</tool_call>" for c in calls),
    "semicolons": lambda calls: _separately(calls, "; "),
    "lines": lambda calls: _separately(calls, "\n"),
    "fenced": lambda calls: f"```json\n{_array(calls)}\n```",
    "plainly fenced": lambda calls: f"```\n{_array(calls)}\n```",
    "fenced objects": lambda calls: "\n".join(f"```json\n{_separately([c], '')}\n```" for c in calls),
}
# What may stand around blocks and calls nothing.
PROSE = st.sampled_from(
    [
        *("", "\n", "Sure.", "Let me look that up:\n", "It costs 3 (or 4).", "Über alles: naïve – ok?", "a < b > c"),
        *("The list [1, 2, 3] is short.", 'Record {"id": 3}.', "See [the note].", "{x} in a formula", "</p> <b>"),
    ]
)
THINKING = st.sampled_from(["", "<think>I could call [f(a=1)] or {broken</think>", 'or {"name": "f"}, hm</think>\n'])


@st.composite
def texts_with_calls(draw: st.DrawFn) -> tuple[str, list[ToolCall]]:
    """A text of one or more blocks in any styles between prose, and the calls that it makes."""
    text, made = draw(THINKING), []
    for calls in draw(st.lists(CALLS, min_size=1, max_size=3)):
        style = draw(st.sampled_from(list(STYLES)))
        text += f"{draw(PROSE)} {STYLES[style](calls)} "
        made += calls
    return text + draw(PROSE), made


SPLINTERS = (
    *"[]{}:,;)'\"\\\n 1-.et\x00\ud800é",
    *('"name"', '"arguments"', '"parameters"', '"tool_calls": [', '"thought": "x", ', '"f"', '"\\u12', "f(", "a=1"),
    *("NaN", "tru", "-Inf", "1.5e", "```json", "[f(a=1)]", "[TOOL_", "</thi", F_JSON, G_JSON),
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]"),
)
BROKEN = st.lists(st.sampled_from(SPLINTERS), max_size=25).map("".join) | st.text(max_size=60)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A valid text with a part cut out, doubled, or replaced by a splinter."""
    text, _ = draw(texts_with_calls())
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        middle = draw(st.sampled_from(["", text[start:end] * 2, *SPLINTERS]))
        text = text[:start] + middle + text[end:]
    return text


ANY_TEXT = BROKEN | mutations() | texts_with_calls().map(lambda drawn: drawn[0])
