"""Reading a text while it is written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.teacher.reading import parse_calls
from distill.teacher.streaming import CallSeen, ProseSeen, ReasoningSeen, StreamEvent, StreamReader, Withdrawn
from distill.trajectories.calls import ParsedCalls, ParseFailure
from tests.distill.teacher.texts import ANY_TEXT, F_JSON, G_JSON, F, G, exactly


def fed(*pieces: str) -> tuple[list[list[StreamEvent]], ParsedCalls | ParseFailure]:
    """What each piece made known, and the outcome."""
    reader = StreamReader()
    return [*(reader.feed(piece) for piece in pieces), reader.rest()], reader.finish()


def flat(events: list[list[StreamEvent]]) -> list[StreamEvent]:
    return [event for each in events for event in each]


def standing(events: list[StreamEvent]) -> list[StreamEvent]:
    """The events since the last withdrawal."""
    last = max((index for index, event in enumerate(events) if isinstance(event, Withdrawn)), default=-1)
    return events[last + 1 :]


def cut(text: str, data: st.DataObject) -> list[str]:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in pairwise([0, *places, len(text)])]


@settings(max_examples=250, deadline=None)
@given(ANY_TEXT, st.data())
def test_the_outcome_is_that_of_the_whole_text_however_it_is_cut(text: str, data: st.DataObject) -> None:
    pieces = list(text) if data.draw(st.booleans()) else cut(text, data)
    events, outcome = fed(*pieces)
    assert outcome == parse_calls(text)
    if isinstance(outcome, ParsedCalls):
        left = standing(flat(events))
        assert exactly([event.call for event in left if isinstance(event, CallSeen)]) == exactly(outcome.calls)


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT)
def test_what_is_told_does_not_hang_on_the_cuts(text: str) -> None:
    (by_letters, outcome), (whole, _) = fed(*text), fed(text)
    if isinstance(outcome, ParsedCalls):
        assert merged(standing(flat(by_letters))) == merged(standing(flat(whole)))


def merged(events: list[StreamEvent]) -> list[StreamEvent]:
    """The calls and withdrawals in order, with all text between them in one piece of each kind."""
    result: list[StreamEvent] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, ProseSeen) and isinstance(last, ProseSeen):
            result[-1] = ProseSeen(last.text + event.text)
        elif isinstance(event, ReasoningSeen) and isinstance(last, ReasoningSeen):
            result[-1] = ReasoningSeen(last.text + event.text)
        else:
            result.append(event)
    return result


def test_prose_comes_at_once_but_for_what_may_be_a_tag() -> None:
    events, _ = fed("Let me <", "b>see</b> it. <tool", " box>")
    assert events == [[ProseSeen("Let me ")], [ProseSeen("<b>see</b> it. ")], [ProseSeen("<tool box>")], []]


def test_reasoning_comes_as_it_is_written() -> None:
    events, outcome = fed("<think>One, ", "two</", "think", ">Hello")
    assert events == [[ReasoningSeen("One, ")], [ReasoningSeen("two")], [], [ProseSeen("Hello")], []]
    assert outcome == ParsedCalls((), "Hello", "One, two")


@pytest.mark.parametrize("head", ["[", '{"tool_calls": [', '{"thought": "so }", "tool_calls": ['])
def test_a_call_in_an_array_comes_before_the_array_is_closed(head: str) -> None:
    tail = "]" if head == "[" else "]}"
    events, outcome = fed(f"{head}{F_JSON[:-1]}", "}", f", {G_JSON}", tail)
    calls = [[event for event in each if isinstance(event, CallSeen)] for each in events]
    assert calls == [[], [CallSeen(F)], [CallSeen(G)], [], []]
    assert isinstance(outcome, ParsedCalls)
    assert outcome.calls == (F, G)


@pytest.mark.parametrize(
    ("before", "after"),
    [(F_JSON[:-1], "}"), (f"<tool_call>{F_JSON}</tool_cal", "l>"), ("[f(a=1", ")]"), (f"[TOOL_CALLS] [{F_JSON}", "]")],
)
def test_other_calls_come_with_their_block(before: str, after: str) -> None:
    assert fed(before, after)[0] == [[], [CallSeen(F)], []]


def test_a_lone_closing_tag_withdraws_what_was_said() -> None:
    text = f"maybe [{F_JSON}] or {{broken!"
    events, outcome = fed(text, " it </think>", f"[{G_JSON}]")
    assert merged(events[0]) == [ProseSeen("maybe "), CallSeen(F), ProseSeen(" or {broken!")]
    assert events[1] == [ProseSeen(" it "), Withdrawn(f"{text} it ")]
    assert events[2] == [CallSeen(G)]
    assert outcome == ParsedCalls((G,), "", f"{text} it")


def test_a_broken_block_ends_the_events_and_fails_the_text() -> None:
    events, outcome = fed(f"[{F_JSON}] ", '{"name" 3}', f"[{G_JSON}]")
    assert events == [[CallSeen(F), ProseSeen(" ")], [], [], []]
    assert outcome == parse_calls(f'[{F_JSON}] {{"name" 3}}[{G_JSON}]')
    assert isinstance(outcome, ParseFailure)


def test_the_end_tells_what_an_open_bracket_was() -> None:
    events, outcome = fed("The set [1, 2", " and <")
    assert merged(flat(events[:2])) == [ProseSeen("The set [1, 2 and ")]
    assert events[2] == [ProseSeen("<")]
    events, outcome = fed('["so</think>', "[f(a=1)]")
    assert flat(events[:2]) == []
    assert merged(events[2]) == [ProseSeen('["so'), Withdrawn('["so'), CallSeen(F)]
    assert outcome == ParsedCalls((F,), "", '["so')
