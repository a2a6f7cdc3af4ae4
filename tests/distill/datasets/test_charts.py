"""What is drawn: every row is in a bar, and one long row does not hide all others."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.curate import curate
from distill.curation.settings import CurationSettings
from distill.datasets.charts import Bars, Histogram, charts_of
from distill.datasets.description import VerificationCounts
from distill.trajectories.statistics import Distribution, Statistics
from distill.verification.verify import VerificationResult
from tests.distill.curation.rows import row

NOTHING = curate([], CurationSettings()).report


def lengths(*values: int) -> Histogram:
    chart = charts_of(Statistics(length=Distribution(Counter(values))), NOTHING, None)[2]
    assert isinstance(chart, Histogram)
    return chart


def bars(statistics: Statistics, name: str) -> Bars:
    (chart,) = (one for one in charts_of(statistics, NOTHING, None) if one.name == name)
    assert isinstance(chart, Bars)
    return chart


def test_numbers_above_the_last_bar_are_counted_in_it() -> None:
    turns = Distribution(Counter({1: 5, 3: 2, 12: 1, 13: 4, 400: 1}))
    chart = bars(Statistics(user_turns=turns), "turns")
    assert chart.labels == (*(str(number) for number in range(1, 12)), "12+")
    assert chart.counts == (5, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 6)


def test_rare_tools_are_counted_together_and_long_names_shortened() -> None:
    called = Counter({f"tool_{number:02}": 30 - number for number in range(25)} | {"a" * 40 + "b" * 40: 99})
    chart = bars(Statistics(called=called), "tools")
    assert chart.across
    assert chart.labels[0] == "a" * 17 + "…" + "b" * 18
    assert chart.labels[1:3] == ("tool_00", "tool_01")
    assert chart.labels[-1] == "6 others"
    assert sum(chart.counts) == called.total()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 300) | st.integers(0, 1_000_000), min_size=1, max_size=30))
def test_every_length_is_in_its_bin(values: list[int]) -> None:
    chart = lengths(*values)
    assert list(chart.edges) == sorted({*chart.edges})
    assert 2 <= len(chart.edges) <= 27
    assert sum(chart.counts) == len(values)
    for low, high, count in zip(chart.edges, chart.edges[1:], chart.counts, strict=False):
        assert count == sum(low <= max(value, chart.edges[0]) < high for value in values)
    assert not chart.logarithmic or chart.edges[0] > 0


def test_lengths_that_span_much_are_on_a_logarithmic_axis() -> None:
    assert lengths(*range(100, 200)).logarithmic is False
    assert lengths(*range(100, 200)).edges[:3] == (100, 105, 110)
    assert lengths(10, 50_000).logarithmic is True


def test_what_left_rows_out_is_named_by_stage_and_step() -> None:
    same = curate([row("a", "x", tools=()), row("b", "x", tools=())], CurationSettings())
    verdicts = [VerificationResult(True, "semantic"), VerificationResult(False, "format", "malformed")]
    counts = VerificationCounts.of([*verdicts, verdicts[1]])
    assert counts.to_json() == {
        "tried": 3,
        "accepted": 1,
        "rejected": {"format": {"malformed": 2}, "execution": {}, "semantic": {}},
    }
    assert "rejections" not in {chart.name for chart in charts_of(Statistics(), NOTHING, None)}
    chart = charts_of(Statistics(), same.report, counts)[-1]
    assert isinstance(chart, Bars)
    assert (chart.labels, chart.counts) == (("format: malformed", "copies: copy"), (2, 1))
