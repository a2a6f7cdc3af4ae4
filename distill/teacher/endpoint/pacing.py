"""How long to wait: between attempts, for a budget, and for a server that has failed. Pure: the clock is passed in."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the second attempt, and at most before any."""


def pause_before(attempt: int, chance: random.Random, asked_for: float = 0.0) -> float:
    """Seconds before the ``attempt``-th attempt (2 for the second): exponential with full jitter.

    Never shorter than what the server asked for. Source: M. Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
    """
    return max(asked_for, chance.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 2))))


@dataclass
class Budget:
    """So many units a minute, saved for a second at most; what is spent above that must be waited for.

    A debt is allowed, since what a request costs is known only afterwards.
    """

    per_minute: int
    level: float = 0.0
    at: float = 0.0

    def pause(self, now: float) -> float:
        """Seconds until something may be spent."""
        if not self.per_minute:
            return 0.0
        self._earn(now)
        return max(0.0, -self.level / (self.per_minute / 60))

    def spend(self, now: float, units: int) -> None:
        """Take so many units."""
        if self.per_minute:
            self._earn(now)
            self.level -= units

    def _earn(self, now: float) -> None:
        rate = self.per_minute / 60
        self.level = min(rate, self.level + (now - self.at) * rate)
        self.at = now


@dataclass
class Replica:
    """One server. It is set aside after a failure, twice as long after each further one, and then looked at anew."""

    url: str
    busy: int = 0
    failures: int = 0
    failed_at: float = float("-inf")
    aside_until: float = 0.0
    known: bool = False

    def failed(self, began: float, now: float, asked_for: float = 0.0) -> None:
        """Set it aside, for a request that began at ``began``: those under way when it failed count as one failure."""
        if began <= self.failed_at:
            return
        self.failures += 1
        self.failed_at = now
        self.aside_until = now + max(asked_for, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.failures - 1)))
        self.known = False

    def answered(self) -> None:
        """All is well again."""
        self.failures, self.aside_until = 0, 0.0


def least_busy(replicas: list[Replica], now: float) -> Replica | None:
    """The server with the fewest requests of those that are not set aside."""
    ready = [one for one in replicas if one.aside_until <= now]
    return min(ready, key=lambda one: one.busy, default=None)
