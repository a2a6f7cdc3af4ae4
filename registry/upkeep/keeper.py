"""Looks for upkeep that is due, and does it in short write transactions between which others get their turn."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlmodel import Session, col, select

from registry.clock import now
from registry.storage.database import Database
from registry.storage.tables import Node, Request, Version
from registry.upkeep.purging import purge_some
from registry.upkeep.requests import KEEP_MICROS, forget_some

# Between two looks, as long as nothing is due.
LOOK_SECONDS = 60.0
_TASKS: tuple[Callable[[Session, int], int], ...] = (purge_some, forget_some)


class Keeper:
    """Upkeep of one database by one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next_look = 0.0

    def work(self, lease: Callable[[Session], bool]) -> bool:
        """One batch of what is due, where ``lease`` lets it; True where more may be left."""
        if time.monotonic() < self._next_look:
            return False
        at = now()
        with self._database.read() as session:
            due = _is_due(session, at)
        done = 0
        if due:
            with self._database.write() as session:
                if lease(session):
                    done = sum(task(session, at) for task in _TASKS)
        if not done:
            self._next_look = time.monotonic() + LOOK_SECONDS
        return done > 0


def _is_due(session: Session, at: int) -> bool:
    queries = (
        select(col(Version.id)).where(col(Version.purge_time) <= at),
        select(col(Node.id)).where(col(Node.purge_time) <= at),
        select(col(Request.create_time)).where(col(Request.create_time) < at - KEEP_MICROS),
    )
    return any(session.exec(query.limit(1)).first() is not None for query in queries)
