"""Which version a rollback goes back to. Pure.

The promotions that succeeded are read like an undo stack: promoting a version pushes it, a rollback pops the version
that was current. So a second rollback goes one further back instead of forth again; going forward is an ordinary
promotion. Promoting the version that is current anew (for example under another outbound licence) replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """What a channel held after one successful promotion, and whether a rollback put it there."""

    version_id: int
    outbound_license: str
    distributed: bool
    rollback: bool


def rollback_target(history: Iterable[Held]) -> Held | None:
    """The version before the current one, as it was held then; None when there is none. ``history`` is oldest first."""
    stack: list[Held] = []
    for held in history:
        if stack and held.rollback:
            stack.pop()
        # The same version again, or the target of the rollback: this record takes the place of the older one.
        if stack and stack[-1].version_id == held.version_id:
            stack.pop()
        stack.append(held)
    return stack[-2] if len(stack) > 1 else None
