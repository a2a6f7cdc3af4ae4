"""Fills a database with rows like those that an API made: reads what one call wrote, and writes it many times over.

Nothing here knows a schema. What differs from copy to copy is found by form: the marks in texts and JSON documents,
row ids and the keys that refer to them, unique ids, and numbers of versions.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, Connection, Engine, MetaData, Table, create_engine, func, select, text

from tests.benchmarks.registry.places import driver_url

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Finish = Callable[[str, Row], None]
"""Completes a copied row of that table, where a value follows from others."""

BATCH = 10_000
NUMBERS = ("number", "version")
# Answers that were kept for repeated calls: forgotten after a while, and never looked up by content.
NOT_COPIED = frozenset({"requests"})
# What no two calls write alike.
_VOLATILE = re.compile(r"uid|hash|previous_hash|.*_time")


@dataclass(frozen=True)
class Copy:
    """What one copy has in place of the template's marks, and the number of its version."""

    marks: Mapping[str, str]
    number: int = 1
    fields: Mapping[str, Any] = field(default_factory=dict)


class Cloner:
    """The tables of one database, and copies of rows that it holds."""

    def __init__(self, address: str) -> None:
        self._engine = create_engine(driver_url(address))
        self._tables = _reflect(self._engine)
        self.finish: Finish = lambda _table, _row: None
        self._next: dict[str, int] = {}

    def close(self) -> None:
        self._engine.dispose()

    def rows(self) -> Rows:
        """Every row of a database that is still small."""
        return {table.name: self.rows_of(table) for table in self._tables}

    def rows_of(self, table: Table) -> list[Row]:
        """Every row of one table."""
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table))]

    def new_rows(self, before: Rows) -> Rows:
        """The rows whose key was not there before."""
        found = {}
        for table in self._tables:
            keys = [column.name for column in table.primary_key.columns]
            known = {tuple(row[key] for key in keys) for row in before[table.name]}
            found[table.name] = [row for row in self.rows_of(table) if tuple(row[key] for key in keys) not in known]
        return {name: rows for name, rows in found.items() if rows and name not in NOT_COPIED}

    def value(self, table: str, key: int, column: str) -> Any:
        """One column of the row with this number."""
        (found,) = [each for each in self._tables if each.name == table]
        with self._engine.connect() as connection:
            return connection.execute(select(found.c[column]).where(found.c[_counter(found)] == key)).scalar_one()

    def start(self) -> None:
        """Continues row ids after those that exist."""
        with self._engine.connect() as connection:
            for table in self._tables:
                key = _counter(table)
                if key:
                    last = connection.execute(select(func.max(table.c[key]))).scalar()
                    self._next[table.name] = (last or 0) + 1

    def copies(self, template: Rows, copy: Copy, ids: dict[tuple[str, int], int]) -> Iterator[tuple[str, Row]]:
        """The rows of one copy; ``ids`` holds the new id of each row that was copied, by table and old id."""
        marks = re.compile("|".join(map(re.escape, sorted(copy.marks, key=len, reverse=True))))
        for table in self._tables:
            for row in template.get(table.name, ()):
                yield table.name, self._copied(table, row, copy, marks, ids)

    def numbered(self, table: str, row: Row) -> Row:
        """The row with the next id of its table."""
        number = self._next[table]
        self._next[table] += 1
        return {"id": number, **row}

    @contextmanager
    def writer(self) -> Iterator[Callable[[str, Row], None]]:
        """Gives a function that inserts rows, in batches and in the order of the tables' references."""
        waiting: Rows = defaultdict(list)
        with self._engine.begin() as connection:
            count = 0

            def write(table: str, row: Row) -> None:
                nonlocal count
                waiting[table].append(row)
                count += 1
                if count % BATCH == 0:
                    self._flush(connection, waiting)

            yield write
            self._flush(connection, waiting)
            self._after(connection)

    def _copied(
        self, table: Table, row: Row, copy: Copy, marks: re.Pattern[str], ids: dict[tuple[str, int], int]
    ) -> Row:
        made = {name: _substituted(value, marks, copy.marks) for name, value in row.items()}
        for name, value in row.items():
            target = _target(table, name)
            if name == "uid":
                made[name] = uuid.uuid4().hex
            elif name in NUMBERS and isinstance(value, int):
                made[name] = copy.number
            elif name in copy.fields:
                made[name] = copy.fields[name]
            elif target and isinstance(value, int):
                made[name] = ids.get((target, value), value)
        counter = _counter(table)
        if counter:
            made[counter] = self._next[table.name]
            self._next[table.name] += 1
            ids[table.name, row[counter]] = made[counter]
        self.finish(table.name, made)
        return made

    def _flush(self, connection: Connection, waiting: Rows) -> None:
        for table in self._tables:
            if waiting[table.name]:
                connection.execute(table.insert(), waiting[table.name])
                waiting[table.name] = []

    def _after(self, connection: Connection) -> None:
        """Sequences go on after the copied ids; the planner knows how many rows there are."""
        if self._engine.dialect.name == "postgresql":
            for table in self._tables:
                if table.name in self._next and "id" in table.c:
                    connection.execute(
                        text(
                            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                            f"{self._next[table.name]}, false)"
                        )
                    )
        connection.exec_driver_sql("ANALYZE")


def check_alike(cloned: Sequence[tuple[str, Row]], made: Rows) -> None:
    """Holds rows that were cloned against those that the API made; raises AssertionError where they differ."""
    mine: Rows = defaultdict(list)
    for table, row in cloned:
        mine[table].append(_stable(row))
    theirs = {table: [_stable(row) for row in rows] for table, rows in made.items()}
    assert set(mine) == set(theirs), f"the API writes to {sorted(theirs)}, the copies to {sorted(mine)}"
    for table, rows in theirs.items():
        assert _sorted(mine[table]) == _sorted(rows), f"copies differ in {table}: {mine[table]} instead of {rows}"


def _sorted(rows: Sequence[Row]) -> Sequence[Row]:
    """A table has no order of its own."""
    return sorted(rows, key=repr)


def _stable(row: Row) -> Row:
    return {name: value for name, value in row.items() if not _VOLATILE.fullmatch(name)}


def _reflect(engine: Engine) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(engine)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                # Both systems mean SQL's NULL by None.
                column.type.none_as_null = True
    return metadata.sorted_tables


def _counter(table: Table) -> str:
    """The column with a number for each row, if there is one."""
    (name, *others) = [column.name for column in table.primary_key.columns] or [""]
    return name if not others and name in ("id", "sequence") else ""


def _target(table: Table, column: str) -> str:
    return next((key.column.table.name for key in table.c[column].foreign_keys), "")


def _substituted(value: Any, marks: re.Pattern[str], by: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return marks.sub(lambda mark: by[mark[0]], value)
    if isinstance(value, dict):
        return {_substituted(key, marks, by): _substituted(each, marks, by) for key, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each, marks, by) for each in value]
    return value
