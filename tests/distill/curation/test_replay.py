"""Replay: a share of rows, characters or tokens, drawn once each by a seed; too little is told."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.replay import mixed
from distill.trajectories.statistics import characters
from spiritsafe.errors import FailedPrecondition
from tests.distill.curation.rows import ids, row

OWN = [row(f"r{index}", "find it") for index in range(20)]
GENERAL = [row(f"g{index}", "talk " * (index % 7 + 1), tools=()) for index in range(40)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.floats(0, 0.5), st.integers(0, 3))
def test_the_share_of_rows_is_as_near_as_it_can_be(own: int, ratio: float, seed: int) -> None:
    rows = [row(f"r{index}", "x") for index in range(own)]
    step = mixed(rows, GENERAL * 2, ratio, seed)
    added = len(step.kept) - own
    assert abs(added - own * ratio / (1 - ratio)) <= 0.5 + 1e-9
    assert ids(step.kept)[:own] == ids(rows)
    assert all(target.met for target in step.targets)


def test_a_share_of_characters_is_met_within_a_row() -> None:
    step = mixed(OWN, GENERAL, 0.3, 1, characters, "characters")
    added = step.kept[len(OWN) :]
    share = sum(map(characters, added)) / sum(map(characters, step.kept))
    assert share == pytest.approx(0.3, abs=max(map(characters, GENERAL)) / sum(map(characters, step.kept)))
    assert len({*ids(added)}) == len(added)
    assert step.targets[0].after == share


def test_characters_are_of_words_and_calls() -> None:
    assert characters(row("a", "four", tools=())) == len("four") + len("Done.")
    call = '{"name": "find", "arguments": {"what": "a"}}'
    assert characters(row("a", "four")) == len("four") + len(call) + len("{}") + len("Done.")


def test_what_is_drawn_hangs_on_ids_and_seed_and_not_on_the_order() -> None:
    shuffled = GENERAL[:]
    random.Random(1).shuffle(shuffled)
    drawn = ids(mixed(OWN, GENERAL, 0.4, 1).kept)
    assert drawn == ids(mixed(OWN, shuffled, 0.4, 1).kept)
    assert drawn != ids(mixed(OWN, GENERAL, 0.4, 2).kept)


def test_too_little_is_an_error_that_says_how_much_there_could_be() -> None:
    with pytest.raises(FailedPrecondition, match=r"needs 60 rows of replay, and there are 40.*66\.7%"):
        mixed(OWN, GENERAL, 0.75, 1)


def test_or_it_is_all_there_is_and_told() -> None:
    step = mixed(OWN, GENERAL, 0.75, 1, shortfall="record")
    assert len(step.kept) == 60
    assert [(one.least, round(one.after, 3), one.met) for one in step.targets] == [(0.75, 0.667, False)]
    none = mixed(OWN, [], 0.75, 1, shortfall="record")
    assert (ids(none.kept), none.targets[0].met) == (ids(OWN), False)
