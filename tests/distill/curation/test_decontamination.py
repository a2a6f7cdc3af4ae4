"""Decontamination: what a row shares with an evaluation is found, named, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.decontamination import Suite, suite_of, suite_of_scenarios, without_contamination
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.trajectories.types import Message, ToolSpec
from tests.distill.curation.rows import FIND, ids, row

LONG = "please cancel the order that I placed last week and refund me"


def test_a_shared_run_of_words_is_found_whatever_its_case_and_punctuation() -> None:
    suite = Suite("held-out", {"h1": LONG})
    rows = [
        row("a", "Hello!", "Well: CANCEL the order, that I placed last week - or not"),
        row("b", "cancel the order that I placed last month"),
    ]
    step = without_contamination(rows, [suite], 8)
    assert ids(step.kept) == ["b"]
    (told,) = (one.to_json() for one in step.dropped)
    assert told == {
        "id": "a",
        "reason": "evaluation_words",
        "detail": "held-out h1: 'cancel the order that i placed last week'",
        "suite": "held-out",
        "suite_row": "h1",
        "gram": "cancel the order that i placed last week",
    }


def test_a_short_message_counts_as_a_whole_and_a_greeting_not_at_all() -> None:
    suite = Suite("s", {"h1": "track my parcel please", "h2": "hello there"})
    step = without_contamination([row("a", "so, track my parcel please?"), row("b", "hello there")], [suite])
    assert ids(step.kept) == ["b"]
    assert step.dropped[0].evidence["gram"] == "track my parcel please"


def test_no_run_reaches_over_two_messages() -> None:
    suite = Suite("s", {"h1": "one two three four", "h2": "five six seven eight"})
    rows = [row("a", "zero one two three", "four five six seven"), row("b", "x", "x five six seven eight")]
    step = without_contamination(rows, [suite], 4)
    assert [(one.row_id, one.evidence["suite_row"]) for one in step.dropped] == [("b", "h2")]


def test_texts_without_spaces_are_compared_by_their_characters() -> None:
    suite = Suite("s", {"h1": "请取消我上周下的订单"})
    rows = [row("a", "你好，请取消我上周下的订单吧"), row("b", "请取消我今天的订单")]
    assert ids(without_contamination(rows, [suite]).kept) == ["b"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=12), max_size=6), st.lists(st.sampled_from("abc")))
def test_a_row_goes_where_it_shares_a_run_and_only_there(messages: list[list[str]], words: list[str]) -> None:
    suite = Suite("s", {str(number): " ".join(each) for number, each in enumerate(messages)})
    dropped = without_contamination([row("a", " ".join(words))], [suite], 5).dropped
    text = f" {' '.join(words)} "
    shared = [
        each[start : start + size]
        for each in messages
        if (size := min(5, len(each))) >= 4
        for start in range(len(each) - size + 1)
        if f" {' '.join(each[start : start + size])} " in text
    ]
    assert bool(dropped) == bool(shared)
    assert all(str(one.evidence["gram"]).split() in shared for one in dropped)


def test_only_what_users_say_is_compared() -> None:
    suite = Suite("s", {"h1": LONG})
    said = replace(row("a", "x"), messages=(Message("user", "x"), Message("assistant", LONG)))
    assert ids(without_contamination([said], [suite]).kept) == ["a"]


def test_tools_of_a_foreign_suite_are_found_by_name_and_parameters() -> None:
    reworded = ToolSpec("find", "Looks for things.", {"type": "dict", "properties": {"what": {"type": "integer"}}})
    other = replace(FIND, parameters={"type": "object", "properties": {"what": {}, "where": {}}})
    foreign = suite_of("BFCL", [row("q", "x", offered=(reworded,))], foreign=True)
    rows = [row("a", "one"), row("b", "two", offered=(other,)), row("c", "three", offered=())]
    step = without_contamination(rows, [foreign])
    assert ids(step.kept) == ["b", "c"]
    (told,) = (one.to_json() for one in step.dropped)
    assert told == {
        "id": "a",
        "reason": "evaluation_tool",
        "detail": "find is a tool of BFCL",
        "suite": "BFCL",
        "tool": "find",
    }
    assert without_contamination(rows, [suite_of("own", rows, foreign=False)]).dropped == ()


def test_a_shared_tool_can_be_told_of_alone() -> None:
    foreign = suite_of("BFCL", [row("q", LONG)], foreign=True)
    rows = [row("a", "one"), row("b", LONG), row("c", "three", offered=())]
    step = without_contamination(rows, [foreign], foreign_tools="note")
    assert ids(step.kept) == ["a", "c"]
    assert [(one.row_id, one.reason) for one in step.dropped] == [("b", "evaluation_words")]
    assert [(one.row_id, one.reason) for one in step.noted] == [("a", "evaluation_tool")]


def test_the_desks_own_training_rows_hold_nothing_of_its_held_out_ones() -> None:
    train = gold_trajectories([one for kind in ("single", "multi_turn") for one in generate("train", kind, 80, 5)])
    scenarios = [one for kind in ("single", "multi_turn") for one in generate("heldout", kind, 80, 5)]
    held = gold_trajectories(scenarios)
    assert without_contamination(train, [suite_of_scenarios("held-out", scenarios)]).dropped == ()
    leaked = [*train, replace(held[0], id="leak")]
    assert [one.row_id for one in without_contamination(leaked, [suite_of("h", held, foreign=False)]).dropped] == [
        "leak"
    ]
