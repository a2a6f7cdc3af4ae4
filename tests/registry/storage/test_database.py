"""What both databases promise: order, snapshots, deadlines, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session, col, select

from registry.context import Registry
from registry.home import open_database, open_home
from registry.storage import audit
from registry.storage.database import Database, read_url
from registry.storage.deadline import set_deadline
from registry.storage.failures import explain
from registry.storage.lookup import among, id_list
from registry.storage.tables import AuditEvent, Setting
from spiritsafe import errors

WRITERS, WRITES = 6, 25
# Counts for longer than any test is ready to wait.
ENDLESS = sqlalchemy.text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n"
)


@pytest.fixture
def database(registry: Registry) -> Database:
    return registry.database


@pytest.fixture(autouse=True)
def no_deadline_for_others() -> Iterator[None]:
    yield
    set_deadline(None)


def append(database: Database, actor: str) -> int:
    with database.write() as session:
        return audit.append(session, audit.Event("model.created", "it"), actor)


def test_events_become_visible_in_their_order(database: Database) -> None:
    """A reader that goes on from the last event it saw misses none, whoever writes meanwhile."""
    seen, done = [0], threading.Event()

    def follow() -> None:
        while True:
            ended = done.is_set()
            with database.read() as session:
                query = select(AuditEvent.sequence).where(col(AuditEvent.sequence) > seen[-1])
                seen.extend(session.exec(query.order_by(col(AuditEvent.sequence))).all())
            if ended:
                return

    reader = threading.Thread(target=follow)
    reader.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: append(database, f"writer{number % WRITERS}"), range(WRITERS * WRITES)))
    done.set()
    reader.join()
    # The first is the registry's own creation.
    assert seen == list(range(WRITERS * WRITES + 2))


def test_a_read_sees_one_snapshot(database: Database) -> None:
    count = select(sqlalchemy.func.count()).select_from(AuditEvent)
    with database.read() as session:
        before = session.exec(count).one()
        append(database, "ada")
        assert session.exec(count).one() == before
    with database.read() as session:
        assert session.exec(count).one() == before + 1


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Setting(key="k", value="v"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.get(Setting, "k") is None


def run_endless(session: Session) -> errors.SpiritsafeError:
    started = time.monotonic()
    with pytest.raises(DBAPIError) as raised:
        session.execute(ENDLESS)
    assert time.monotonic() - started < 5
    explained = explain(raised.value)
    assert explained is not None
    return explained


def test_a_statement_ends_at_the_deadline(database: Database) -> None:
    set_deadline(0.3)
    with database.read() as session:
        refused = run_endless(session)
    assert isinstance(refused, errors.DeadlineExceeded)
    assert refused.remedy


def test_no_deadline_is_left_to_the_next_call(database: Database) -> None:
    set_deadline(0.3)
    with database.read() as session:
        run_endless(session)
    set_deadline(None)
    time.sleep(0.4)
    append(database, "ada")


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Somebody else is in the middle of a write."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write() as session:
            session.connection()
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        holder.join()


def test_the_wait_for_another_process_s_write_ends_at_the_deadline(home: Path, database: Database) -> None:
    other = open_database(home)
    with held(other):
        set_deadline(0.3)
        with pytest.raises(DBAPIError) as raised, database.write() as session:
            session.connection()
        assert isinstance(explain(raised.value), errors.DeadlineExceeded)
    other.close()


def test_the_wait_for_one_s_turn_ends_at_the_deadline(database: Database) -> None:
    with held(database):
        set_deadline(0.3)
        with pytest.raises(errors.DeadlineExceeded), database.write() as session:
            session.connection()


def test_changes_of_others_are_noticed(home: Path, database: Database) -> None:
    """Where it cannot be noticed at once, it is not claimed."""
    if not database.is_sqlite:
        assert database.changes() is None
        return
    before = database.changes()
    assert database.changes() == before
    append(database, "ada")
    after = database.changes()
    assert after != before
    other = open_database(home)
    append(other, "bo")
    other.close()
    assert database.changes() != after


def test_a_deadline_that_has_passed_begins_nothing(database: Database) -> None:
    set_deadline(0.0)
    with pytest.raises(errors.DeadlineExceeded), database.read() as session:
        session.connection()


@pytest.mark.parametrize("ids", [[], [2], [3, 1], list(range(5000))])
def test_rows_are_found_among_bound_ids(database: Database, ids: list[int]) -> None:
    for _ in range(3):
        append(database, "ada")
    query = select(AuditEvent.sequence).where(among(col(AuditEvent.sequence), "ids")).order_by(col(AuditEvent.sequence))
    with database.read() as session:
        found = list(session.execute(query, {"ids": id_list(ids)}).scalars())
    assert found == sorted({1, 2, 3, 4} & set(ids))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("database is locked", "DATABASE_BUSY"),
        ("database or disk is full", "DATABASE_FULL"),
        ("interrupted", "DEADLINE_EXCEEDED"),
    ],
)
def test_what_sqlite_says_is_explained(said: str, reason: str) -> None:
    explained = explain(OperationalError("INSERT", {}, sqlite3.OperationalError(said)))
    assert explained is not None
    assert (explained.reason, bool(explained.remedy)) == (reason, True)


def test_a_defect_is_not_explained_away() -> None:
    assert explain(OperationalError("SELEC", {}, sqlite3.OperationalError("near SELEC: syntax error"))) is None
    assert explain(ValueError("locked")) is None


def test_a_server_that_is_not_there(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("nowhere")
    monkeypatch.setenv("SPIRITSAFE_DATABASE_URL", f"postgresql://ada:hunter2@/registry?host={folder}")
    with pytest.raises(errors.Unavailable) as refused:
        open_home(folder / "home")
    assert refused.value.reason == "DATABASE_UNREACHABLE"
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["registry", "mysql://db/registry", "sqlite://", "http://db:secret@x"])
def test_an_address_that_cannot_be(url: str) -> None:
    with pytest.raises(errors.InvalidArgument) as refused:
        read_url(url)
    assert refused.value.reason == "INVALID_DATABASE_URL"
    assert "secret" not in str(refused.value)
