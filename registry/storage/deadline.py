"""The time that the caller of a request still gives it, so that no statement runs on for somebody who has left."""

from __future__ import annotations

import time
from contextvars import ContextVar

from spiritsafe.errors import DeadlineExceeded

EARLY_SECONDS = 0.01
# A reading of time.monotonic(); None where nobody set a limit.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_deadline(remaining_seconds: float | None) -> None:
    """For the current context, such as one call; None lifts it."""
    _deadline.set(None if remaining_seconds is None else time.monotonic() + remaining_seconds)


def current_deadline() -> float | None:
    """On the clock of ``time.monotonic``; None where there is no limit."""
    return _deadline.get()


def remaining_ms(limit_ms: int) -> int:
    """Milliseconds until the deadline, ``limit_ms`` at most. Raises DeadlineExceeded once it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return limit_ms
    left = int((deadline - time.monotonic()) * 1000)
    if left <= 0:
        raise exceeded()
    return min(left, limit_ms)


def has_passed() -> bool:
    """Whether there is a deadline that is over, or as good as over: who waits until then may wake a little early."""
    deadline = _deadline.get()
    return deadline is not None and deadline <= time.monotonic() + EARLY_SECONDS


def exceeded() -> DeadlineExceeded:
    """What a caller is told whose time ran out."""
    return DeadlineExceeded(
        "the request took longer than its deadline, and nothing was changed",
        reason="DEADLINE_EXCEEDED",
        remedy="allow more time, or ask for less",
    )
