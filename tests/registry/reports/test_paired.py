"""Paired figures against published examples, and what must hold for any table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.reports.paired import Pairs, difference, mcnemar_exact, newcombe_interval

# Newcombe 1998, Table III: both, only the first, only the second, neither; limits of method 10.
NEWCOMBE_TABLE_III = [
    ((36, 12, 2, 0), (0.0569, 0.3404)),
    ((20, 12, 2, 16), (0.0562, 0.3292)),
    ((18, 12, 2, 18), (0.0562, 0.3290)),
    ((36, 14, 0, 0), (0.1528, 0.4167)),
    ((35, 14, 0, 1), (0.1461, 0.4175)),
    ((18, 14, 0, 18), (0.1441, 0.3963)),
    ((2, 97, 1, 0), (0.8721, 0.9854)),
    ((1, 97, 1, 1), (0.8736, 0.9850)),
    ((0, 29, 1, 0), (0.6666, 0.9882)),
    ((2, 98, 0, 0), (0.9178, 0.9945)),
    ((1, 98, 0, 1), (0.9171, 0.9916)),
    ((0, 30, 0, 0), (0.8395, 1.0)),
    ((54, 0, 0, 0), (-0.0664, 0.0664)),
    ((53, 0, 0, 1), (-0.0729, 0.0729)),
    ((30, 0, 0, 24), (-0.0358, 0.0358)),
    ((29, 0, 0, 25), (-0.0354, 0.0354)),
    ((28, 0, 0, 26), (-0.0352, 0.0352)),
    ((27, 0, 0, 27), (-0.0351, 0.0351)),
]
TABLES = st.builds(Pairs, *[st.integers(0, 300)] * 4).filter(lambda pairs: pairs.count > 0)


@pytest.mark.parametrize(("cells", "limits"), NEWCOMBE_TABLE_III)
def test_interval_is_that_of_the_paper(cells: tuple[int, int, int, int], limits: tuple[float, float]) -> None:
    # The paper rounds to four decimals and takes 1.96 for the quantile.
    assert newcombe_interval(Pairs(*cells)) == pytest.approx(limits, abs=1e-4)


def test_interval_of_another_published_example() -> None:
    """Cavo et al. 2012 in Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), ch. 8."""
    assert newcombe_interval(Pairs(59, 6, 16, 80)) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # Armitage and Berry 1994, p. 127, two media for culturing: P = 0.0129.
        (Pairs(20, 12, 2, 16), 0.0129),
        # Fagerland, Lydersen and Laake 2013 (BMC Med. Res. Methodol. 13:91): Bentur et al. 2009, Cavo et al. 2012.
        (Pairs(1, 1, 7, 12), 0.0703),
        (Pairs(59, 6, 16, 80), 0.0525),
    ],
)
def test_mcnemar_of_published_examples(pairs: Pairs, expected: float) -> None:
    assert mcnemar_exact(pairs) == pytest.approx(expected, abs=5e-5)


@given(TABLES)
def test_mcnemar_is_the_binomial_tail_in_exact_arithmetic(pairs: Pairs) -> None:
    discordant, smaller = pairs.gained + pairs.lost, min(pairs.gained, pairs.lost)
    tail = sum(math.comb(discordant, successes) for successes in range(smaller + 1))
    assert mcnemar_exact(pairs) == pytest.approx(min(1.0, 2 * tail / 2**discordant), rel=1e-9)


def test_mcnemar_of_many_pairs_is_quick_and_finite() -> None:
    assert mcnemar_exact(Pairs(0, 10**9, 10**9 - 1, 0)) == pytest.approx(1.0, abs=1e-4)
    assert mcnemar_exact(Pairs(0, 10**6, 0, 0)) == 0.0


@given(TABLES)
def test_interval_holds_the_difference_and_turns_round_with_it(pairs: Pairs) -> None:
    low, high = newcombe_interval(pairs)
    assert -1 <= low <= difference(pairs) <= high <= 1
    assert low < high
    swapped = Pairs(pairs.both, pairs.lost, pairs.gained, pairs.neither)
    assert newcombe_interval(swapped) == pytest.approx((-high, -low))
    assert mcnemar_exact(swapped) == mcnemar_exact(pairs)


@pytest.mark.parametrize("pairs", [Pairs(50, 0, 0, 0), Pairs(0, 0, 0, 50), Pairs(20, 0, 0, 30)])
def test_no_discordant_pair_is_no_certainty(pairs: Pairs) -> None:
    low, high = newcombe_interval(pairs)
    assert low < 0 < high
    assert mcnemar_exact(pairs) == 1.0


def test_more_scenarios_narrow_the_interval() -> None:
    low, high = newcombe_interval(Pairs(5, 80, 1, 14))
    wider_low, wider_high = newcombe_interval(Pairs(1, 16, 0, 3))
    assert high - low < wider_high - wider_low
