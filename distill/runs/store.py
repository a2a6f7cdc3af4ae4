"""The tables ``runs`` and ``run_events`` in one SQLite file, safe for several processes at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
    update,
)

from distill.runs import names
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import AlreadyExists, NotFound

DATABASE = "distill.db"
BUSY_TIMEOUT_SECONDS = 60

_metadata = MetaData()
_runs = Table(
    "runs",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    # Who asked, with which request id: repeating the request finds its run.
    Column("creator", String, nullable=False),
    Column("request_id", String),
    Column("state", Integer, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    # Serialised spiritsafe.distill.v1.Run.
    Column("run", LargeBinary, nullable=False),
    UniqueConstraint("creator", "request_id"),
)
_events = Table(
    "run_events",
    _metadata,
    Column("run_number", ForeignKey("runs.number"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    # Serialised spiritsafe.distill.v1.RunEvent.
    Column("event", LargeBinary, nullable=False),
)
_SCHEMA_VERSION = 1


@dataclass(slots=True)
class RunRecord:
    """One row. ``attempt`` counts from 1; each resumption is a new attempt, executed by a workflow of its own."""

    number: int
    run: run_pb2.Run
    attempt: int
    cancel_requested: bool

    @property
    def id(self) -> str:
        return names.run_id(self.run.name)

    @property
    def workflow_id(self) -> str:
        return f"{self.id}:{self.attempt}"


Change = Callable[[RunRecord], Sequence[run_pb2.RunEvent]]
"""Changes the record in place and returns the events that tell of it; both are stored in one transaction.

No events means that nothing changed: then nothing is stored.
"""


class RunStore:
    """Runs of one home. Open one per process; it is safe for threads."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{home / DATABASE}", connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(write=True)
        with self._writer.begin() as connection:
            _create_tables(connection)

    def close(self) -> None:
        self._engine.dispose()

    def create(self, run: run_pb2.Run, request_id: str = "") -> RunRecord:
        """Stores a new queued run, or gives the one that this request of this creator made before.

        Raises AlreadyExists when the name is taken.
        """
        now = timestamp_now()
        run.create_time.CopyFrom(now)
        run.state = run_pb2.RUN_STATE_QUEUED
        run.etag = uuid4().hex
        with self._writer.begin() as connection:
            earlier = _find_request(connection, run.creator, request_id)
            if earlier is not None:
                return earlier
            run_id = names.run_id(run.name)
            if connection.execute(select(_runs.c.number).where(_runs.c.id == run_id)).first():
                raise AlreadyExists(f"run {run.name} exists already", remedy="choose another run_id, or leave it empty")
            row = {
                "id": run_id,
                "creator": run.creator,
                "request_id": request_id or None,
                "state": run.state,
                "attempt": 1,
                "cancel_requested": False,
                "last_sequence": 0,
                "run": run.SerializeToString(),
            }
            number = connection.execute(insert(_runs).values(**row)).inserted_primary_key
            assert number is not None
            _append(connection, number[0], [state_event(run.state)])
        return RunRecord(number[0], run, 1, False)

    def find_request(self, creator: str, request_id: str) -> RunRecord | None:
        """The run that this request made, if it did."""
        with self._engine.begin() as connection:
            return _find_request(connection, creator, request_id)

    def get(self, run_id: str) -> RunRecord:
        """Raises NotFound."""
        with self._engine.begin() as connection:
            return _get(connection, run_id)

    def page(self, limit: int, before: int | None = None) -> list[RunRecord]:
        """Newest first, those with a number below ``before``."""
        query = select(_runs).order_by(_runs.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_runs.c.number < before)
        with self._engine.begin() as connection:
            return [_record(row) for row in connection.execute(query)]

    def in_states(self, *states: run_pb2.RunState.ValueType) -> list[RunRecord]:
        """All runs in one of these states, oldest first."""
        query = select(_runs).where(_runs.c.state.in_(states)).order_by(_runs.c.number)
        with self._engine.begin() as connection:
            return [_record(row) for row in connection.execute(query)]

    def change(self, run_id: str, change: Change) -> RunRecord:
        """Applies ``change`` under the write lock. Raises NotFound; nothing is stored when ``change`` raises."""
        with self._writer.begin() as connection:
            record = _get(connection, run_id)
            events = change(record)
            if not events:
                return record
            record.run.etag = uuid4().hex
            values = {
                "state": record.run.state,
                "attempt": record.attempt,
                "cancel_requested": record.cancel_requested,
                "run": record.run.SerializeToString(),
            }
            connection.execute(update(_runs).where(_runs.c.number == record.number).values(**values))
            _append(connection, record.number, events)
        return record

    def append(self, run_id: str, *events: run_pb2.RunEvent) -> None:
        """Adds events that change nothing else, for example progress. Raises NotFound."""
        with self._writer.begin() as connection:
            _append(connection, _get(connection, run_id).number, events)

    def events(self, run_id: str, after: int = 0, limit: int = 500) -> list[run_pb2.RunEvent]:
        """Events with a sequence above ``after``, in order. Raises NotFound."""
        with self._engine.begin() as connection:
            number = _get(connection, run_id).number
            query = (
                select(_events.c.event)
                .where((_events.c.run_number == number) & (_events.c.sequence > after))
                .order_by(_events.c.sequence)
                .limit(limit)
            )
            return [run_pb2.RunEvent.FromString(row.event) for row in connection.execute(query)]


def timestamp_now() -> Timestamp:
    """The current time as a message."""
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns())
    return stamp


def state_event(state: run_pb2.RunState.ValueType, message: str = "") -> run_pb2.RunEvent:
    """The event that tells of a run's new state."""
    return run_pb2.RunEvent(type="run_state", state=state, message=message)


def _find_request(connection: Connection, creator: str, request_id: str) -> RunRecord | None:
    condition = (_runs.c.creator == creator) & (_runs.c.request_id == request_id)
    row = connection.execute(select(_runs).where(condition)).first() if request_id else None
    return _record(row) if row else None


def _get(connection: Connection, run_id: str) -> RunRecord:
    row = connection.execute(select(_runs).where(_runs.c.id == run_id)).first()
    if row is None:
        raise NotFound(f"there is no run {run_id!r}", remedy="list the runs to see their names")
    return _record(row)


def _record(row: Row[Any]) -> RunRecord:
    return RunRecord(row.number, run_pb2.Run.FromString(row.run), row.attempt, row.cancel_requested)


def _append(connection: Connection, number: int, events: Sequence[run_pb2.RunEvent]) -> None:
    if not events:
        return
    last = connection.execute(select(_runs.c.last_sequence).where(_runs.c.number == number)).scalar_one()
    rows = []
    for sequence, one in enumerate(events, start=last + 1):
        one.sequence = sequence
        one.create_time.CopyFrom(timestamp_now())
        rows.append({"run_number": number, "sequence": sequence, "event": one.SerializeToString()})
    connection.execute(insert(_events), rows)
    connection.execute(update(_runs).where(_runs.c.number == number).values(last_sequence=last + len(rows)))


def _create_tables(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA user_version").scalar_one() < _SCHEMA_VERSION:
        _metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _configure(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin does, with the right mode.
    connection.isolation_level = None
    cursor = connection.cursor()
    # The busy timeout comes first: switching to WAL needs the lock that another process may hold just then.
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: what a change read cannot have changed when it commits.
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
