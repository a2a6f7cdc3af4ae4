"""Homes: what is created, who may read it, many processes at once, and what is refused."""

from __future__ import annotations

import getpass
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import col, select

from registry.clock import now
from registry.home import DATABASE_FILE, DATABASE_URL_FILE, open_database, open_home
from registry.identity.roles import ROLES
from registry.identity.tokens import authenticate
from registry.storage import audit
from registry.storage.tables import AuditEvent, Node, Token
from spiritsafe import errors
from tests.registry.databases import SQLITE

ROOT = Path(__file__).parents[3]
OPEN = """
import sys
from pathlib import Path
from registry.home import DATABASE_FILE, DATABASE_URL_FILE, open_database, open_home
open_home(Path(sys.argv[1])).database.close()
print("alembic" in sys.modules)
"""


@pytest.fixture
def home(home: Path, database_kind: str) -> Path:
    """On SQLite a folder that does not exist yet, to see how it is created from nothing."""
    if database_kind == SQLITE:
        shutil.rmtree(home)
    return home


def open_elsewhere(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OPEN, str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_private_and_its_token_works(home: Path) -> None:
    registry = open_home(home)
    assert mode(home) == 0o700
    assert mode(home / "token") == 0o600
    database = home / DATABASE_FILE if registry.database.is_sqlite else home / DATABASE_URL_FILE
    assert mode(database) == 0o600
    with registry.database.read() as session:
        caller = authenticate(session, (home / "token").read_text().strip(), now())
    registry.database.close()
    assert caller.identity == getpass.getuser()
    assert caller.roles == frozenset(ROLES)


def test_creation_is_an_audit_event(home: Path) -> None:
    registry = open_home(home, demo=True, embedded=False)
    with registry.database.read() as session:
        (event,) = session.exec(select(AuditEvent)).all()
        assert audit.verify([event]).verified
    registry.database.close()
    assert (event.type, event.actor) == ("registry.created", getpass.getuser())
    assert event.details["demo"] is True
    assert event.details["embedded"] is False


def test_opening_again_changes_nothing(home: Path) -> None:
    open_home(home).database.close()
    secret = (home / "token").read_text()
    registry = open_home(home)
    with registry.database.read() as session:
        assert len(session.exec(select(Token)).all()) == 1
        assert len(session.exec(select(AuditEvent)).all()) == 1
    registry.database.close()
    assert (home / "token").read_text() == secret


@pytest.mark.parametrize("demo", [True, False])
@pytest.mark.parametrize("embedded", [True, False])
def test_the_kind_is_fixed_at_creation(home: Path, demo: bool, embedded: bool) -> None:
    open_home(home, demo=demo, embedded=embedded).database.close()
    registry = open_home(home)
    registry.database.close()
    assert (registry.demo, registry.embedded) == (demo, embedded)
    with pytest.raises(errors.FailedPrecondition) as refused:
        open_home(home, demo=not demo)
    assert refused.value.reason == "HOME_OF_OTHER_KIND"
    assert str(home) in refused.value.message


def crowd(home: Path, mutations: int) -> None:
    """Eight processes at once on one home."""
    command = [sys.executable, "-W", "error", "-m", "tests.registry.server.crowd", str(home), "8", str(mutations)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr


def test_eight_processes_create_one_home(home: Path) -> None:
    crowd(home, mutations=0)
    registry = open_home(home)
    with registry.database.read() as session:
        assert len(session.exec(select(Token)).all()) == 1
        assert len(session.exec(select(AuditEvent)).all()) == 1
        assert authenticate(session, (home / "token").read_text().strip(), now()).roles == frozenset(ROLES)
    registry.database.close()


def test_eight_processes_lose_no_write_and_keep_the_chain(home: Path) -> None:
    crowd(home, mutations=50)
    registry = open_home(home)
    with registry.database.read() as session:
        assert len(session.exec(select(Node)).all()) == 8 * 50
        report = audit.verify(session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))))
    registry.database.close()
    assert (report.verified, report.events) == (True, 1 + 8 * 50)


def test_a_set_up_that_was_cut_off_is_done_again(home: Path) -> None:
    database = open_database(home)
    database.migrate()
    database.close()
    (home / "token").write_text("of no use\n")
    (home / "token.partial").write_text("cut of")
    registry = open_home(home)
    with registry.database.read() as session:
        assert authenticate(session, (home / "token").read_text().strip(), now()).identity == getpass.getuser()
    registry.database.close()
    assert mode(home / "token") == 0o600


def test_an_up_to_date_home_opens_without_alembic(home: Path) -> None:
    open_home(home).database.close()
    output, problems = open_elsewhere(home).communicate(timeout=60)
    assert (output, problems) == ("False\n", "")


def test_a_home_of_a_newer_version_is_refused(home: Path) -> None:
    registry = open_home(home)
    with registry.database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    registry.database.close()
    with pytest.raises(errors.FailedPrecondition) as refused:
        open_home(home)
    assert refused.value.reason == "HOME_TOO_NEW"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.Unavailable) as refused:
        open_home(tmp_path / "file" / "home")
    assert "SPIRITSAFE_HOME" in refused.value.remedy


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_home(home).database.close()
    for file in home.glob("registry.db*"):
        file.write_bytes(b"not a database, and long enough for a page header " * 20)
    with pytest.raises(errors.FailedPrecondition, match="damaged") as caught:
        open_home(home)
    assert caught.value.reason == "HOME_DAMAGED"
