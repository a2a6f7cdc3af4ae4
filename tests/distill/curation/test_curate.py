"""Curation: every row that goes is counted under a reason, and what goes depends on rows and seed alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.curate import curate
from distill.curation.decontamination import Suite
from distill.curation.duplicates import without_copies, without_near_copies
from distill.curation.settings import CurationSettings
from distill.trajectories.types import Message, ToolCall
from spiritsafe.errors import FailedPrecondition, InvalidArgument
from tests.distill.curation.rows import ids, row

SPELLED = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa"
WORDS = SPELLED.split()
ROWS = [row(f"r{index}", f"look for {WORDS[index]} and {WORDS[-index]} there") for index in range(16)]
REPLAY = [row(f"g{index}", f"talk {WORDS[index]} about {WORDS[index + 1]} things", tools=()) for index in range(10)]


def test_of_copies_the_first_stays_and_the_others_name_it() -> None:
    rows = [row("a", "where is it"), row("b", "where is it"), row("c", "elsewhere")]
    same = replace(rows[0], id="d", tools=())
    step = without_copies([*rows, same])
    assert ids(step.kept) == ["a", "b", "c"]
    assert [one.to_json() for one in step.dropped] == [
        {"id": "d", "reason": "copy", "detail": "the same as a", "duplicate_of": "a"}
    ]


def test_the_order_of_arguments_makes_no_other_row() -> None:
    first, second = (
        replace(row("a", "x"), messages=(Message("user", "x"), Message("assistant", tool_calls=(call,))))
        for call in (ToolCall("f", {"a": 1, "b": 2}), ToolCall("f", {"b": 2, "a": 1}))
    )
    assert len(without_copies([first, second]).dropped) == 1


def test_near_copies_are_told_with_their_likeness() -> None:
    sentence = " ".join(f"w{index}" for index in range(60))
    silent = [row("a", sentence, tools=()), row("b", f"{sentence} more", tools=()), row("c", "another", tools=())]
    step = without_near_copies(silent, 0.9)
    assert ids(step.kept) == ["a", "c"]
    (told,) = (one.to_json() for one in step.dropped)
    assert told == {
        "id": "b",
        "reason": "near_copy",
        "detail": "0.98 like a",
        "duplicate_of": "a",
        "similarity": 0.9831,
    }


def test_rows_in_are_rows_out_and_dropped_ones() -> None:
    rows = [*ROWS, replace(ROWS[3], id="again")]
    suite = Suite("held-out", {"h": ROWS[7].messages[0].content})
    curated = curate(rows, CurationSettings(), [suite])
    assert ids(curated.kept) == [one.id for one in ROWS if one.id != "r7"]
    assert [(one.row_id, one.reason) for one in curated.dropped] == [("again", "copy"), ("r7", "evaluation_words")]
    report = curated.report.to_json()
    assert json.loads(json.dumps(report)) == report
    assert (report["in"], report["out"], report["suites"]) == (17, 15, ["held-out"])
    steps = report["steps"]
    assert isinstance(steps, list)
    assert steps[0] == {
        "step": "copies",
        "in": 17,
        "out": 16,
        "dropped": {"copy": 1},
        "noted": {},
        "targets": [],
        "examples": {"copy": [{"id": "again", "reason": "copy", "detail": "the same as r3", "duplicate_of": "r3"}]},
    }
    assert "hotel" not in json.dumps(curated.report.to_json(examples=False))


def test_replay_makes_up_its_share_and_is_tested_like_all_else() -> None:
    bad = Suite("s", {"h": REPLAY[0].messages[0].content})
    leaked = replace(ROWS[2], id="leaked")
    curated = curate(ROWS, CurationSettings(replay=0.2), [bad], [leaked, *REPLAY])
    assert curated.replayed == 4
    assert not {"g0", "leaked"} & {*ids(curated.kept)}
    assert ids(curated.kept)[:16] == ids(ROWS)
    assert [(one.row_id, one.reason) for one in curated.dropped] == [("leaked", "copy"), ("g0", "evaluation_words")]
    counts = [(step.name, step.rows_in, step.rows_out) for step in curated.report.steps[3:]]
    assert counts == [
        ("replay: copies", 11, 10),
        ("replay: near copies", 10, 10),
        ("replay: contamination", 10, 9),
        ("replay", 16, 20),
    ]


def test_too_little_replay_is_an_error_or_recorded() -> None:
    with pytest.raises(FailedPrecondition, match="there are 10"):
        curate(ROWS, CurationSettings(replay=0.5), (), REPLAY)
    curated = curate(ROWS, CurationSettings(replay=0.5, replay_shortfall="record"), (), REPLAY)
    assert curated.replayed == 10
    assert [target.met for target in curated.report.targets] == [False]


def test_tokens_are_counted_by_who_can() -> None:
    asked = CurationSettings(replay=0.3, replay_unit="tokens")
    with pytest.raises(InvalidArgument, match="needs a tokenizer"):
        curate(ROWS, asked, (), REPLAY)
    assert curate(ROWS, asked, (), REPLAY, tokens=lambda _: 5).replayed == 7
    assert curate(ROWS, replace(asked, replay=0.1, replay_unit="characters"), (), REPLAY).replayed > 2


def test_a_step_that_is_not_asked_for_is_not_taken() -> None:
    nothing = CurationSettings(near_copies=None, contamination_words=None)
    assert [step.name for step in curate(ROWS, nothing).report.steps] == ["copies"]
    everything = CurationSettings(most_of_a_tool=0.9, most_of_a_turn_count=0.9, most_no_call=0.5)
    names = [step.name for step in curate(ROWS, everything).report.steps]
    assert names == ["copies", "near copies", "contamination", "tools", "turns", "no-call rows"]


SEEDS = st.integers(0, 9)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans(), st.integers(1, 3)), max_size=40), st.integers(0, 9)
)
def test_every_row_is_kept_or_counted_once(kinds: list[tuple[str, bool, int]], seed: int) -> None:
    rows = [
        row(f"r{index}", *[f"{word} goes"] * turns, tools=("find",) if calls else ())
        for index, (word, calls, turns) in enumerate(kinds)
    ]
    wanted = CurationSettings(0.8, most_of_a_turn_count=0.5, most_no_call=0.4, seed=seed)
    curated = curate(rows, wanted, [Suite("s", {"h": "a goes"})])
    assert sorted([*ids(curated.kept), *(one.row_id for one in curated.dropped)]) == sorted(ids(rows))
    counted = sum(sum(step.dropped.values()) for step in curated.report.steps)
    assert counted == len(curated.dropped)
    assert curate(curated.kept, CurationSettings(0.8)).kept == curated.kept


_IN_A_PROCESS = """
from tests.distill.curation.test_curate import REPLAY, ROWS
from distill.curation.curate import curate
from distill.curation.settings import CurationSettings
wanted = CurationSettings(0.5, most_of_a_tool=0.9, most_of_a_turn_count=0.9, most_no_call=0.2, replay=0.2)
curated = curate(ROWS, wanted, (), REPLAY)
print([row.id for row in curated.kept], curated.report.to_json())
"""


def test_the_seed_of_pythons_hashes_changes_nothing() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"near_copies": 0.0},
        {"near_copies": "much"},
        {"most_no_call": 1.5},
        {"least_no_call": 1.0},
        {"replay": 1.0},
        {"contamination_words": 0},
        {"most_of_a_tool": -1},
        {"turn_buckets": (2, 3)},
        {"turn_buckets": (1, 1)},
        {"foreign_tools": "keep"},
        {"replay_unit": "bytes"},
        {"seed": True},
    ],
)
def test_settings_that_mean_nothing_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        curate(ROWS, CurationSettings(**wrong))
    assert [one.field for one in caught.value.violations] == [f"curation.{next(iter(wrong))}"]


def test_settings_travel_as_json() -> None:
    some = CurationSettings(0.8, 13, "note", 0.3, turn_buckets=(1, 4), least_no_call=0.1, most_no_call=0.2, seed=7)
    assert CurationSettings.from_json(json.loads(json.dumps(some.to_json()))) == some
    assert CurationSettings.from_json({}) == CurationSettings()
    with pytest.raises(InvalidArgument, match="has no nearcopies"):
        CurationSettings.from_json({"nearcopies": 1})
    with pytest.raises(InvalidArgument, match="above most_no_call"):
        CurationSettings.from_json({"least_no_call": 0.5, "most_no_call": 0.2})
