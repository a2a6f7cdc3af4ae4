"""SQLite: one file in WAL mode, safe for several processes at once.

A write transaction begins IMMEDIATE: taking the lock on the first statement rather than on the first write means that
what it read cannot have changed when it commits, and that it waits its turn instead of failing.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine

from registry.storage.deadline import current_deadline, remaining_ms

BUSY_TIMEOUT_MS = 60_000
# Of each connection, in KiB. The rows of one long lineage lie on hundreds of pages: SQLite's default of 2 MB, shared
# with everything else that is read, loses them between two verdicts.
CACHE_KIB = 32 * 1024
# Steps of SQLite's machine between two looks at the clock: about a millisecond.
STEPS_BETWEEN_LOOKS = 20_000
_SWITCH_PAUSE_S = 0.01


def create(url: URL) -> Engine:
    """An engine whose transactions begin as reads, or as writes under the execution option ``write``."""
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


class Changes:
    """Tells whether anybody has committed to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # Of its own and never written through: data_version is about the commits of other connections.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)

    def number(self) -> int:
        """https://www.sqlite.org/pragma.html#pragma_data_version"""
        with self._lock:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


def _configure(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin does, with the right mode.
    connection.isolation_level = None
    cursor = connection.cursor()
    # The busy timeout comes first: switching to WAL needs the lock that another process may hold just then.
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Where two processes switch a new file at once, SQLite fails one at once, whatever its busy timeout."""
    end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(_SWITCH_PAUSE_S)


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    _limit(connection, driver)
    if connection.get_execution_options().get("write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Straight to the driver, at a tenth of the price: it takes no lock, so there is no error to translate.
        driver.execute("BEGIN")


def _limit(connection: Connection, driver: Any) -> None:
    """Has statements, and the wait for the write lock, end at the deadline of the request."""
    deadline, limited = current_deadline(), connection.info.get("limited", False)
    if deadline is None and not limited:
        return
    connection.info["limited"] = deadline is not None
    driver.execute(f"PRAGMA busy_timeout = {remaining_ms(BUSY_TIMEOUT_MS)}")
    driver.set_progress_handler(deadline and _late(deadline), STEPS_BETWEEN_LOOKS)


def _late(deadline: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > deadline
