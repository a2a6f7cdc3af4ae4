"""The thread of a server process that turns expiries into events, runs re-evaluations and does the upkeep."""

from __future__ import annotations

import logging
import threading
import time
from uuid import uuid4

from registry.clock import now
from registry.decisions.epoch import current_epoch
from registry.reevaluation.expiries import announce, next_moment
from registry.reevaluation.jobs import next_job
from registry.reevaluation.worker import Worker
from registry.storage.database import Database
from registry.upkeep.keeper import Keeper

_log = logging.getLogger(__name__)
# How soon a job that another process queued is seen; looking costs about a millisecond.
POLL_SECONDS = 0.5
# At least between two rounds that find nothing to do.
SOON_SECONDS = 0.05
# How long a job runs before agreements and approvals that are due are looked for again.
ROUND_SECONDS = 1.0
# After an unexpected failure; the job stays where it was.
RETRY_SECONDS = 5.0
# A server that stops still runs what is queued for so long: a command's own server lives no longer than the command.
DRAIN_SECONDS = 2.0
_MICROS = 1_000_000


class Scheduler:
    """Works beside the calls that a server answers; several processes on one database take turns by a lease."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker = Worker(database, uuid4().hex)
        self._keeper = Keeper(database)
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._round_end = 0.0
        self._thread = threading.Thread(target=self._run, name="spiritsafe-reevaluation", daemon=True)
        self._next: tuple[int, int | None] = (0, None)  # of which epoch, and when

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets it finish what is queued for ``DRAIN_SECONDS``, then stops between two batches; waits for the thread.

        A job that is left goes on where it was when the next server starts.
        """
        self._deadline = time.monotonic() + DRAIN_SECONDS
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            # Once more after the call to stop: what was queued just before it is seen.
            stopping = self._stopping.is_set()
            wait = self._attempt()
            if stopping and (wait or time.monotonic() >= self._deadline):
                break
            self._stopping.wait(wait)
        try:
            self._worker.stop()
        except Exception:  # noqa: BLE001 - nobody is there to catch it
            _log.exception("the lease was not given back; it ends by itself")

    def _attempt(self) -> float:
        """One round; gives how long to wait for the next, in seconds: 0 where work is left."""
        try:
            return self._round()
        except Exception:  # noqa: BLE001 - the thread must outlive a bad round
            _log.exception("re-evaluation failed and is tried again")
            return RETRY_SECONDS

    def _round(self) -> float:
        due, waiting = self._look()
        if due is not None and due <= now():
            with self._database.write() as session:
                if self._worker.lease(session):
                    waiting = announce(session, now()) > 0 or waiting
                    self._next = (0, None)
        self._round_end = time.monotonic() + ROUND_SECONDS
        if waiting and self._worker.run_next(self._go_on):
            return 0.0
        if not self._stopping.is_set() and self._keeper.work(self._worker.lease):
            return SOON_SECONDS
        return POLL_SECONDS if due is None else min(POLL_SECONDS, max((due - now()) / _MICROS, SOON_SECONDS))

    def _look(self) -> tuple[int | None, bool]:
        """When the next agreement or approval begins or ends, and whether a job waits."""
        with self._database.read() as session:
            epoch = current_epoch(session)
            if self._next[0] != epoch:
                self._next = (epoch, next_moment(session))
            return self._next[1], next_job(session) is not None

    def _go_on(self) -> bool:
        return time.monotonic() < (min(self._round_end, self._deadline) if self._stopping.is_set() else self._round_end)
