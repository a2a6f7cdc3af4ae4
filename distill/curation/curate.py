"""All steps of curation in their order: copies, what belongs to an evaluation, balance, general replay. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from distill.curation.balance import balanced
from distill.curation.decontamination import Suite, without_contamination
from distill.curation.duplicates import without_copies, without_near_copies
from distill.curation.replay import Size, mixed
from distill.curation.settings import CurationSettings
from distill.curation.steps import Dropped, Step, StepReport, Target, report_of
from distill.trajectories.statistics import characters
from distill.trajectories.types import JsonValue, Trajectory
from spiritsafe.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True)
class CurationReport:
    """What became of all rows: each is kept, or counted under one reason of one step.

    ``rows_in`` are the rows that were to be curated, ``replay_in`` those on offer for replay. ``suites`` are the names
    of the evaluations that rows were compared with.
    """

    settings: CurationSettings
    suites: tuple[str, ...]
    rows_in: int
    replay_in: int
    rows_out: int
    steps: tuple[StepReport, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What was wanted of all steps, and what came out."""
        return tuple(target for step in self.steps for target in step.targets)

    def to_json(self, *, examples: bool = True) -> dict[str, JsonValue]:
        """``examples`` quote words of evaluations, so leave them out of what is published."""
        return {
            "settings": self.settings.to_json(),
            "suites": list(self.suites),
            "in": self.rows_in,
            "replay_in": self.replay_in,
            "out": self.rows_out,
            "steps": [step.to_json(examples=examples) for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class Curated:
    """The rows to train on, with ``replayed`` of them replay at their end, and those that are left out with reasons."""

    kept: tuple[Trajectory, ...]
    dropped: tuple[Dropped, ...]
    replayed: int
    report: CurationReport


def curate(
    rows: Sequence[Trajectory],
    settings: CurationSettings,
    suites: Sequence[Suite] = (),
    replay: Sequence[Trajectory] = (),
    tokens: Size | None = None,
) -> Curated:
    """Take every step that the settings ask for.

    Replay rows go through the same tests for copies, among them copies of the rows themselves, and for contamination
    before any of them is added. ``tokens`` counts a row's where replay is a share of tokens.

    Raises:
        InvalidArgument: a setting is wrong, or tokens are to be counted and nothing counts them.
        FailedPrecondition: there is too little replay.
    """
    settings.check()
    size = _size(settings, tokens)
    steps = list(_steps(tuple(rows), settings, suites))
    own = steps[-1].kept
    if settings.replay is not None:
        tests = list(_replay_tests(own, tuple(replay), settings, suites))
        how = size, settings.replay_unit, settings.replay_shortfall
        steps += [*tests, mixed(own, tests[-1].kept, settings.replay, settings.seed, *how)]
    kept = steps[-1].kept
    dropped = tuple(one for step in steps for one in step.dropped)
    reports = tuple(report_of(step, settings.examples) for step in steps)
    names = tuple(suite.name for suite in suites)
    replay_in = len(replay) if settings.replay is not None else 0
    report = CurationReport(settings, names, len(rows), replay_in, len(kept), reports)
    return Curated(kept, dropped, len(kept) - len(own), report)


def _size(settings: CurationSettings, tokens: Size | None) -> Size:
    if settings.replay is None or settings.replay_unit == "rows":
        return lambda _row: 1
    if settings.replay_unit == "characters":
        return characters
    if tokens is None:
        problem = "a share of tokens needs a tokenizer; take characters or rows"
        violation = Violation("curation.replay_unit", problem)
        raise InvalidArgument(problem, reason="INVALID_CURATION", violations=(violation,))
    return tokens


_Rows = tuple[Trajectory, ...]
_Test = Callable[[_Rows], Step]


def _copy_tests(settings: CurationSettings) -> Iterator[_Test]:
    yield without_copies
    if (threshold := settings.near_copies) is not None:
        yield lambda rows: without_near_copies(rows, threshold)


def _contamination_test(settings: CurationSettings, suites: Sequence[Suite]) -> Iterator[_Test]:
    if (words := settings.contamination_words) is not None:
        yield lambda rows: without_contamination(rows, suites, words, settings.foreign_tools)


def _steps(rows: _Rows, settings: CurationSettings, suites: Sequence[Suite]) -> Iterator[Step]:
    for test in (*_copy_tests(settings), *_contamination_test(settings, suites)):
        step = test(rows)
        rows = step.kept
        yield step
    yield from balanced(rows, settings)


def _replay_tests(own: _Rows, replay: _Rows, settings: CurationSettings, suites: Sequence[Suite]) -> Iterator[Step]:
    for test in _copy_tests(settings):
        # The rows themselves come first and are no copies of each other, so what goes is replay.
        step = test((*own, *replay))
        step = replace(step, name=f"replay: {step.name}", offered=len(replay), kept=step.kept[len(own) :])
        replay = step.kept
        yield step
    for test in _contamination_test(settings, suites):
        step = test(replay)
        replay = step.kept
        yield replace(step, name=f"replay: {step.name}")
