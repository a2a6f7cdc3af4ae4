"""PostgreSQL: reads see one snapshot, writes take their turn.

Each write transaction first takes one advisory lock, which PostgreSQL gives back with the commit. So writes follow each
other as they do on SQLite: what a mutation read still holds when it commits, version numbers and event sequences are
dense, and the order of events is the order of commits. (A sequence of PostgreSQL's own follows neither.)
"""

from __future__ import annotations

import importlib.util

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine

from registry.storage.deadline import remaining_ms
from spiritsafe.errors import FailedPrecondition

# Any constant, the same in every process: the ASCII codes of "spirit".
WRITE_LOCK = 0x737069726974
LOCK_TIMEOUT_MS = 60_000
STATEMENT_TIMEOUT_MS = 60_000
# Longer than a server keeps idle connections behind most proxies.
RECYCLE_SECONDS = 1_800
POOL_SIZE = 16


def create(url: URL) -> Engine:
    """An engine whose transactions begin as reads, or as writes under the execution option ``write``.

    Raises FailedPrecondition where the driver is not installed.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise FailedPrecondition(
            "the driver of PostgreSQL is not installed here",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[postgresql]'",
        )
    # AUTOCOMMIT means that the driver begins nothing by itself: _begin does, in one round trip with all it needs.
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        pool_recycle=RECYCLE_SECONDS,
        connect_args={"application_name": "spiritsafe", "connect_timeout": 10},
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    write, statement_ms = options.get("write", False), options.get("statement_timeout_ms", STATEMENT_TIMEOUT_MS)
    limits = (
        f"SET LOCAL statement_timeout = {remaining_ms(statement_ms)}; "
        f"SET LOCAL lock_timeout = {remaining_ms(LOCK_TIMEOUT_MS)}"
    )
    if write:
        # Not REPEATABLE READ: its snapshot would be taken before the lock is, and miss what was committed meanwhile.
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; {limits}; SELECT pg_advisory_xact_lock({WRITE_LOCK})"
    else:
        begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"
    connection.exec_driver_sql(begin)
