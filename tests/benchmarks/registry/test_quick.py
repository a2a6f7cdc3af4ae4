"""The benchmarks run to their end on tiny sizes; what they measure there means nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tests.benchmarks.registry.__main__ import main
from tests.benchmarks.registry.results import Comparison, Figure
from tests.benchmarks.registry.timing import Timed, alone, together


def test_every_part_gives_figures(tmp_path: Path) -> None:
    main(["--quick", "--no-mlflow", "--artifact-mib", "1", "--folder", str(tmp_path), "--json", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out").read_text())
    assert found["sizes"]["artifact_bytes"] == 1 << 20
    assert len(found["comparison"]) == 16
    assert all(row["ours"]["calls"] > 0 and row["ours"]["failed"] == 0 for row in found["comparison"])
    figures = [*found["ceiling"], *found["lineage"], *found["artifacts"], *found["scaling"]]
    assert all(figure["value"] > 0 for figure in figures)


def test_a_ratio_above_one_means_that_we_are_faster() -> None:
    ours, theirs = Timed([0.001] * 100, 0.1), Timed([0.010] * 99 + [0.1], 1.09)
    assert math.isclose(Comparison("read", ours, theirs, "p50", 10).ratio or 0, 10)
    assert math.isclose(Comparison("read", ours, theirs, "p99", 10).ratio or 0, 100)
    assert math.isclose(Comparison("read", ours, theirs, "rate", 20).ratio or 0, 10.9)
    assert Comparison("read", ours, theirs, "rate", 20).met is False
    assert Comparison("read", ours, None, "rate", 20).met is None


def test_goals_bound_from_either_side() -> None:
    assert Figure("share", 71, "%", 70).met
    assert Figure("walk", 6, "ms", 5, at_most=True).met is False
    assert Figure("rate", 6, "calls/s").met is None


def test_calls_that_fail_are_counted_and_not_timed() -> None:
    turns = iter([None, None, 1, None, 1, None])

    def call() -> None:
        if next(turns):
            raise ValueError

    found = alone(call, 5, 60)
    assert (len(found.latencies), found.failed) == (3, 2)


def test_callers_at_once_share_the_calls() -> None:
    found = together([lambda: None] * 4, 40, 60)
    assert len(found.latencies) == 40
    assert found.rate > 0
