"""Two proportions over the same scenarios: their difference with its interval, and whether it may be chance. Pure.

Answers of a model and of its base to one scenario depend on each other, so intervals and tests for independent samples
do not apply: what counts are the pairs in which only one of the two is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from spiritsafe.proportions import wilson_interval


@dataclass(frozen=True, slots=True)
class Pairs:
    """The table of pairs: how many scenarios both, only the candidate, only the baseline, and neither got right."""

    both: int
    gained: int
    lost: int
    neither: int

    @property
    def count(self) -> int:
        return self.both + self.gained + self.lost + self.neither


def difference(pairs: Pairs) -> float:
    """Candidate's proportion less baseline's, from -1 to 1."""
    return (pairs.gained - pairs.lost) / pairs.count


def newcombe_interval(pairs: Pairs) -> tuple[float, float]:
    """The 95 % interval of the difference (R. G. Newcombe, Statistics in Medicine 17:2635-2650, 1998, method 10).

    Each end squares and adds the distances to the ends of the two Wilson score intervals, less what the correlation of
    the pairs explains. It stays within -1 and 1, and has a width also where no pair is discordant. ``pairs`` must not
    be empty.
    """
    candidate, baseline = pairs.both + pairs.gained, pairs.both + pairs.lost
    below, above = _wilson_distances(candidate, pairs.count)
    base_below, base_above = _wilson_distances(baseline, pairs.count)
    phi, centre = _phi(pairs), difference(pairs)
    # One end moves the candidate down and the baseline up, the other the other way round.
    low = centre - math.sqrt(below**2 - 2 * phi * below * base_above + base_above**2)
    high = centre + math.sqrt(above**2 - 2 * phi * above * base_below + base_below**2)
    return max(-1.0, low), min(1.0, high)


def mcnemar_exact(pairs: Pairs) -> float:
    """Two-sided p-value of McNemar's exact test: of the discordant pairs, half should go either way.

    Twice the smaller binomial tail, at most 1; 0.0 where that is less than a float can hold.
    """
    discordant, smaller = pairs.gained + pairs.lost, min(pairs.gained, pairs.lost)
    log_largest = (
        math.lgamma(discordant + 1)
        - math.lgamma(smaller + 1)
        - math.lgamma(discordant - smaller + 1)
        - discordant * math.log(2)
    )
    # The largest term of the tail first: each further one is smaller by a known factor, and soon adds nothing.
    total, term, successes = 0.0, 1.0, smaller
    while total + term > total:
        total += term
        term *= successes / (discordant - successes + 1)
        successes -= 1
    return min(1.0, 2 * math.exp(log_largest) * total)


def _wilson_distances(successes: int, count: int) -> tuple[float, float]:
    """From a proportion to the lower and upper end of its Wilson score interval."""
    low, high = wilson_interval(successes, count)
    return successes / count - low, high - successes / count


def _phi(pairs: Pairs) -> float:
    """The correlation of the pairs, if positive corrected for continuity; 0 where a margin of the table is empty."""
    margins = (
        (pairs.both + pairs.gained)
        * (pairs.lost + pairs.neither)
        * (pairs.both + pairs.lost)
        * (pairs.gained + pairs.neither)
    )
    if margins == 0:
        return 0.0
    determinant: float = pairs.both * pairs.neither - pairs.gained * pairs.lost
    if determinant > 0:
        determinant = max(determinant - pairs.count / 2, 0.0)
    return determinant / math.sqrt(margins)
