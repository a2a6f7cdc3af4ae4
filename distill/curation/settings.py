"""What curation is asked to do, checked before anything is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, get_args

from distill.curation.decontamination import NGRAM, ForeignTools
from distill.curation.replay import Shortfall, Unit
from distill.trajectories.types import JsonValue
from spiritsafe.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True)
class CurationSettings:
    """What is left out and added. A step whose setting is None is not taken. Shares are from 0 to 1.

    Attributes:
        near_copies: Jaccard similarity from which a row is a near copy of another, above 0.
        contamination_words: words of a run that must not stand in an evaluation.
        foreign_tools: what becomes of rows that offer a tool of a foreign suite.
        most_of_a_tool: largest share of the calling rows that call one tool.
        most_of_a_turn_count: largest share of rows in one bucket of user turns.
        turn_buckets: the least number of user turns of each bucket, growing from 1.
        least_no_call: least share of rows that call nothing.
        most_no_call: largest share of rows that call nothing.
        replay: share of general-purpose rows in the result, below 1.
        replay_unit: what that is a share of.
        replay_shortfall: whether too little replay is an error, or all there is and a target that is not met.
        seed: decides which rows are left out or added where some must be.
        examples: rows that a report quotes for each reason.
    """

    near_copies: float | None = 0.9
    contamination_words: int | None = NGRAM
    foreign_tools: ForeignTools = "drop"
    most_of_a_tool: float | None = None
    most_of_a_turn_count: float | None = None
    turn_buckets: tuple[int, ...] = (1, 2, 3, 4, 5)
    least_no_call: float | None = None
    most_no_call: float | None = None
    replay: float | None = None
    replay_unit: Unit = "rows"
    replay_shortfall: Shortfall = "error"
    seed: int = 0
    examples: int = 3

    def check(self, field: str = "curation") -> CurationSettings:
        """The settings themselves. Raises InvalidArgument, with one violation per field that is wrong."""
        violations = tuple(Violation(f"{field}.{name}", problem) for name, problem in self._problems())
        if violations:
            told = "; ".join(f"{one.field}: {one.description}" for one in violations)
            raise InvalidArgument(told, reason="INVALID_CURATION", violations=violations)
        return self

    def to_json(self) -> dict[str, JsonValue]:
        """Every setting by its name; ``from_json`` reads it back."""
        return {**asdict(self), "turn_buckets": list(self.turn_buckets)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any], field: str = "curation") -> CurationSettings:
        """Read settings, those left out at their defaults.

        Raises:
            InvalidArgument: with one violation per field that is wrong or unknown.
        """
        unknown = sorted(set(row) - set(cls.__slots__))
        if unknown:
            known = ", ".join(cls.__slots__)
            violations = tuple(Violation(f"{field}.{name}", f"is no setting; use one of: {known}") for name in unknown)
            raise InvalidArgument(
                f"{field} has no {', '.join(unknown)}", reason="INVALID_CURATION", violations=violations
            )
        values = dict(row)
        if isinstance(values.get("turn_buckets"), list):
            values["turn_buckets"] = tuple(values["turn_buckets"])
        return cls(**values).check(field)

    def _problems(self) -> Iterator[tuple[str, str]]:
        yield from self._wrong_shares()
        for name, least in (("contamination_words", 1), ("seed", 0), ("examples", 0)):
            value = getattr(self, name)
            if not (value is None and name == "contamination_words") and not _whole(value, least):
                yield name, f"{value!r} is no whole number from {least}"
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                yield name, f"{getattr(self, name)!r} is none of: {', '.join(choices)}"
        buckets = self.turn_buckets
        whole = isinstance(buckets, tuple) and all(_whole(one, 1) for one in buckets)
        if not whole or buckets[:1] != (1,) or any(first >= second for first, second in pairwise(buckets)):
            yield "turn_buckets", f"{buckets!r} are not whole numbers that grow from 1"

    def _wrong_shares(self) -> Iterator[tuple[str, str]]:
        for name in ("near_copies", "most_of_a_tool", "most_of_a_turn_count", "most_no_call"):
            value = getattr(self, name)
            if value is not None and not (_number(value) and 0 < value <= 1):
                yield name, f"{value!r} is no share above 0 and up to 1"
        for name in ("least_no_call", "replay"):
            value = getattr(self, name)
            if value is not None and not (_number(value) and 0 <= value < 1):
                yield name, f"{value!r} is no share from 0 and below 1"
        least, most = self.least_no_call, self.most_no_call
        if _number(least) and _number(most) and least > most:  # type: ignore[operator]  # both are numbers
            yield "least_no_call", f"{least} is above most_no_call, which is {most}"


_CHOICES = {
    "foreign_tools": get_args(ForeignTools),
    "replay_unit": get_args(Unit),
    "replay_shortfall": get_args(Shortfall),
}


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
