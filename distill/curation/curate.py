"""All steps of curation in their order: copies, what belongs to an evaluation, balance, general replay. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from distill.curation import balance
from distill.curation.decontamination import NGRAM, Suite, without_contamination
from distill.curation.duplicates import without_copies, without_near_copies
from distill.curation.replay import mixed
from distill.curation.steps import Dropped, Step
from distill.trajectories.types import JsonValue, Trajectory
from spiritsafe.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True)
class CurationSettings:
    """What is left out. A step whose setting is None is not taken.

    Attributes:
        near_copies: Jaccard similarity from which a row is a near copy of another, above 0.
        contamination_words: words of a run that must not stand in an evaluation.
        most_of_a_tool: largest share of the calling rows that call one tool.
        most_of_a_turn_count: largest share of rows with the same number of user turns.
        most_no_call: largest share of rows that call nothing.
        replay: share of general-purpose rows in the result.
        seed: decides which rows are left out or added where some must be.
    """

    near_copies: float | None = 0.9
    contamination_words: int | None = NGRAM
    most_of_a_tool: float | None = None
    most_of_a_turn_count: float | None = None
    most_no_call: float | None = None
    replay: float | None = None
    seed: int = 0

    def check(self, field: str = "curation") -> CurationSettings:
        """The settings themselves. Raises InvalidArgument, with one violation per field that is wrong."""
        violations = tuple(Violation(f"{field}.{name}", problem) for name, problem in self._problems())
        if violations:
            told = "; ".join(f"{one.field}: {one.description}" for one in violations)
            raise InvalidArgument(told, reason="INVALID_CURATION", violations=violations)
        return self

    def _problems(self) -> Iterator[tuple[str, str]]:
        for name in ("near_copies", "most_of_a_tool", "most_of_a_turn_count", "most_no_call"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                yield name, f"{value} is no share above 0 and up to 1"
        if self.replay is not None and not 0 <= self.replay < 1:
            yield "replay", f"{self.replay} is no share from 0 and below 1"
        if self.contamination_words is not None and self.contamination_words < 1:
            yield "contamination_words", "must be at least 1"


@dataclass(frozen=True, slots=True)
class Curated:
    """The rows to train on, and what each step did, in order."""

    rows: tuple[Trajectory, ...]
    steps: tuple[Step, ...]

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Every row that was left out, with its reason."""
        return tuple(one for step in self.steps for one in step.dropped)

    def to_json(self) -> list[JsonValue]:
        """Counts by step and reason."""
        return [step.to_json() for step in self.steps]


def curate(
    rows: Sequence[Trajectory],
    settings: CurationSettings,
    suites: Sequence[Suite] = (),
    replay: Sequence[Trajectory] = (),
) -> Curated:
    """Take every step that the settings ask for.

    Replay rows go through the same tests for copies and contamination before any of them is added.

    Raises:
        InvalidArgument: a setting is wrong.
        FailedPrecondition: there is too little replay.
    """
    settings.check()
    steps: list[Step] = []
    for take in _steps(settings, suites):
        steps.append(take(steps[-1].kept if steps else tuple(rows)))
    if settings.replay:
        fresh = replay
        for take in _tests(settings, suites):
            fresh = take(fresh).kept
        steps.append(mixed(steps[-1].kept, fresh, settings.replay, settings.seed))
    return Curated(steps[-1].kept, tuple(steps))


_Take = Callable[[Sequence[Trajectory]], Step]


def _tests(settings: CurationSettings, suites: Sequence[Suite]) -> Iterator[_Take]:
    yield without_copies
    near, words = settings.near_copies, settings.contamination_words
    if near is not None:
        yield lambda rows: without_near_copies(rows, near)
    if words is not None:
        yield lambda rows: without_contamination(rows, suites, words)


def _steps(settings: CurationSettings, suites: Sequence[Suite]) -> Iterator[_Take]:
    yield from _tests(settings, suites)
    for most, step in (
        (settings.most_of_a_tool, balance.balanced_tools),
        (settings.most_of_a_turn_count, balance.balanced_turns),
        (settings.most_no_call, balance.limited_no_call),
    ):
        if most is not None:
            yield partial(step, most=most, seed=settings.seed)
