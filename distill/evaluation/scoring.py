"""The share of scenarios that a model answers exactly, by category, with a confidence interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from distill.environments.base import Scenario, UserTurn
from distill.environments.definitions import Setup
from distill.environments.execution import Execution, Job
from distill.environments.limits import FAILURES
from distill.environments.sandbox import NotExecuted, run_jobs
from distill.rollouts.episode import Episode
from distill.trajectories.calls import same_calls
from distill.trajectories.turns import calls_in, user_turns
from distill.trajectories.types import JsonValue, Message, ToolCall
from spiritsafe.proportions import wilson_interval

Miss = Literal["malformed", "not_finished", "wrong_calls", "not_asked", "wrong_state", "not_executed"]


class EvaluationError(RuntimeError):
    """A built-in world could not be run, so there is no figure. A model is never blamed for that."""


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

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of that fraction."""
        return wilson_interval(self.exact, self.count)

    def to_json(self) -> dict[str, JsonValue]:
        """With the fraction and its interval."""
        return {
            "count": self.count,
            "exact": self.exact,
            "fraction": self.fraction,
            "interval_95": list(self.interval),
            "misses": {**self.misses},
        }


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """Scores by category, and why each episode is not exact (None where it is), in the order of the episodes.

    There is no overall figure: it would hang on how many scenarios each category has.
    """

    categories: Mapping[str, CategoryScore]
    misses: tuple[Miss | None, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """One object a category."""
        return {category: result.to_json() for category, result in self.categories.items()}


def score(episodes: Sequence[Episode], time_limit_s: float = 300.0, setup: Setup | None = None) -> ScoreReport:
    """Score episodes.

    One is exact when it was played to its end, each user turn has the right calls in name and type of every argument,
    those of one step in any order and the steps in theirs, the assistant asked where it had to, and running the calls
    reaches the expected state and what is asserted of it. Malformed text is a miss, also where nothing was to be
    called. So are calls that an environment of ``setup`` fails to execute: nobody can tell whether they or the
    environment are to blame.

    Raises:
        EvaluationError: calls could not be run in a built-in world.
    """
    misses = _misses(episodes, time_limit_s, setup or Setup())
    results: dict[str, list[Miss | None]] = {}
    for episode, miss in zip(episodes, misses, strict=True):
        results.setdefault(episode.scenario.category, []).append(miss)
    return ScoreReport({category: _category(found) for category, found in sorted(results.items())}, tuple(misses))


def _misses(episodes: Sequence[Episode], time_limit_s: float, setup: Setup) -> list[Miss | None]:
    misses = [_miss(episode, setup) for episode in episodes]
    # Calls that differ are a miss already, so only right ones need a world.
    right = [index for index, miss in enumerate(misses) if miss is None]
    jobs = [
        Job(scenario.environment, scenario.env_seed, calls_in(episodes[index].messages), scenario.assertions)
        for index in right
        for scenario in [episodes[index].scenario]
    ]
    for index, execution in zip(right, run_jobs(jobs, time_limit_s, setup), strict=True):
        if isinstance(execution, NotExecuted):
            misses[index] = _not_executed(episodes[index].scenario, execution.reason, setup)
        elif not _reached(episodes[index].scenario, execution):
            misses[index] = "wrong_state"
    return misses


def _not_executed(scenario: Scenario, reason: str, setup: Setup) -> Miss:
    if scenario.environment in setup.definitions:
        return "not_executed"
    raise EvaluationError(f"scenario {scenario.id} could not be run: {reason}")


def _reached(scenario: Scenario, execution: Execution) -> bool:
    return scenario.expected_state in ("", execution.final_state) and not execution.failed_assertions


def _miss(episode: Episode, setup: Setup) -> Miss | None:
    """Why an episode is not exact by its words alone."""
    if episode.ending in FAILURES:
        return _not_executed(episode.scenario, episode.problem, setup)
    if episode.ending == "malformed":
        return "malformed"
    if episode.ending != "finished":
        return "not_finished"
    turns = list(zip(user_turns(episode.messages), episode.scenario.turns, strict=True))
    if any(not _calls_right(messages, turn) for messages, turn in turns):
        return "wrong_calls"
    return None if all(turn.asked_in(messages[-1].content) for messages, turn in turns) else "not_asked"


def _calls_right(messages: Sequence[Message], turn: UserTurn) -> bool:
    """Whether the turns hold the calls of each step: over one assistant turn or several, and none of the next step's.

    What a step calls depends on what the step before returned.
    """
    said = [message.tool_calls for message in messages if message.tool_calls]
    for step in turn.steps:
        calls: list[ToolCall] = []
        while said and len(calls) < len(step.calls):
            calls += said.pop(0)
        if not same_calls(calls, step.calls):
            return False
    return not said


def _category(found: Sequence[Miss | None]) -> CategoryScore:
    counts = Counter(miss for miss in found if miss is not None)
    return CategoryScore(
        count=len(found), exact=len(found) - counts.total(), misses={miss: counts[miss] for miss in sorted(counts)}
    )
