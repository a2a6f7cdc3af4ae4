"""``spiritsafe db`` on the home of a command, and with a database server that is not there."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from cli import exits
from registry.home import open_database
from registry.storage.database import head_revision, revisions
from tests.cli.conftest import Command

NEWEST, OLDER = head_revision(), revisions()[-2]


def test_a_home_is_up_to_date(spiritsafe: Command, home: Path) -> None:
    spiritsafe("model", "create", "tool")
    done = spiritsafe("db", "check", "--format", "json")
    assert done.code == exits.DONE
    assert done.data == {
        "database": f"sqlite:///{home / 'registry.db'}",
        "revision": NEWEST,
        "newest": NEWEST,
        "differences": [],
        "ok": True,
    }


def test_an_older_schema_is_found_and_upgraded(spiritsafe: Command, home: Path) -> None:
    spiritsafe("model", "create", "tool")
    with closing(open_database(home)) as database:
        database.migrate(OLDER)
    assert spiritsafe("db", "check").code == exits.FAILED
    tried = spiritsafe("db", "upgrade", "--dry-run", "--format", "json")
    assert (tried.data["before"], tried.data["revision"]) == (OLDER, NEWEST)
    assert spiritsafe("db", "check").code == exits.FAILED
    assert spiritsafe("db", "upgrade").code == exits.DONE
    assert spiritsafe("db", "check").code == exits.DONE
    assert spiritsafe("model", "show", "tool").code == exits.DONE


def test_a_schema_that_differs_is_told(spiritsafe: Command, home: Path) -> None:
    spiritsafe("model", "create", "tool")
    with closing(open_database(home)) as database, database.write() as session:
        session.connection().exec_driver_sql("DROP INDEX ix_files_sha256")
    done = spiritsafe("db", "check", "--format", "json")
    assert done.code == exits.FAILED
    assert any("ix_files_sha256" in difference for difference in done.data["differences"])


def test_looking_makes_no_registry(spiritsafe: Command, home: Path) -> None:
    shutil.rmtree(home)
    assert spiritsafe("db", "check").code == exits.NOT_FOUND
    assert not (home / "registry.db").exists()


def test_there_is_no_such_revision(spiritsafe: Command) -> None:
    assert spiritsafe("db", "upgrade", "--revision", "9999").code == exits.NOT_FOUND


def test_a_server_that_is_not_there(spiritsafe: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIRITSAFE_DATABASE_URL", f"postgresql://ada:hunter2@/registry?host={home}")
    done = spiritsafe("db", "check")
    assert done.code == exits.UNAVAILABLE
    assert "hunter2" not in done.out + done.err
    checks = {check["check"]: check["ok"] for check in spiritsafe("doctor", "--format", "json").data["checks"]}
    assert checks["database"] is False
