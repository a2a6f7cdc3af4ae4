"""Verdicts kept in memory. Nothing stale is served: the licence epoch is part of the key, and expiries end an entry."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

from registry.storage.database import Database
from spiritsafe.registry.v1 import licensing_pb2

MAX_ENTRIES = 20_000


class Question(NamedTuple):
    """All that a verdict depends on besides the epoch's data and the clock.

    The version is named by its permanent uid, because a database may reuse the row id of a deleted one.
    """

    epoch: int
    version_uid: str
    context: str
    outbound: str
    distributed: bool
    public_name: str


class Known(NamedTuple):
    """A verdict, and when the passing of time may change it (microseconds); None for never."""

    verdict: licensing_pb2.Verdict.ValueType
    valid_until: int | None


class Memo:
    """The most recently used answers, up to a bound."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: OrderedDict[Question, tuple[licensing_pb2.Evaluation, int | None]] = OrderedDict()
        self._lock = Lock()
        self._max_entries = max_entries

    def get(self, question: Question, at: int) -> licensing_pb2.Evaluation | None:
        """A copy of the answer, unless the passing of time may have changed it."""
        with self._lock:
            evaluation = self._valid(question, at)
        if evaluation is None:
            return None
        copy = licensing_pb2.Evaluation()
        copy.CopyFrom(evaluation)
        return copy

    def verdict(self, question: Question, at: int) -> Known | None:
        """The verdict alone, without the price of a copy."""
        with self._lock:
            evaluation = self._valid(question, at)
            return evaluation and Known(evaluation.verdict, self._entries[question][1])

    def put(self, question: Question, evaluation: licensing_pb2.Evaluation, valid_until: int | None) -> None:
        """Keeps a copy of the answer until ``valid_until`` (microseconds), or until it is crowded out."""
        kept = licensing_pb2.Evaluation()
        kept.CopyFrom(evaluation)
        with self._lock:
            self._entries[question] = (kept, valid_until)
            self._entries.move_to_end(question)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def _valid(self, question: Question, at: int) -> licensing_pb2.Evaluation | None:
        evaluation, valid_until = self._entries.get(question, (None, None))
        if evaluation is None:
            return None
        if valid_until is not None and valid_until <= at:
            del self._entries[question]
            return None
        self._entries.move_to_end(question)
        return evaluation

    def __len__(self) -> int:
        return len(self._entries)


_memos: WeakKeyDictionary[Database, Memo] = WeakKeyDictionary()
_memos_lock = Lock()


def memo_of(database: Database) -> Memo:
    """The memo of one open database: two registries in one process share nothing."""
    with _memos_lock:
        return _memos.setdefault(database, Memo())
