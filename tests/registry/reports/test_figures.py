"""Which counts may be recorded, and the figures that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.reports.figures import MAX_CATEGORIES, check_categories, with_figures
from registry.reports.paired import Pairs, difference, mcnemar_exact, newcombe_interval
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1.evaluation_report_pb2 import EvaluationCategory
from tests.registry.builders import single_calls

FIELD = "evaluation_report.categories"


def refused(*categories: EvaluationCategory) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        check_categories(categories, FIELD)
    assert caught.value.remedy
    return caught.value


@given(st.tuples(*[st.integers(0, 50)] * 4).filter(any))
def test_every_table_of_pairs_can_be_recorded_and_comes_back(cells: tuple[int, int, int, int]) -> None:
    pairs = Pairs(*cells)
    category = EvaluationCategory(
        category="single",
        count=pairs.count,
        candidate_exact=pairs.both + pairs.gained,
        baseline_exact=pairs.both + pairs.lost,
        gained=pairs.gained,
        lost=pairs.lost,
    )
    (stored,) = check_categories([category], FIELD)
    shown = with_figures(stored)
    assert shown.difference == difference(pairs)
    assert (shown.difference_low, shown.difference_high) == newcombe_interval(pairs)
    assert shown.mcnemar_p == mcnemar_exact(pairs)
    for figure in ("difference", "difference_low", "difference_high", "mcnemar_p"):
        shown.ClearField(figure)
    assert shown == category


@pytest.mark.parametrize(
    ("counts", "field", "words"),
    [
        ({"count": 0}, ".count", "without scenarios"),
        ({"count": -1}, ".count", "is -1"),
        ({"count": 89}, ".candidate_exact", "not within 0 and count, 89"),
        ({"baseline_exact": -1}, ".baseline_exact", "is -1"),
        ({"gained": 101}, ".gained", "is 101"),
        ({"lost": -1}, ".lost", "is -1"),
        ({"gained": 79}, "", "90 - baseline_exact 12 is not gained 79 - lost 2"),
        # The difference is right, yet more were gained than the candidate got right...
        ({"gained": 91, "lost": 13}, "", "leave -1 scenarios for both right"),
        # ...or more pairs are discordant than there are pairs.
        ({"gained": 89, "lost": 11}, "", "-1 for both wrong"),
    ],
)
def test_counts_that_cannot_be_name_their_field(counts: dict[str, int], field: str, words: str) -> None:
    error = refused(EvaluationCategory(category="ok", count=1), single_calls(**counts))
    assert error.reason == "INCONSISTENT_COUNTS"
    assert [each.field for each in error.violations] == [f"{FIELD}[1]{field}"]
    assert words in error.message


def test_categories_have_names_of_their_own() -> None:
    assert refused(single_calls(), single_calls()).reason == "DUPLICATE_CATEGORY"
    assert refused(EvaluationCategory(category=" ", count=1)).reason == "REQUIRED_FIELD"


def test_a_report_has_categories_and_not_too_many() -> None:
    assert refused().reason == "REQUIRED_FIELD"
    many = [EvaluationCategory(category=str(number), count=1) for number in range(MAX_CATEGORIES + 1)]
    assert refused(*many).violations[0].field == FIELD
    assert len(check_categories(many[1:], FIELD)) == MAX_CATEGORIES
