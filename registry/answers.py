"""Answers of reads, given again until anything in the database changes or time makes them untrue.

A channel is asked for again and again by whoever serves what it holds. The same question of the same caller then costs
a look at the database's number of changes, on the event loop, and neither a thread nor a statement. Where the database
has no such number, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from registry.clock import now
from registry.storage.database import Database
from spiritsafe.rpc.caller import Caller

MAX_ENTRIES = 10_000
_REPEATABLE = "repeatable"
FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


class Question(NamedTuple):
    """All that an answer depends on besides the database and the clock."""

    path: str
    request: bytes
    caller: Caller | None


@dataclass(slots=True)
class _Truth:
    """Until when what is being answered is true, in UTC microseconds; None for as long as nothing changes."""

    end: int | None = None


class _Kept(NamedTuple):
    answer: bytes
    changes: int
    end: int | None


_truth: ContextVar[_Truth | None] = ContextVar("truth", default=None)


def repeatable(method: FunctionT) -> FunctionT:
    """Marks a method that reads, whose answer changes only with the database or at times told to ``true_until``."""
    setattr(method, _REPEATABLE, True)
    return method


def is_repeatable(method: Callable[..., object]) -> bool:
    return getattr(method, _REPEATABLE, False)


def true_until(end: int | None) -> None:
    """Says when the answer at hand may become another one though nothing changes (UTC microseconds)."""
    truth = _truth.get()
    if truth is not None and end is not None:
        truth.end = end if truth.end is None else min(truth.end, end)


class Answers:
    """The answers of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Single operations on a dict need no lock.
        self._kept: dict[Question, _Kept] = {}

    def recall(self, question: Question) -> bytes | None:
        """The answer, if it is certainly still the right one. Never waits."""
        kept = self._kept.get(question)
        if kept is None or kept.changes != self._database.changes():
            return None
        return kept.answer if kept.end is None or kept.end > now() else None

    def answer(self, question: Question, find: Callable[[], bytes]) -> bytes:
        """What ``find`` says, kept for the next time. Nothing is kept of what it raises."""
        # Looked at first: a change while the answer is being found makes it one that is not given again.
        changes = self._database.changes()
        with _watched() as truth:
            answer = find()
        if changes is not None and (truth.end is None or truth.end > now()):
            if len(self._kept) >= MAX_ENTRIES:
                self._kept.clear()
            self._kept[question] = _Kept(answer, changes, truth.end)
        return answer


@contextmanager
def _watched() -> Iterator[_Truth]:
    truth = _Truth()
    token = _truth.set(truth)
    try:
        yield truth
    finally:
        _truth.reset(token)
