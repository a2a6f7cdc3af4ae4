"""The reader of everything that xLAM models write."""

import json
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.environments.base import Category
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.families import family_named
from distill.teacher.prompts import render_calls
from distill.teacher.reading import parse_calls
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import JsonValue, Message, ToolCall
from tests.distill.teacher.texts import (
    ANY_TEXT,
    CALLS,
    F_JSON,
    G_JSON,
    PROSE,
    PYTHONIC_CALLS,
    F,
    G,
    exactly,
    pythonic,
    texts_with_calls,
)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"[{F_JSON}]", [F]),
        (f"[{F_JSON}, {G_JSON}]", [F, G]),
        (F_JSON, [F]),
        (f'{{"tool_calls": [{F_JSON}]}}', [F]),
        (f'{{"thought": "easy", "tool_calls": [{F_JSON}, {G_JSON}]}}', [F, G]),
        (f"```json\n[{F_JSON}]\n```", [F]),
        (f"```\n{F_JSON}\n```", [F]),
        (f"I will do it.\n```json\n{F_JSON}\n```\nand\n```json\n{G_JSON}\n```\n", [F, G]),
        (f"Sure, here: [{F_JSON}] Done.", [F]),
        (f"<think>maybe {G_JSON}</think>\n[{F_JSON}]", [F]),
        (f"maybe {G_JSON} or {{broken</think>[{F_JSON}]", [F]),
        (f"[TOOL_CALLS] [{F_JSON}]", [F]),
        (f"[TOOL_CALLS]{F_JSON}", [F]),
        (f"<tool_call>\n{F_JSON}\n</tool_call>\n<tool_call>\n{G_JSON}\n</tool_call>", [F, G]),
        (f"Let me see. <tool_call>{F_JSON}\n{G_JSON}</tool_call>", [F, G]),
        ('{"name": "f", "parameters": {"a": 1}}', [F]),
        ('[{"name": "f", "arguments": "{\\"a\\": 1}"}]', [F]),
        (f"{F_JSON}; {G_JSON}", [F, G]),
        (f"{F_JSON}\n{G_JSON}", [F, G]),
        ('[f(a=1), g(b="x")]', [F, G]),
        ("[TOOL_CALLS] [f(a=1)]", [F]),
        ("<tool_call>[f(a=1)]</tool_call>", [F]),
        (f"[TOOL_CALLS]\n```json\n[{F_JSON}]\n```", [F]),
        ('["a [g()] </think>[f(a=1)]', [F]),
        (f"<tool_call>\n```\n{F_JSON}\n```\n</tool_call>", [F]),
        (f"<think>{{</think>```json\n{{\"tool_calls\": [{F_JSON}]}}\n``` and [g(b='x')]", [F, G]),
        ('{"tool_calls": [{"name": "f", "parameters": "{\\"a\\": 1}"}]}', [F]),
        ("Calling [f(a=1)] now", [F]),
        ("[m.f(a=-1.5, b=None, c=[True, (1, 'z')], d={'k': {}})]", "python"),
        ("[f()]", [ToolCall("f", {})]),
        ('[{"name": "f", "arguments": {"a": "</think> [x] } <tool_call>"}}]', "tags"),
    ],
)
def test_styles(text: str, calls: object) -> None:
    special: dict[object, list[ToolCall]] = {
        "python": [ToolCall("m.f", {"a": -1.5, "b": None, "c": [True, [1, "z"]], "d": {"k": {}}})],
        "tags": [ToolCall("f", {"a": "</think> [x] } <tool_call>"})],
    }
    expected = special[calls] if isinstance(calls, str) else calls
    outcome = parse_calls(text)
    assert isinstance(outcome, ParsedCalls), outcome
    assert isinstance(expected, list)
    assert exactly(outcome.calls) == exactly(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello! How can I help you?",
        "[]",
        '{"tool_calls": []}',
        "```json\n[]\n```",
        "[TOOL_CALLS] []",
        "<think>I could call [f(a=1)] or {broken</think>Nothing fits.",
        "The numbers are [1, 2, 3].",
        'The record is {"id": 3, "city": "Oslo"}.',
        "Use {a, b} and [see the note] (or [1, 2).",
        "The call f(a=1) would do.",
        '{"name": "Ana", "age": 30}',
    ],
)
def test_no_call(text: str) -> None:
    outcome = parse_calls(text)
    assert isinstance(outcome, ParsedCalls), outcome
    assert outcome.calls == ()


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ('[{"name": "f", "arguments": {"a": 1}', 36, "not JSON"),
        ('{"name": "f", "arguments": {"a": "x', 33, "not JSON"),
        ('{"name": "f", "arguments": {"a": "</think>', 33, "not JSON"),
        (f"{F_JSON} {G_JSON[:-1]}", 74, "not JSON"),
        (f"<tool_call>{F_JSON}", 47, "not JSON"),
        ("<tool_call></tool_call>", 11, "holds no call"),
        ("<tool_call>[1]</tool_call>", 11, "announced"),
        (f"{F_JSON}</tool_call>", 36, "closes nothing"),
        (f"[{F_JSON}]]", 38, "closes nothing"),
        ("{'name': 'f', 'arguments': {}}", 1, "not JSON"),
        ('{name: "f", arguments: {}}', 1, "not JSON"),
        ('"name": "f", "arguments": {"a": 1}}', 13, "outside any object"),
        ('{"name": "f"}', 0, "either arguments or parameters"),
        ('{"name": "f", "arguments": 3}', 0, "must be an object"),
        ('{"name": "f", "arguments": "oops"}', 0, "not strict JSON"),
        ('{"name": "f", "arguments": {}, "parameters": {}}', 0, "either"),
        ('{"arguments": {"a": 1}}', 0, "no name"),
        ('{"name": "", "arguments": {}}', 0, "no name"),
        ('{"tool_calls": 3}', 0, "must be a list"),
        ('{"tool_calls": [3]}', 0, "must be an object"),
        (f"[{F_JSON}, 3]", 0, "must be an object"),
        (f'{{"calls": [{F_JSON}]}}', 0, "wrapper"),
        ('{"name": "f", "arguments": {"a": 1, "a": 2}}', 0, "stands twice"),
        ('{"name": "f", "arguments": {"a": NaN}}', 0, "is not JSON"),
        ('{"name": "f", "arguments": {"a": 1e999}}', 0, "out of range"),
        ('{"name": "f", "arguments": {"a": "\\ud800"}}', 0, "surrogate"),
        ('{"name": "f", "arguments": {"a": ' + "[" * 60 + "]" * 60 + "}}", 0, "nested more than 50"),
        ("[" * 5000, 0, "nested too deeply"),
        ("[f(1)]", 0, "without a name"),
        ("[f(a=1", 0, "never closed"),
        ('[f(a="x)]', 0, "never closed"),
        ("[f(a=b)]", 0, "no literal"),
        ("[f(a=1, a=2)]", 0, "each once"),
        ("[f(**k)]", 0, "each once"),
        ("[f(a='\\d')]", 0, "not a Python list"),
        ("[f(a=1), 3]", 0, "no call"),
        ('[f(a="</think>", 3)]', 0, "not a Python list"),
        ("[f(a={1: 2})]", 0, "keys of a mapping"),
        ("[f(a='\\ud800')]", 0, "surrogate"),
        ("[f(a=0x" + "f" * 5000 + ")]", 0, "too long"),
        ('{"name" 3} <think>x</think>Hello', 8, "not JSON"),
        ("<think>still thinking", 7, "never closed"),
        ("[", 1, "not JSON"),
        (f"[[{F_JSON}]", 39, "not JSON"),
        (f'["a", {F_JSON}', 42, "not JSON"),
        ('["a [f(a=1)]', 1, "not JSON"),
        ("[TOOL_CALLS] soon", 13, "not JSON"),
        ("[TOOL_CALLS] [f(1)]", 13, "without a name"),
    ],
)
def test_malformed_text_is_a_failure_with_a_position(text: str, position: int, reason: str) -> None:
    outcome = parse_calls(text)
    assert isinstance(outcome, ParseFailure), outcome
    assert (outcome.position, reason in outcome.reason) == (position, True), outcome


