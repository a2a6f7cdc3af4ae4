"""Curation: every row that goes is counted under a reason, and what goes depends on rows and seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.balance import balanced_tools, balanced_turns, limited_no_call
from distill.curation.curate import CurationSettings, curate
from distill.curation.decontamination import Suite, suite_of, without_contamination
from distill.curation.duplicates import without_copies, without_near_copies
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.trajectories.turns import calls_in
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from spiritsafe.errors import FailedPrecondition, InvalidArgument

FIND = ToolSpec("find", "Finds.", {"type": "object", "properties": {"what": {"type": "string"}}})


def row(
    row_id: str, *words: str, tools: Sequence[str] = ("find",), offered: tuple[ToolSpec, ...] = (FIND,)
) -> Trajectory:
    """A row with one user turn for each text, calling these tools in the first."""
    messages: list[Message] = []
    for number, text in enumerate(words):
        messages.append(Message("user", text))
        if tools and not number:
            calls = tuple(ToolCall(tool, {"what": row_id}) for tool in tools)
            messages.append(Message("assistant", tool_calls=calls))
            messages += [Message("tool", "{}", name=tool) for tool in tools]
        messages.append(Message("assistant", "Done."))
    return Trajectory(row_id, offered, tuple(messages))


def ids(rows: Sequence[Trajectory]) -> list[str]:
    return [one.id for one in rows]


def test_of_copies_the_first_stays_and_the_others_name_it() -> None:
    rows = [row("a", "where is it"), row("b", "where is it"), row("c", "elsewhere")]
    same = replace(rows[0], id="d")
    step = without_copies([*rows, same])
    assert ids(step.kept) == ["a", "b", "c"]
    assert [one.to_json() for one in step.dropped] == [{"id": "d", "reason": "copy", "detail": "the same as a"}]


def test_near_copies_are_told_with_their_likeness() -> None:
    sentence = " ".join(f"w{index}" for index in range(60))
    silent = [row("a", sentence, tools=()), row("b", f"{sentence} more", tools=()), row("c", "another", tools=())]
    step = without_near_copies(silent, 0.9)
    assert ids(step.kept) == ["a", "c"]
    assert [(one.row_id, one.reason) for one in step.dropped] == [("b", "near_copy")]
    assert step.dropped[0].detail.endswith("like a")


class TestContamination:
    LONG = "please cancel the order that I placed last week and refund me"

    def test_a_shared_run_of_words_is_found_whatever_its_case_and_punctuation(self) -> None:
        suite = Suite("held-out", {"h1": self.LONG})
        rows = [
            row("a", "Hello!", "Well: CANCEL the order, that I placed last week - or not"),
            row("b", "cancel the order that I placed last month"),
        ]
        step = without_contamination(rows, [suite], 8)
        assert ids(step.kept) == ["b"]
        assert step.dropped[0].reason == "evaluation_words"
        assert step.dropped[0].detail == "held-out h1: 'cancel the order that i placed last week'"

    def test_a_short_message_counts_as_a_whole_and_a_greeting_not_at_all(self) -> None:
        suite = Suite("s", {"h1": "track my parcel please", "h2": "hello there"})
        step = without_contamination([row("a", "so, track my parcel please?"), row("b", "hello there")], [suite])
        assert ids(step.kept) == ["b"]

    def test_only_what_users_say_is_compared(self) -> None:
        suite = Suite("s", {"h1": self.LONG})
        said = replace(row("a", "x"), messages=(Message("user", "x"), Message("assistant", self.LONG)))
        assert ids(without_contamination([said], [suite]).kept) == ["a"]

    def test_tools_of_a_foreign_suite_are_found_by_name_and_types(self) -> None:
        reworded = replace(FIND, description="Looks for things.")
        other = replace(FIND, parameters={"type": "object", "properties": {"what": {"type": "integer"}}})
        foreign = suite_of("BFCL", [row("q", "x", offered=(reworded,))], own_tools=False)
        rows = [row("a", "one"), row("b", "two", offered=(other,)), row("c", "three", offered=())]
        step = without_contamination(rows, [foreign])
        assert ids(step.kept) == ["b", "c"]
        assert step.dropped[0].to_json() == {"id": "a", "reason": "evaluation_tool", "detail": "find is a tool of BFCL"}
        assert without_contamination(rows, [suite_of("own", rows, own_tools=True)]).dropped == ()

    def test_the_desks_own_training_rows_hold_nothing_of_its_held_out_ones(self) -> None:
        train = gold_trajectories([one for kind in ("single", "multi_turn") for one in generate("train", kind, 80, 5)])
        held = gold_trajectories([one for kind in ("single", "multi_turn") for one in generate("heldout", kind, 80, 5)])
        assert without_contamination(train, [suite_of("held-out", held, own_tools=True)]).dropped == ()
        leaked = [*train, replace(held[0], id="leak")]
        assert [one.row_id for one in without_contamination(leaked, [suite_of("h", held, own_tools=True)]).dropped] == [
            "leak"
        ]


class TestBalance:
    def test_a_frequent_tool_is_cut_to_its_share_and_rare_ones_stay(self) -> None:
        rows = [row(f"f{index}", "x", tools=("find",)) for index in range(80)]
        rows += [row(f"b{index}", "x", tools=("find", "book")) for index in range(10)]
        rows += [row(f"p{index}", "x", tools=("pay",)) for index in range(10)]
        step = balanced_tools(rows, 0.4, seed=1)
        counts = Counter(name for one in step.kept for name in {call.name for call in calls_in(one.messages)})
        assert counts == {"find": 40, "book": 10, "pay": 10}
        assert {one.reason for one in step.dropped} == {"frequent_tool"}

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(1, 3), max_size=40), st.floats(0.2, 1.0), st.integers(0, 5))
    def test_no_number_of_turns_is_above_its_share(self, turns: list[int], most: float, seed: int) -> None:
        rows = [row(f"r{index}", *["x"] * count) for index, count in enumerate(turns)]
        step = balanced_turns(rows, most, seed)
        assert len(step.kept) + len(step.dropped) == len(rows)
        if len(set(turns)) == 1:
            assert step.dropped == ()
        before = Counter(turns)
        for count, kept in Counter(sum(m.role == "user" for m in one.messages) for one in step.kept).items():
            assert kept <= max(most * (kept + len(rows) - before[count]) + 1e-9, 0) or len(before) == 1

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, 30), st.integers(0, 30), st.floats(0.01, 1.0))
    def test_rows_without_calls_keep_to_their_share(self, calling: int, silent: int, most: float) -> None:
        rows = [row(f"c{index}", "x") for index in range(calling)]
        rows += [row(f"s{index}", "x", tools=()) for index in range(silent)]
        step = limited_no_call(rows, most, 3)
        left = sum(not calls_in(one.messages) for one in step.kept)
        assert left <= most * len(step.kept) + 1e-9
        assert len(step.kept) - left == calling
        # One more would be too many.
        assert left == silent or left + 1 > most * (len(step.kept) + 1) - 1e-9

    def test_what_goes_hangs_on_ids_and_seed_and_not_on_the_order(self) -> None:
        rows = [row(f"r{index}", "x", tools=()) for index in range(40)] + [row(f"c{index}", "x") for index in range(40)]
        shuffled = rows[:]
        random.Random(1).shuffle(shuffled)
        assert {*ids(limited_no_call(rows, 0.2, 1).kept)} == {*ids(limited_no_call(shuffled, 0.2, 1).kept)}
        assert {*ids(limited_no_call(rows, 0.2, 1).kept)} != {*ids(limited_no_call(rows, 0.2, 2).kept)}


ROWS = [row(f"r{index}", f"find thing number {index} in the great store of things") for index in range(20)]
REPLAY = [row(f"g{index}", f"general talk {index} about nothing in particular", tools=()) for index in range(10)]


class TestCurate:
    def test_rows_in_are_rows_out_and_dropped_ones(self) -> None:
        rows = [*ROWS, replace(ROWS[3], id="again")]
        suite = Suite("s", {"h": "find thing number 7 in the great store of things"})
        curated = curate(rows, CurationSettings(near_copies=None, contamination_words=10), [suite])
        assert len(curated.rows) + len(curated.dropped) == len(rows)
        assert [(one.row_id, one.reason) for one in curated.dropped] == [("again", "copy"), ("r7", "evaluation_words")]
        assert curated.to_json() == [
            {"step": "copies", "kept": 20, "dropped": {"copy": 1}, "added": 0},
            {"step": "contamination", "kept": 19, "dropped": {"evaluation_words": 1}, "added": 0},
        ]

    def test_replay_makes_up_its_share_and_is_tested_like_all_else(self) -> None:
        bad = Suite("s", {"h": REPLAY[0].messages[0].content})
        curated = curate(ROWS, CurationSettings(near_copies=None, replay=0.2), [bad], REPLAY)
        added = [one.id for one in curated.rows if one.id.startswith("g")]
        assert len(added) == 5
        assert "g0" not in added
        assert curated.steps[-1].added == 5

    def test_too_little_replay_says_how_much_there_could_be(self) -> None:
        with pytest.raises(FailedPrecondition, match=r"needs 20 replay rows, and there are 10.*33%"):
            curate(ROWS, CurationSettings(near_copies=None, replay=0.5), (), REPLAY)

    def test_a_step_that_is_not_asked_for_is_not_taken(self) -> None:
        nothing = CurationSettings(near_copies=None, contamination_words=None)
        assert [step.name for step in curate(ROWS, nothing).steps] == ["copies"]
        everything = CurationSettings(0.9, 8, 0.9, 0.9, 0.5, 0.1)
        names = [step.name for step in curate(ROWS, everything, (), REPLAY).steps]
        assert names == ["copies", "near copies", "contamination", "tools", "turns", "no-call rows", "replay"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"near_copies": 0.0},
            {"most_no_call": 1.5},
            {"replay": 1.0},
            {"contamination_words": 0},
            {"most_of_a_tool": -1},
        ],
    )
    def test_settings_that_mean_nothing_are_named(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgument) as caught:
            curate(ROWS, CurationSettings(**wrong))
        assert [one.field for one in caught.value.violations] == [f"curation.{next(iter(wrong))}"]
