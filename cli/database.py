"""``spiritsafe db``: the schema of the registry's database, worked on directly and without a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import exits, output
from cli.home import home_folder
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, HomeOption
from cli.output import Format
from spiritsafe.errors import FailedPrecondition, NotFound, SpiritsafeError

if TYPE_CHECKING:
    from registry.storage.database import Database

app = new_app(
    "The schema of the registry's database. $SPIRITSAFE_DATABASE_URL names a PostgreSQL database, as does the file "
    "database.url in the home; without either it is the file registry.db there."
)
RevisionOption = Annotated[
    str, typer.Option("--revision", help="Revision to go to; the newest when left out. An older one goes down.")
]


@app.command()
def check(home: HomeOption = None, form: FormatOption = Format.TABLE) -> None:
    """Compare the schema with what this version needs; exit code 1 where they differ. Changes nothing.

    Example: spiritsafe db check
    """
    from registry.storage.database import head_revision

    with _existing(home_folder(home)) as database:
        revision = database.revision()
        newest = revision == head_revision()
        differences = database.differences() if newest else []
        output.print_data(
            form,
            {
                "database": database.describe(),
                "revision": revision,
                "newest": head_revision(),
                "differences": differences,
                "ok": newest and not differences,
            },
        )
    if not newest or differences:
        raise typer.Exit(exits.FAILED)


@app.command()
def upgrade(
    home: HomeOption = None,
    revision: RevisionOption = "",
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Bring the schema to the newest revision, in one transaction. Make a backup first.

    Example: spiritsafe db upgrade --dry-run
    """
    from registry.storage.database import head_revision, revisions

    target = revision or head_revision()
    if target not in revisions():
        known = f"{revisions()[0]} to {revisions()[-1]}"
        raise NotFound(f"there is no revision {target}", reason="NO_REVISION", remedy=f"choose one of {known}")
    with _opened(home_folder(home)) as database:
        before = database.revision()
        if before > head_revision():
            raise FailedPrecondition(
                f"the schema is at {before}, which this version does not know",
                reason="DATABASE_TOO_NEW",
                remedy="use the version of spiritsafe that made it",
            )
        if not dry_run:
            database.migrate(target)
        output.print_data(form, {"database": database.describe(), "before": before, "revision": target})


def problem_of(home: Path) -> tuple[str, str]:
    """Where the database of a home is, and what is wrong with it; "" where nothing is. Changes nothing."""
    from registry.home import DATABASE_FILE, database_address

    try:
        if database_address(home) == home / DATABASE_FILE:
            return str(home / DATABASE_FILE), _sqlite_problem(home / DATABASE_FILE)
        with _opened(home) as database:
            return database.describe(), "" if database.revision() else "it has no schema yet"
    except SpiritsafeError as error:
        return "", str(error)


def _sqlite_problem(file: Path) -> str:
    # Opened for reading only: a check migrates nothing.
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            found = str(connection.execute("PRAGMA quick_check").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        found = str(error)
    return "" if found == "ok" else found


@contextmanager
def _existing(home: Path) -> Iterator[Database]:
    """As ``_opened``. Raises NotFound where no registry is: looking must not make one."""
    from registry.home import DATABASE_FILE, database_address

    address = database_address(home)
    if address == home / DATABASE_FILE and not (home / DATABASE_FILE).exists():
        raise NotFound(f"there is no registry in {home}", reason="NO_HOME", remedy="the first command creates it")
    with _opened(home) as database:
        yield database


@contextmanager
def _opened(home: Path) -> Iterator[Database]:
    """The database of a home. Raises what it says went wrong in words for people."""
    from sqlalchemy.exc import DBAPIError

    from registry.home import open_database
    from registry.storage.failures import explain

    database = open_database(home)
    try:
        yield database
    except DBAPIError as error:
        explained = explain(error)
        if explained is None:
            raise
        raise explained from error
    finally:
        database.close()
