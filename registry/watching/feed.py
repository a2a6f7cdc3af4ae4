"""The newest audit event, looked for once per server however many streams wait for it.

Other processes write to the same database, so that it is asked rather than this process's own mutations. SQLite says
in microseconds whether anything was committed at all; PostgreSQL is asked for the last sequence. Nobody asks while
nobody watches.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import col, func, select

from registry.storage.database import Database
from registry.storage.tables import AuditEvent
from spiritsafe.errors import ResourceExhausted, Unavailable

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.05
# After a failure, such as a database that is restarted.
RETRY_SECONDS = 1.0
THREADS = 2
# Of the calls that a server takes at the same time, see registry.server.
MAX_WATCHERS = 600
# Of one read: so many events are held for a slow client, and so many are looked at for a filter that few match.
BATCH_EVENTS = 100
SCAN_EVENTS = 10_000
ResultT = TypeVar("ResultT")


class Feed:
    """Lives on the event loop of its server; the database is read on threads of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="spiritsafe-watch")
        self._head = 0
        self._advanced = asyncio.Event()
        self._watchers = 0
        self._poller: asyncio.Task[None] | None = None
        self._reads: dict[Hashable, asyncio.Task[tuple[Sequence[AuditEvent], int]]] = {}
        self.closed = False

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[int]:
        """Counts one more watcher and gives the sequence of the newest event.

        Raises ResourceExhausted when there are too many, Unavailable once the server stops.
        """
        if self.closed:
            raise stopping()
        if self._watchers >= MAX_WATCHERS:
            raise ResourceExhausted(
                f"{MAX_WATCHERS} clients watch this server already",
                reason="TOO_MANY_WATCHERS",
                remedy="try again later, or list events instead",
                retry_seconds=30.0,
            )
        self._watchers += 1
        try:
            self._advance(await self._run(self._newest))
            if self._poller is None:
                self._poller = asyncio.create_task(self._poll())
            yield self._head
        finally:
            self._watchers -= 1
            if self._watchers == 0 and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    async def wait(self, after: int, seconds: float) -> None:
        """Until there is an event after this sequence, the server stops, or so many seconds have passed."""
        if self._head > after or self.closed:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._advanced.wait()

    async def read(
        self, query: Hashable, conditions: Sequence[ColumnElement[bool]], after: int
    ) -> tuple[Sequence[AuditEvent], int]:
        """The next events after a sequence that meet the conditions, and up to where all such are among them.

        They are none while there is no event after it. Streams that ask for the same at the same moment, ``query``
        being equal, share one answer.
        """
        if self._head <= after:
            return (), after
        key = (query, after)
        if key not in self._reads:
            upto = min(self._head, after + SCAN_EVENTS)
            task = asyncio.create_task(self._run(lambda: self._events(conditions, after, upto)))
            task.add_done_callback(lambda _: self._reads.pop(key, None))
            self._reads[key] = task
        # A stream that is cancelled must not take the answer from the others.
        return await asyncio.shield(self._reads[key])

    def close(self) -> None:
        """Ends every wait; no stream begins any more."""
        self.closed = True
        self._advanced.set()

    async def release(self) -> None:
        """Ends the threads, once all streams have ended."""
        await asyncio.to_thread(self._pool.shutdown)

    async def _run(self, function: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def _poll(self) -> None:
        seen: int | None = None
        while True:
            try:
                changes = self._database.changes()
                if changes is None or changes != seen:
                    self._advance(await self._run(self._newest))
                seen = changes
            except Exception:  # noqa: BLE001 - the streams wait for as long as it takes
                _log.exception("looking for new events failed and is tried again")
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(POLL_SECONDS)

    def _advance(self, head: int) -> None:
        if head <= self._head or self.closed:
            return
        self._head = head
        self._advanced.set()
        self._advanced = asyncio.Event()

    def _newest(self) -> int:
        with self._database.read() as session:
            return session.exec(select(func.max(AuditEvent.sequence))).one() or 0

    def _events(
        self, conditions: Sequence[ColumnElement[bool]], after: int, upto: int
    ) -> tuple[Sequence[AuditEvent], int]:
        sequence = col(AuditEvent.sequence)
        query = select(AuditEvent).where(sequence > after, sequence <= upto, *conditions)
        with self._database.read() as session:
            found = session.exec(query.order_by(sequence).limit(BATCH_EVENTS)).all()
        return found, found[-1].sequence if len(found) == BATCH_EVENTS else upto


def stopping() -> Unavailable:
    """What the clients of a server that stops are told."""
    return Unavailable(
        "the server is stopping",
        reason="SERVER_STOPPING",
        remedy="watch again from the last cursor; another server, or the next one, goes on from there",
    )
