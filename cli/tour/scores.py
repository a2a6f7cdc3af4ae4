"""The scores of a run: as a table, as shares, and held to the demo's bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import SpiritsafeError

SUBJECTS = ("untouched_student", "student", "teacher")
NO_CALL = "no_call"
CATEGORIES = ("single", "parallel", "multi_turn", "recovery", "missing_parameter", "reasoning", NO_CALL)
# The least share of exact scenarios. The categories that are not named here are shown and held to nothing.
_STUDENT = {"single": 0.8, NO_CALL: 0.8, "parallel": 0.6, "multi_turn": 0.6, "recovery": 0.6}
_TEACHER = {"single": 0.9, NO_CALL: 0.9, "parallel": 0.75, "multi_turn": 0.75, "recovery": 0.75}
_LEAST = {"student": _STUDENT, "teacher": _TEACHER}
_MOST_UNTOUCHED = 0.2
_KEYS = {"before": "untouched_student", "after": "student", "teacher": "teacher"}


class BarsMissed(SpiritsafeError):
    """Somebody scored below, or the untouched student above, what the demo promises."""

    code = "BARS_MISSED"


class Bar(NamedTuple):
    """The shares of exact scenarios that a subject may reach, both ends included."""

    low: float
    high: float


def bar(subject: str, category: str) -> Bar:
    """What a subject should reach in a category: trained ones enough, the untouched one little where it must call."""
    if subject in _LEAST:
        return Bar(_LEAST[subject].get(category, 0.0), 1.0)
    # Not to call is no sign of having been trained.
    return Bar(0.0, 1.0 if category == NO_CALL else _MOST_UNTOUCHED)


def exact(scores: Sequence[run_pb2.Score], subject: str) -> dict[str, float]:
    """The share of exact scenarios by category."""
    return {one.category: one.exact / one.count for one in scores if one.subject == subject and one.count}


def categories(scores: Sequence[run_pb2.Score]) -> dict[str, dict[str, float | None]]:
    """Shares by category, before and after the training and of the teacher; None where nobody was scored."""
    shares = {key: exact(scores, subject) for key, subject in _KEYS.items()}
    return {category: {key: shares[key].get(category) for key in _KEYS} for category in _shown(scores)}


def rows(scores: Sequence[run_pb2.Score]) -> list[Mapping[str, str]]:
    """One row a category, one column a subject, with the 95 % interval of each share."""
    cells = {
        (one.category, one.subject): f"{one.exact} of {one.count} ({one.low:.0%} to {one.high:.0%})" for one in scores
    }
    return [
        {"category": category} | {subject: cells.get((category, subject), "") for subject in SUBJECTS}
        for category in _shown(scores)
    ]


def missed(scores: Sequence[run_pb2.Score], family: str) -> list[str]:
    """Every bar that was missed, in words; a category in which somebody was not scored is one."""
    return list(_missed(scores, family))


def require_none(missed: Sequence[str]) -> None:
    """Raises BarsMissed, naming all of them, where there are any."""
    if missed:
        raise BarsMissed(
            f"{len(missed)} scores are not what the demo promises: {'; '.join(missed)}",
            reason="BARS_MISSED",
            remedy="the tables above have the intervals, and work/ in the demo's home the log of each stage",
        )


def _missed(scores: Sequence[run_pb2.Score], family: str) -> Iterator[str]:
    for subject in SUBJECTS:
        shares = exact(scores, subject)
        # The teacher is that of every family.
        who = subject if subject == "teacher" else f"{family} {subject.replace('_', ' ')}"
        for category in _shown(scores):
            low, high = bar(subject, category)
            if category not in shares:
                yield f"{who}, {category}: not scored"
            elif not low <= shares[category] <= high:
                limit = f"at least {low:.0%}" if shares[category] < low else f"at most {high:.0%}"
                yield f"{who}, {category}: {shares[category]:.1%} exact, should be {limit}"


def _shown(scores: Sequence[run_pb2.Score]) -> list[str]:
    """The demo's categories in their order, then any others."""
    return list(dict.fromkeys([*CATEGORIES, *(one.category for one in scores)]))
