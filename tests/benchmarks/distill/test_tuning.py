"""The benchmark of tuning compares what can be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from distill.families.base import IGNORED
from distill.standins import checkpoint
from distill.training.overlong import fit_rows
from tests.benchmarks.distill.tuning import (
    CPU,
    DATA,
    FAMILY,
    SIDES,
    TINY,
    Measured,
    joined,
    measure,
    table,
    trajectories,
    write_base,
)
from tests.gpu.tuning import SIZES


@pytest.mark.parametrize("data", DATA)
def test_a_joined_row_has_all_turns_of_its_conversation_as_targets(data: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlam"))
    talks = trajectories(data, TINY)
    rows, _ = fit_rows(FAMILY, talks, tokenizer, TINY.length)
    made = joined(rows)
    assert len(made) == len(talks)
    learnt = sorted(label for row in rows for label in row.labels if label != IGNORED)
    assert sorted(label for row in made for label in row.labels if label != IGNORED) == learnt


def test_every_size_has_room_for_its_rows() -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlam"))
    for size in (TINY, CPU, *(size for size, _ in SIZES.values())):
        for data in DATA:
            rows, _ = fit_rows(FAMILY, trajectories(data, size), tokenizer, size.length)
            # More than one step for each side, since the first is not counted.
            assert len(rows) > size.batch


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_our_side_gives_figures(tmp_path: Path) -> None:
    """The others are run by the benchmark itself: each costs the seconds of a process."""
    size = replace(TINY, count=2, batch=2)
    write_base(tmp_path / "base", size)
    found = measure("ours", DATA[0], tmp_path / "base", tmp_path / "out", size)
    assert min(found.rate, found.cpu_rate, found.peak) > 0


def test_a_ratio_above_one_in_tokens_means_that_we_are_faster() -> None:
    found = {(DATA[0], side): [Measured(200.0 if side == "ours" else 100.0, 1, 50)] for side in SIDES}
    assert list(table("", found).columns[5].cells) == ["", "2.00", "2.00"]
