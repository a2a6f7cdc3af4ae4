"""Engine, migrations and the two kinds of transaction: reads, and writes that take the write lock at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import Connection
from sqlmodel import Session

BUSY_TIMEOUT_MS = 60_000
# Of each connection, in KiB. The rows of one long lineage lie on hundreds of pages: SQLite's default of 2 MB, shared
# with everything else that is read, loses them between two verdicts.
CACHE_KIB = 32 * 1024
MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def head_revision() -> str:
    """The newest revision of this code: migrations are numbered, and their files begin with the number."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


class Database:
    """One SQLite file in WAL mode, safe for several processes at once.

    A write transaction begins IMMEDIATE: taking the lock on the first statement rather than on the first write means
    that what it read cannot have changed when it commits, and that it waits its turn instead of failing.
    """

    def __init__(self, path: Path) -> None:
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._write_engine = self._engine.execution_options(write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent snapshot."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back when the body raises."""
        with Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def revision(self) -> str:
        """The schema's revision; empty before the first migration."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return ""
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")

    def migrate(self) -> None:
        """Brings the schema to the newest revision; does nothing when it is there."""
        # Alembic takes longer to import than a command on an up-to-date home takes to run.
        from alembic import command
        from alembic.config import Config

        with self._write_engine.connect() as connection, connection.begin():
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        self._engine.dispose()


def _configure(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin does, with the right mode.
    connection.isolation_level = None
    cursor = connection.cursor()
    # The busy timeout comes first: switching to WAL needs the lock that another process may hold just then.
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
