"""The share of scenarios that a model answers exactly, by category, with a confidence interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from distill.environments.base import Scenario
from distill.environments.execution import Job
from distill.trajectories.calls import ParseFailure, ParseOutcome, calls_equal
from distill.trajectories.types import JsonValue
from distill.verification.sandbox import NotExecuted, run_jobs

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

Miss = Literal["malformed", "wrong_calls", "wrong_state"]


class EvaluationError(RuntimeError):
    """The environments could not be run, so there is no figure. A model is never blamed for that."""


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """Counts of one category. ``misses`` says why the others were not exact."""

    count: int
    exact: int
    misses: Mapping[str, int]

    @property
    def fraction(self) -> float:
        """Exact answers, from 0 to 1."""
        return self.exact / self.count

    def to_json(self) -> dict[str, JsonValue]:
        """With the fraction and its Wilson 95 % interval."""
        low, high = wilson_interval(self.exact, self.count)
        return {
            "count": self.count,
            "exact": self.exact,
            "fraction": self.fraction,
            "interval_95": [low, high],
            "misses": {**self.misses},
        }


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """Scores by category. There is no overall figure: it would hang on how many scenarios each category has."""

    categories: Mapping[str, CategoryScore]

    def to_json(self) -> dict[str, JsonValue]:
        """One object a category."""
        return {category: result.to_json() for category, result in self.categories.items()}


def score(outputs: Sequence[ParseOutcome], scenarios: Sequence[Scenario], time_limit_s: float = 300.0) -> ScoreReport:
    """Score the outputs for the scenarios at the same places.

    An output is exact when its calls equal the gold calls in order, name and type of every argument, and running them
    reaches the expected state. Malformed text is a miss, also where nothing was to be called.

    Raises:
        ValueError: the two sequences differ in length.
        EvaluationError: calls could not be run.
    """
    misses = _misses(outputs, scenarios, time_limit_s)
    results: dict[str, list[Miss | None]] = {}
    for scenario, miss in zip(scenarios, misses, strict=True):
        results.setdefault(scenario.category, []).append(miss)
    return ScoreReport({category: _category(found) for category, found in sorted(results.items())})


def _misses(outputs: Sequence[ParseOutcome], scenarios: Sequence[Scenario], time_limit_s: float) -> list[Miss | None]:
    """Why each output is not exact, or None where it is."""
    misses: list[Miss | None] = []
    answered: list[tuple[int, Scenario, Job]] = []
    for index, (output, scenario) in enumerate(zip(outputs, scenarios, strict=True)):
        if isinstance(output, ParseFailure):
            misses.append("malformed")
        elif not calls_equal(output.calls, scenario.gold_calls):
            misses.append("wrong_calls")
        else:
            misses.append(None)
            answered.append((index, scenario, Job(scenario.environment, scenario.env_seed, output.calls)))
    # Calls that differ are a miss already, so only equal ones need a world.
    executions = run_jobs([job for _, _, job in answered], time_limit_s)
    for (index, scenario, _), execution in zip(answered, executions, strict=True):
        if isinstance(execution, NotExecuted):
            raise EvaluationError(f"scenario {scenario.id} could not be run: {execution.reason}")
        if execution.final_state != scenario.expected_state:
            misses[index] = "wrong_state"
    return misses


def _category(found: Sequence[Miss | None]) -> CategoryScore:
    counts = Counter(miss for miss in found if miss is not None)
    return CategoryScore(
        count=len(found), exact=len(found) - counts.total(), misses={miss: counts[miss] for miss in sorted(counts)}
    )


def wilson_interval(successes: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); unlike the normal one it is sound at 0 and 1.

    Raises:
        ValueError: ``count`` is not positive.
    """
    if count <= 0:
        raise ValueError("an interval needs at least one observation")
    share, squared = successes / count, z * z / count
    centre = (share + squared / 2) / (1 + squared)
    half = z / (1 + squared) * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    return max(0.0, centre - half), min(1.0, centre + half)
