"""Freeze windows: times in which a channel does not move. Pure; all times are UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = rf"({'|'.join(DAYS)}) ([01][0-9]|2[0-3]):([0-5][0-9])"
_WEEKLY = re.compile(rf"{_TIME} - {_TIME}")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class OnceFrozen:
    """From ``start`` up to ``end``, microseconds since the epoch."""

    reason: str
    start: int
    end: int

    def until(self, at: int) -> int | None:
        """When the window that ``at`` lies in ends; None where it lies in none."""
        return self.end if self.start <= at < self.end else None


@dataclass(frozen=True, slots=True)
class WeeklyFrozen:
    """Every week from one minute of it up to another, both counted from Monday 00:00; it may run over Sunday's end."""

    reason: str
    start: int
    end: int

    def until(self, at: int) -> int | None:
        """As ``OnceFrozen.until``."""
        time = datetime.fromtimestamp(at / 1_000_000, UTC)
        minute = time.weekday() * _DAY + time.hour * 60 + time.minute
        length = (self.end - self.start) % _WEEK
        since = (minute - self.start) % _WEEK
        if since >= length:
            return None
        begun = time.replace(second=0, microsecond=0) - timedelta(minutes=since)
        return int((begun + timedelta(minutes=length)).timestamp()) * 1_000_000


Frozen = OnceFrozen | WeeklyFrozen


def weekly(reason: str, text: str) -> WeeklyFrozen:
    """Reads "fri 16:00 - mon 08:00". Raises ValueError."""
    match = _WEEKLY.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f'{text!r} is not of the form "fri 16:00 - mon 08:00"')
    first, last = match.groups()[:3], match.groups()[3:]
    start, end = (DAYS.index(day) * _DAY + int(hour) * 60 + int(minute) for day, hour, minute in (first, last))
    if start == end:
        raise ValueError(f"{text!r} begins where it ends")
    return WeeklyFrozen(reason, start, end)
