"""What a step of curation says: what stays, and of each row that does not, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from distill.trajectories.types import JsonValue, Trajectory


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not trained on. ``reason`` is one of a few words, ``detail`` what it was about this row."""

    row_id: str
    reason: str
    detail: str

    def to_json(self) -> dict[str, JsonValue]:
        """For a file of dropped rows."""
        return {"id": self.row_id, "reason": self.reason, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one step."""

    name: str
    kept: tuple[Trajectory, ...]
    dropped: tuple[Dropped, ...] = ()
    added: int = 0
    """Rows that the step brought in; they are among ``kept``."""

    def to_json(self) -> dict[str, JsonValue]:
        """Counts, by reason."""
        reasons: dict[str, JsonValue] = dict(sorted(Counter(one.reason for one in self.dropped).items()))
        return {"step": self.name, "kept": len(self.kept), "dropped": reasons, "added": self.added}


def split(rows: Sequence[Trajectory], name: str, problems: dict[int, tuple[str, str]]) -> Step:
    """The step that drops the rows at these indexes, each for a reason and a detail."""
    return Step(
        name,
        tuple(row for index, row in enumerate(rows) if index not in problems),
        tuple(Dropped(rows[index].id, *problems[index]) for index in sorted(problems)),
    )
