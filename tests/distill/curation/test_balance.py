"""Balance: shares of what is left are as asked for, and what goes hangs on ids and seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.balance import balanced, tool_labels, turn_label
from distill.curation.settings import CurationSettings
from distill.curation.steps import Step
from distill.trajectories.types import Trajectory
from tests.distill.curation.rows import ids, row


def only(rows: Sequence[Trajectory], **settings: float) -> Step:
    """The one step that these settings ask for."""
    (step,) = balanced(rows, CurationSettings(**settings))  # type: ignore[arg-type]  # shares and a seed
    return step


def called(rows: Sequence[Trajectory]) -> Counter[str]:
    return Counter(name for one in rows for name in tool_labels(one))


def test_a_frequent_tool_is_cut_to_its_share_of_what_is_left_and_rare_ones_stay() -> None:
    rows = [row(f"f{index}", "x", tools=("find",)) for index in range(80)]
    rows += [row(f"b{index}", "x", tools=("find", "book")) for index in range(10)]
    rows += [row(f"p{index}", "x", tools=("pay",)) for index in range(10)]
    step = only(rows, most_of_a_tool=0.6)
    assert called(step.kept) == {"find": 15, "book": 10, "pay": 10}
    assert {one.reason for one in step.dropped} == {"frequent_tool"}
    assert step.dropped[0].detail == "more than 60% rows that call find"
    (target,) = step.targets
    assert target.to_json() == {
        "what": "rows that call find",
        "least": 0.0,
        "most": 0.6,
        "before": 0.9,
        "after": 0.6,
        "met": True,
    }


def test_what_leaving_rows_out_cannot_reach_is_let_be_and_told() -> None:
    rows = [row(f"r{index}", "x", tools=("log_in", "find" if index % 3 else "book")) for index in range(90)]
    step = only(rows, most_of_a_tool=0.5)
    assert called(step.kept) == {"log_in": 60, "find": 30, "book": 30}
    assert [(one.what, one.met, one.after) for one in step.targets] == [
        ("rows that call log_in", False, 1.0),
        ("rows that call find", True, 0.5),
    ]


TOOLS = st.lists(st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=3), max_size=60)


@settings(max_examples=80, deadline=None)
@given(TOOLS, st.floats(0.1, 1.0), st.integers(0, 5))
def test_no_tool_is_above_its_share_unless_it_is_told(tools: list[set[str]], most: float, seed: int) -> None:
    rows = [row(f"r{index}", "x", tools=sorted(names)) for index, names in enumerate(tools)]
    step = only(rows, most_of_a_tool=most, seed=seed)
    assert len(step.kept) + len(step.dropped) == len(rows)
    calling = sum(bool(tool_labels(one)) for one in step.kept)
    missed = {target.what.rpartition(" ")[2] for target in step.targets if not target.met}
    over = {name for name, count in called(step.kept).items() if count > most * calling + 1e-6}
    assert over == missed
    assert calling or not any(tools)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 7), max_size=60), st.floats(0.34, 1.0))
def test_no_bucket_of_turns_is_above_its_share(turns: list[int], most: float) -> None:
    rows = [row(f"r{index}", *["x"] * count) for index, count in enumerate(turns)]
    (step,) = balanced(rows, CurationSettings(most_of_a_turn_count=most, turn_buckets=(1, 2, 4)))
    counts = Counter(turn_label(one, (1, 2, 4)) for one in step.kept)
    over = {label for label, count in counts.items() if count > most * len(step.kept) + 1e-6}
    assert over == {one.what.split("with ")[1].removesuffix(" user turns") for one in step.targets if not one.met}


def test_buckets_have_names() -> None:
    rows = [row("r", *["x"] * count) for count in range(1, 8)]
    assert [turn_label(one, (1, 2, 5)) for one in rows] == ["1", *["2 to 4"] * 3, *["5 or more"] * 3]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.0, 0.9), st.floats(0.01, 1.0))
def test_rows_without_calls_keep_within_their_shares(calling: int, silent: int, one: float, two: float) -> None:
    rows = [row(f"c{index}", "x") for index in range(calling)]
    rows += [row(f"s{index}", "x", tools=()) for index in range(silent)]
    least, most = min(one, two), max(one, two)
    step = only(rows, least_no_call=least, most_no_call=most)
    left = sum(not tool_labels(one) for one in step.kept)
    if not calling or not silent:
        assert step.dropped == ()
    else:
        assert left <= most * len(step.kept) + 1e-6
        assert left + 1 >= least * (len(step.kept) + 1) - 1e-6 or len(step.kept) == left + 1
        assert all(target.met for target in step.targets)


def test_both_sides_of_the_share_of_rows_without_calls_have_reasons() -> None:
    rows = [row(f"c{index}", "x") for index in range(90)] + [row(f"s{index}", "x", tools=()) for index in range(10)]
    assert Counter(one.reason for one in only(rows, least_no_call=0.2).dropped) == {"surplus_calling": 46}
    assert Counter(one.reason for one in only(rows, most_no_call=0.05).dropped) == {"surplus_no_call": 6}


def test_shares_hold_together_in_what_is_left() -> None:
    chance = random.Random(1)
    rows = [
        row(f"r{index}", *["x"] * chance.randrange(1, 5), tools=chance.choice([("find",), ("find",), ("book",), ()]))
        for index in range(400)
    ]
    wanted = CurationSettings(most_of_a_tool=0.5, most_of_a_turn_count=0.3, most_no_call=0.1)
    steps = list(balanced(rows, wanted))
    assert [step.name for step in steps] == ["tools", "turns", "no-call rows"]
    assert [step.offered for step in steps] == [400, len(steps[0].kept), len(steps[1].kept)]
    assert all(target.met for step in steps for target in step.targets)
    assert len({one.row_id for step in steps for one in step.dropped}) == 400 - len(steps[-1].kept)
    assert ids(steps[-1].kept) == [one.id for one in rows if one in steps[-1].kept]


def test_what_goes_hangs_on_ids_and_seed_and_not_on_the_order() -> None:
    rows = [row(f"r{index}", "x", tools=()) for index in range(40)] + [row(f"c{index}", "x") for index in range(40)]
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    kept = {*ids(only(rows, most_no_call=0.2, seed=1).kept)}
    assert kept == {*ids(only(shuffled, most_no_call=0.2, seed=1).kept)}
    assert kept != {*ids(only(rows, most_no_call=0.2, seed=2).kept)}


def test_nothing_asked_nothing_done() -> None:
    assert list(balanced([row("a", "x")], CurationSettings())) == []
