"""Two models on the same scenarios: what one gained over the other and what it lost, by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill.environments.base import Scenario
from distill.evaluation.scoring import ScoreReport


@dataclass(frozen=True, slots=True)
class Pairing:
    """One category. ``gained`` are scenarios that only the candidate answered exactly, ``lost`` only the baseline."""

    category: str
    count: int
    candidate_exact: int
    baseline_exact: int
    gained: int
    lost: int


def pair(scenarios: Sequence[Scenario], candidate: ScoreReport, baseline: ScoreReport) -> list[Pairing]:
    """Compare two reports on episodes of ``scenarios``, in their order.

    Raises:
        ValueError: the reports are not about as many scenarios.
    """
    outcomes: dict[str, list[tuple[bool, bool]]] = {}
    for scenario, mine, theirs in zip(scenarios, candidate.misses, baseline.misses, strict=True):
        outcomes.setdefault(scenario.category, []).append((mine is None, theirs is None))
    return [
        Pairing(
            category=category,
            count=len(pairs),
            candidate_exact=sum(mine for mine, _ in pairs),
            baseline_exact=sum(theirs for _, theirs in pairs),
            gained=pairs.count((True, False)),
            lost=pairs.count((False, True)),
        )
        for category, pairs in sorted(outcomes.items())
    ]
