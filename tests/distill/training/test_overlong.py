"""What becomes of rows above the limit: counted, never cut inside of a turn, and what the assistant writes whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.families import family_named
from distill.families.base import IGNORED, AssistantTurn, Row, RowError
from distill.training.overlong import Fitted, Lengths, fit_rows, lengths
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from tests.distill.families.tiny_tokenizers import tokenizer_of

FAMILIES = ("xlam", "qwen3", "llama3", "gemma4")
BELL = ToolSpec("ring", "Ring.", {"type": "object", "properties": {"times": {"type": "integer"}}})
SYSTEM = Message("system", "Be brief.")
words = st.integers(1, 12).map(lambda count: "bell " * count)


@st.composite
def user_turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """A user message, some calls with what was observed, and the answer."""
    messages = [Message("user", draw(words))]
    for times in draw(st.lists(st.integers(0, 99), max_size=2)):
        messages.append(Message("assistant", tool_calls=(ToolCall("ring", {"times": times}),)))
        messages.append(Message("tool", draw(words), name="ring"))
    return (*messages, Message("assistant", draw(words)))


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    system = draw(st.sampled_from([(), (SYSTEM,)]))
    turns = draw(st.lists(user_turns(), min_size=1, max_size=4))
    return Trajectory("talk", (BELL,), (*system, *(message for turn in turns for message in turn)))


def learnt(row: Row) -> tuple[int, ...]:
    return tuple(label for label in row.labels if label != IGNORED)


def whole_rows(family_name: str, trajectory: Trajectory) -> list[tuple[AssistantTurn, Row]]:
    family = family_named(family_name)
    turns = list(family.assistant_turns(trajectory))
    return [(turn, family.row(turn, tokenizer_of(family_name))) for turn in turns]


few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("family_name", FAMILIES)
@few
@given(trajectories(), st.floats(0.3, 1))
def test_no_row_is_too_long_and_the_counts_add_up(family_name: str, trajectory: Trajectory, share: float) -> None:
    whole = [row for _, row in whole_rows(family_name, trajectory)]
    most = int(share * max(len(row.input_ids) for row in whole))
    fitting = [row for row in whole if len(row.input_ids) <= most]
    for overlong in ("drop", "split"):
        rows, found = fit_rows(family_named(family_name), [trajectory], tokenizer_of(family_name), most, overlong)
        assert all(len(row.input_ids) <= most for row in rows)
        assert (found.fits, found.fits + found.split, len(whole)) == (
            len(fitting),
            len(rows),
            found.fits + found.split + found.dropped,
        )
        assert found.longest == max(len(row.input_ids) for row in whole)
        if overlong == "drop":
            assert rows == fitting


@pytest.mark.parametrize("family_name", FAMILIES)
@few
@given(trajectories(), st.floats(0.3, 1))
def test_a_split_row_is_that_of_a_conversation_with_the_same_end(
    family_name: str, trajectory: Trajectory, share: float
) -> None:
    """Whole user turns are gone from the front, as few as possible; what is learnt is what the whole row teaches."""
    family, tokenizer = family_named(family_name), tokenizer_of(family_name)
    whole = whole_rows(family_name, trajectory)
    most = int(share * max(len(row.input_ids) for _, row in whole))
    expected = []
    for turn, row in whole:
        for prompt in shorter_prompts(turn):
            candidate = family.row(replace(turn, prompt=replace(turn.prompt, messages=prompt)), tokenizer)
            if len(candidate.input_ids) <= most:
                assert learnt(candidate) == learnt(row)
                expected.append(candidate)
                break
    assert fit_rows(family, [trajectory], tokenizer, most, "split")[0] == expected


def shorter_prompts(turn: AssistantTurn) -> list[tuple[Message, ...]]:
    messages = turn.prompt.messages
    head = messages[:1] if messages[0].role == "system" else ()
    later = [index for index, message in enumerate(messages) if message.role == "user"][1:]
    return [messages, *((*head, *messages[index:]) for index in later)]


@few
@given(trajectories())
def test_without_overlong_rows_nothing_is_changed(trajectory: Trajectory) -> None:
    family, tokenizer = family_named("qwen3"), tokenizer_of("qwen3")
    plain = list(family.rows(trajectory, tokenizer, 10_000))
    for overlong in ("fail", "drop", "split"):
        rows, found = fit_rows(family, [trajectory], tokenizer, 10_000, overlong)
        assert rows == plain
        assert (found.fits, found.split, found.dropped) == (len(rows), 0, 0)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300))
def test_percentiles_are_the_least_lengths_that_so_many_rows_keep_to(found: list[int]) -> None:
    summary = lengths([Fitted(None, each) for each in found])
    for value, share in ((summary.median, 0.5), (summary.p90, 0.9), (summary.p99, 0.99), (summary.longest, 1)):
        assert value in found
        assert sum(each <= value for each in found) >= share * len(found)
        assert sum(each < value for each in found) < share * len(found)


def test_what_was_done_is_said_in_one_line() -> None:
    assert lengths([]) == Lengths(0, 0, 0, 0, 0, 0, 0)
    row = Row((1,), (1,))
    text = str(lengths([Fitted(row, 10), Fitted(row, 1200, split=True), Fitted(None, 3000)]))
    assert text == "3 rows: 1 fit, 1 split, 1 dropped; tokens: median 1,200, 90 % 3,000, 99 % 3,000, longest 3,000"


def test_failing_names_the_turn_and_the_ways_out() -> None:
    messages = (Message("user", "Hi"), Message("assistant", "Yes?"))
    with pytest.raises(RowError, match=r"'t', message 1: \d+ tokens exceed the limit of 5; .*overlong = drop or split"):
        fit_rows(family_named("qwen3"), [Trajectory("t", (), messages)], tokenizer_of("qwen3"), 5)
