"""What a check of the gate says, and the states in which an attempt ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The state in which an attempt ends; the names are those of PromotionState."""

    PROMOTED = "promoted"
    AWAITING_REVIEW = "awaiting_review"
    AWAITING_APPROVAL = "awaiting_approval"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of the gate and what was found.

    A failure has a ``remedy``, and a ``reason`` as its stable code, but for the verdict, whose codes are its reasons'.
    ``awaits`` is set on a failure that people's decisions alone can lift: the outcome of an attempt that lacks nothing
    else.
    """

    check: str
    passed: bool
    detail: str
    reason: str = ""
    remedy: str = ""
    awaits: Outcome | None = None


def outcome_of(checks: Iterable[Check]) -> Outcome:
    """What follows from the checks. Reviews come before approvals: who approves should know the verdict."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return Outcome.PROMOTED
    awaited = {check.awaits for check in failed}
    if None in awaited:
        return Outcome.DENIED
    return Outcome.AWAITING_REVIEW if Outcome.AWAITING_REVIEW in awaited else Outcome.AWAITING_APPROVAL


def some(names: Sequence[object], limit: int = 5) -> str:
    """The first few names: a model may have hundreds of files."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(str, names[:limit])) + more
