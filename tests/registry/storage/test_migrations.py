"""Migrations up and down from every revision, with a row in every table, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect

from registry.storage.database import MIGRATIONS, Database, head_revision, read_url, revisions
from tests.registry.databases import PostgreSQL

EARLIER = revisions()[:-1]
# Where any value of the type would not do: migrations read these.
VALUES: dict[str, Any] = {
    "collection": "models",
    "state": "ready",
    "context": "research",
    "tags": {"team": "search", "größe": "7 B"},
    "declared": ["mit"],
    "concluded": None,
    "exposures": None,
    "details": {"number": 1},
    "evaluation": {},
}


@pytest.fixture
def database(server_of_homes: PostgreSQL | None, tmp_path: Path) -> Iterator[Database]:
    """One without any table."""
    if server_of_homes is None:
        opened = Database(tmp_path / "registry.db")
        yield opened
        opened.close()
        return
    name = server_of_homes.create()
    opened = Database(read_url(server_of_homes.url(name)))
    yield opened
    opened.close()
    server_of_homes.drop(name)


@pytest.mark.parametrize("revision", EARLIER)
def test_data_of_every_revision_survives_the_way_up_and_down(database: Database, revision: str) -> None:
    database.migrate(revision)
    with database.write() as session:
        tables = reflect(session.connection())
        # Parents first; each row refers to the only row of the other table.
        for table in tables:
            session.connection().execute(table.insert().values(row_of(table)))
    before, schema = contents(database, tables), columns(database)
    database.migrate()
    assert database.revision() == head_revision()
    assert database.differences() == []
    assert contents(database, tables) == before
    database.migrate(revision)
    assert (contents(database, tables), columns(database)) == (before, schema)


def test_everything_can_be_taken_back(database: Database) -> None:
    database.migrate()
    newest = columns(database)
    database.migrate("base")
    assert columns(database) == []
    database.migrate()
    assert columns(database) == newest


def test_the_head_revision_is_the_one_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert head_revision() == ScriptDirectory.from_config(config).get_current_head()


def reflect(connection: Connection) -> list[Table]:
    """The tables as they are, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(connection, resolve_fks=True)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def row_of(table: Table) -> dict[str, Any]:
    return {column.name: value_of(column) for column in table.columns}


def value_of(column: sqlalchemy.Column[Any]) -> Any:
    if column.name in VALUES:
        return VALUES[column.name]
    if isinstance(column.type, sqlalchemy.Boolean):
        return True
    if isinstance(column.type, sqlalchemy.Integer):
        return 1
    if isinstance(column.type, sqlalchemy.JSON):
        return []
    return b"\0spirit" if isinstance(column.type, sqlalchemy.LargeBinary) else "spirit"


def contents(database: Database, tables: list[Table]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of these tables, in the columns that they had."""
    with database.read() as session:
        # Rows that a migration adds, such as settings, are not what must survive.
        return {
            table.name: [
                tuple(row)
                for row in session.execute(table.select().order_by(*table.primary_key.columns))
                if "spirit" in row or 1 in row
            ]
            for table in tables
        }


def columns(database: Database) -> list[tuple[str, ...]]:
    """Every table's columns with their types, and its indexes."""
    with database.read() as session:
        inspector = inspect(session.connection())
        found = [
            (table, column["name"], str(column["type"]), str(column["nullable"]))
            for table in inspector.get_table_names()
            for column in inspector.get_columns(table)
        ]
        found += [
            (table, str(index["name"]), str(index["column_names"]), str(index["unique"]))
            for table in inspector.get_table_names()
            for index in inspector.get_indexes(table)
        ]
    return sorted(each for each in found if each[0] != "alembic_version")