def test_prose_and_reasoning_are_kept() -> None:
    outcome = parse_calls(f"<think>\nhm\n</think>\nI look it up.\n```json\n{F_JSON}\n```")
    assert outcome == ParsedCalls((F,), "I look it up.", "hm")
    assert parse_calls("hm</think>Hello!") == ParsedCalls((), "Hello!", "hm")


def test_a_thought_beside_calls_is_reasoning() -> None:
    thought = f'{{"thought": "The gate is 4.", "tool_calls": [{F_JSON}]}}'
    assert parse_calls(thought) == ParsedCalls((F,), "", "The gate is 4.")
    assert parse_calls('{"thought": " hm ", "tool_calls": []}') == ParsedCalls((), "", "hm")
    assert parse_calls(f"<think>one</think>{thought}") == ParsedCalls((F,), "", "one\nThe gate is 4.")
    assert parse_calls(f'{{"thought": 3, "tool_calls": [{F_JSON}]}}') == ParsedCalls((F,))
    assert parse_calls('{"thought": "Nobody knows.", "city": "Oslo"}').reasoning == ""  # type: ignore[union-attr]  # read


def test_a_thought_that_could_not_be_stored_is_malformed() -> None:
    outcome = parse_calls('{"thought": "\\ud800", "tool_calls": []}')
    assert isinstance(outcome, ParseFailure)
    assert (outcome.position, "surrogate" in outcome.reason) == (0, True)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.booleans())
