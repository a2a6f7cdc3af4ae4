"""Engine, migrations and the two kinds of transaction: reads, and writes that take the write lock at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, inspect, make_url
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session

from registry.errors import invalid
from registry.storage import postgresql, search_terms, sqlite  # noqa: F401 - search_terms keeps its index by listening
from registry.storage.deadline import exceeded, has_passed, remaining_ms
from registry.storage.failures import busy
from spiritsafe.errors import InvalidArgument

MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRESQL = "postgresql+psycopg"
# A migration may rewrite a table of millions of rows; nobody waits for it with a deadline.
_NO_TIMEOUT = 0
# For the turn to write, as for the locks of the databases themselves.
WAIT_MS = 60_000


@cache
def head_revision() -> str:
    """The newest revision of this code: migrations are numbered, and their files begin with the number."""
    return max(revisions())


def revisions() -> list[str]:
    """All revisions, oldest first."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def read_url(text: str) -> URL:
    """The address of a database: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises InvalidArgument for any other.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        # Not the text itself: it may hold a password.
        raise _bad_url("is not the address of a database") from error
    if url.get_backend_name() == "sqlite" and url.database:
        return url
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername=_POSTGRESQL)
    raise _bad_url(f"names {url.drivername}, which is not supported")


class Database:
    """One SQLite file or one PostgreSQL database, given by its path or address; the same behaviour on both.

    Writes follow each other, in any number of processes; reads see one snapshot and wait for nobody.
    """

    def __init__(self, address: Path | URL) -> None:
        url = URL.create("sqlite", database=str(address)) if isinstance(address, Path) else address
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._engine = sqlite.create(url) if self.is_sqlite else postgresql.create(url)
        self._write_engine = self._engine.execution_options(write=True)
        self._turn = threading.Lock()
        self._changes = sqlite.Changes(address) if isinstance(address, Path) else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent snapshot."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back when the body raises.

        Raises DeadlineExceeded or Unavailable when its turn does not come in time.
        """
        with self._turn_to_write(), Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def changes(self) -> int | None:
        """A number that is another one after every commit, by whatever process, at the price of microseconds.

        None where the database cannot tell: then nothing that was read may be trusted later.
        """
        return self._changes.number() if self._changes is not None else None

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        # The writers of one process queue here: whoever waits for SQLite's own lock asks again and again, sleeping in
        # between, and may be overtaken each time.
        if not self._turn.acquire(timeout=remaining_ms(WAIT_MS) / 1000):
            raise exceeded() if has_passed() else busy()
        try:
            yield
        finally:
            self._turn.release()

    def describe(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def revision(self) -> str:
        """The schema's revision; empty before the first migration."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return ""
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")

    def migrate(self, revision: str = "head") -> None:
        """Brings the schema up or down to a revision; does nothing when it is there."""
        # Alembic takes longer to import than a command on an up-to-date home takes to run.
        from alembic import command

        current = self.revision()
        down = revision != "head" and (revision == "base" or revision < current)
        with self._alembic() as config:
            (command.downgrade if down else command.upgrade)(config, revision)

    def differences(self) -> list[str]:
        """How the schema differs from what this code expects of the newest revision."""
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from sqlmodel import SQLModel

        with self._engine.connect() as connection:
            found: list[Any] = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
        return [str(difference) for difference in found]

    @contextmanager
    def _alembic(self) -> Iterator[Any]:
        from alembic.config import Config

        engine = self._write_engine.execution_options(statement_timeout_ms=_NO_TIMEOUT)
        with engine.connect() as connection, connection.begin():
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            yield config

    def close(self) -> None:
        self._engine.dispose()
        if self._changes is not None:
            self._changes.close()


def _bad_url(problem: str) -> InvalidArgument:
    return invalid(
        "SPIRITSAFE_DATABASE_URL",
        problem,
        reason="INVALID_DATABASE_URL",
        remedy="write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME",
    )
