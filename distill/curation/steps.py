"""What a step of curation says: what stays, why a row does not, and what was wanted against what came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distill.trajectories.types import JsonValue, Trajectory


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not trained on, or of which something must be known.

    Attributes:
        row_id: its id.
        reason: one of a few words, by which rows are counted.
        detail: what it was about this row, in words.
        evidence: the same as values, for example the row that it repeats.
    """

    row_id: str
    reason: str
    detail: str
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """For a file of dropped rows."""
        return {"id": self.row_id, "reason": self.reason, "detail": self.detail, **self.evidence}


@dataclass(frozen=True, slots=True)
class Target:
    """A share that was asked for, and what it was before and is now.

    ``least`` and ``most`` are 0 and 1 where open; ``tolerance`` is how near whole rows come to them.
    """

    what: str
    before: float
    after: float
    least: float = 0.0
    most: float = 1.0
    tolerance: float = 1e-9

    @property
    def met(self) -> bool:
        """Whether it is now as it was asked for."""
        return self.least - self.tolerance <= self.after <= self.most + self.tolerance

    def to_json(self) -> dict[str, JsonValue]:
        """Shares with four digits."""
        return {
            "what": self.what,
            "least": self.least,
            "most": self.most,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step.

    Attributes:
        name: of the step.
        offered: rows that it was given.
        kept: rows that stay.
        dropped: the others, each with its reason.
        noted: rows that stay, of which something must be known.
        targets: what was wanted, and what came out.
    """

    name: str
    offered: int
    kept: tuple[Trajectory, ...]
    dropped: tuple[Dropped, ...] = ()
    noted: tuple[Dropped, ...] = ()
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step without its rows: counts by reason, and the first few rows of each."""

    name: str
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    noted: Mapping[str, int]
    targets: tuple[Target, ...]
    examples: Mapping[str, tuple[Dropped, ...]]

    def to_json(self, *, examples: bool = True) -> dict[str, JsonValue]:
        """``examples`` quote words of evaluations, so leave them out of what is published."""
        row: dict[str, JsonValue] = {
            "step": self.name,
            "in": self.rows_in,
            "out": self.rows_out,
            "dropped": dict(self.dropped),
            "noted": dict(self.noted),
            "targets": [target.to_json() for target in self.targets],
        }
        if examples:
            row["examples"] = {reason: [one.to_json() for one in rows] for reason, rows in self.examples.items()}
        return row


def report_of(step: Step, examples: int) -> StepReport:
    """Counts of a step, with so many examples a reason."""
    shown: dict[str, list[Dropped]] = {}
    for one in (*step.dropped, *step.noted):
        rows = shown.setdefault(one.reason, [])
        if len(rows) < examples:
            rows.append(one)
    return StepReport(
        step.name,
        step.offered,
        len(step.kept),
        _counted(step.dropped),
        _counted(step.noted),
        step.targets,
        {reason: tuple(shown[reason]) for reason in sorted(shown)},
    )


def _counted(rows: Sequence[Dropped]) -> dict[str, int]:
    return dict(sorted(Counter(one.reason for one in rows).items()))


def split(rows: Sequence[Trajectory], name: str, problems: Mapping[int, Dropped]) -> Step:
    """The step that drops the rows at these indexes."""
    kept = tuple(row for index, row in enumerate(rows) if index not in problems)
    return Step(name, len(rows), kept, tuple(problems[index] for index in sorted(problems)))