def test_a_thought_is_read_back_whatever_it_holds(text: str, calls: bool) -> None:
    thought = f'<think> {text} </think> [f(a=1)] {{"tool_calls": [] <tool_call>'.strip()
    made = (F, G) if calls else ()
    assert parse_calls(render_calls(made, thought)) == ParsedCalls(made, "", thought)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[{<"), max_size=40))
def test_prose_is_read_back_as_prose(text: str) -> None:
    family = family_named("xlam")
    turn = Message("assistant", f"A{text}z?")
    assert family.parse(family.target(turn).removesuffix(family.stop_tokens[0])) == ParsedCalls((), turn.content)


@given(CALLS)
def test_what_is_written_is_read_again(calls: list[ToolCall]) -> None:
    outcome = parse_calls(render_calls(calls))
    assert isinstance(outcome, ParsedCalls), outcome
    assert exactly(outcome.calls) == exactly(calls)


@given(CALLS, st.sampled_from(["{}", "Well, {} then.", "```json\n{}\n```", "<think>[ {{</think>{}", "{};"]))
def test_wrappings_do_not_change_the_calls(calls: list[ToolCall], wrapping: str) -> None:
    text = json.dumps([{"name": call.name, "parameters": dict(call.arguments)} for call in calls])
    outcome = parse_calls(wrapping.format(text))
    assert isinstance(outcome, ParsedCalls), outcome
    assert exactly(outcome.calls) == exactly(calls)


@settings(max_examples=250, deadline=None)
@given(ANY_TEXT | st.text(max_size=200))
def test_it_never_raises_and_invents_nothing(text: str) -> None:
    outcome = parse_calls(text)
    if isinstance(outcome, ParseFailure):
        assert 0 <= outcome.position <= len(text)
        assert outcome.reason
        return
    known = decoded(text)
    for call in outcome.calls:
        assert call.name in known
        assert [one for one in texts_in(dict(call.arguments)) if one not in known] == []
    again = parse_calls(render_calls(outcome.calls))
    assert isinstance(again, ParsedCalls), again
    assert exactly(again.calls) == exactly(outcome.calls)


def decoded(text: str) -> str:
    """The text as it is and with escapes undone, once and twice: what a call says must stand in one of them."""
    return "\0".join([text, once := unescaped(text), unescaped(once)])


def unescaped(text: str) -> str:
    letters = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0"}

    def letter(match: re.Match[str]) -> str:
        escape = match[0][1:]
        if len(escape) == 1:
            return letters.get(escape, escape)
        return json.loads(f'"{match[0]}"') if escape[0] == "u" else chr(int(escape[1:], 16))

    pairs, digit = r"\\ud[89ab]..\\ud[cdef]..", "[0-9a-fA-F]"
    return re.sub(rf"(?s){pairs}|\\u{digit}{{4}}|\\x{digit}{{2}}|\\U{digit}{{8}}|\\.", letter, text)


def texts_in(value: JsonValue) -> Iterator[str]:
    """Every string in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


@settings(max_examples=150, deadline=None)
@given(texts_with_calls())
def test_calls_are_found_in_any_style_between_prose(drawn: tuple[str, list[ToolCall]]) -> None:
    text, made = drawn
    outcome = parse_calls(text)
    assert isinstance(outcome, ParsedCalls), outcome
    assert exactly(outcome.calls) == exactly(made)


@settings(max_examples=50, deadline=None)
@given(PYTHONIC_CALLS, PROSE, PROSE)
def test_calls_in_python_syntax_are_found_between_prose(calls: list[ToolCall], before: str, after: str) -> None:
    outcome = parse_calls(f"{before} {pythonic(calls)} {after}")
    assert isinstance(outcome, ParsedCalls), outcome
    assert exactly(outcome.calls) == exactly(calls)


@given(CALLS.filter(bool), st.data())
def test_a_cut_text_is_never_read_as_other_calls(calls: list[ToolCall], data: st.DataObject) -> None:
    text = render_calls(calls)
    cut = data.draw(st.integers(1, len(text) - 1))
    assert isinstance(parse_calls(text[:cut]), ParseFailure)


@pytest.mark.parametrize("category", get_args(Category))
def test_gold_turns_of_the_support_desk_round_trip(category: Category) -> None:
    family = family_named("xlam")
    for gold in gold_trajectories(generate("heldout", category, 20, 1)):
        for turn in gold.messages:
            if turn.role == "assistant":
                outcome = family.parse(family.target(turn).removesuffix(family.stop_tokens[0]))
                assert outcome == ParsedCalls(turn.tool_calls, turn.content, turn.reasoning or "")
