"""The folder that a registry lives in: database, artifacts, the administrator's token.

HOME/registry.db   tables, audit chain          HOME/token        the first administrator's secret (0600)
HOME/blobs/        artifacts by SHA-256         HOME/setup.lock   held while a process sets the home up
HOME/signing.key   the key that signs answers and evidence (0600), made when it is first needed
"""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, select

from registry.clock import now
from registry.context import Registry
from registry.decisions import shipped
from registry.identity.roles import ROLES
from registry.identity.tokens import Grant, add_token, new_secret
from registry.licensing import profile_digests
from registry.signing import KEY_FILE, Signer
from registry.storage import audit
from registry.storage.database import Database, head_revision
from registry.storage.local_store import LocalStore
from registry.storage.tables import Setting
from spiritsafe.errors import FailedPrecondition, Unavailable
from spiritsafe.hub.repository import Hub

DATABASE_FILE = "registry.db"
TOKEN_FILE = "token"  # noqa: S105 - a file name
_FLAG = {True: "true", False: "false"}


def open_home(home: Path, *, demo: bool | None = None, embedded: bool = True) -> Registry:
    """Opens the registry in ``home``, creating it on first use; several processes may do so at once.

    ``demo`` and ``embedded`` are fixed when the home is created. None opens either kind and creates an ordinary one;
    ``embedded`` matters at creation only. Raises FailedPrecondition when a home of the other kind exists, or one that
    a newer version wrote, and Unavailable when the folder cannot be used.
    """
    database = _database(home)
    try:
        if database.revision() != head_revision() or not _settings(database):
            with _set_up_lock(home):
                _set_up(home, database, demo=bool(demo), embedded=embedded)
        settings = _settings(database)
        _check_kind(home, settings, demo)
        if settings.get(shipped.SHIPPED) != shipped.recorded(profile_digests()):
            with database.write() as session:
                shipped.adopt(session, profile_digests())
    except DatabaseError as error:
        database.close()
        # Its subclasses are about one statement; the class itself is what SQLite says of a file that it cannot read.
        if type(error) is not DatabaseError:
            raise
        raise FailedPrecondition(
            f"{home / DATABASE_FILE} is damaged: {error.orig}",
            reason="HOME_DAMAGED",
            remedy="restore the folder from a backup, or use another home",
        ) from error
    except BaseException:
        database.close()
        raise
    return Registry(
        database=database,
        store=LocalStore(home / "blobs"),
        signer=Signer(home / KEY_FILE),
        demo=settings["demo"] == _FLAG[True],
        embedded=settings["embedded"] == _FLAG[True],
        hub=Hub.from_environment(anonymous=True),
    )


def _database(home: Path) -> Database:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The file must not be readable by others even for a moment; SQLite gives its side files the same mode.
        os.close(os.open(home / DATABASE_FILE, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Unavailable(
            f"cannot use {home} as a home: {error.strerror}",
            reason="HOME_UNUSABLE",
            remedy="set SPIRITSAFE_HOME to a folder that you can write",
        ) from error
    return Database(home / DATABASE_FILE)


def _settings(database: Database) -> dict[str, str]:
    """The settings; empty while the home is not set up."""
    with database.read() as session:
        rows = {row.key: row.value for row in session.exec(select(Setting))}
    return rows if "created" in rows else {}


@contextmanager
def _set_up_lock(home: Path) -> Iterator[None]:
    with (home / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _set_up(home: Path, database: Database, *, demo: bool, embedded: bool) -> None:
    """Migrates, and creates what is missing. A set-up that was cut off is done again from its start."""
    revision = database.revision()
    if revision > head_revision():
        raise FailedPrecondition(
            f"{home} has schema {revision}, and this version knows {head_revision()} at most",
            reason="HOME_TOO_NEW",
            remedy="upgrade spiritsafe, or use another home",
        )
    if revision != head_revision():
        database.migrate()
    if _settings(database):
        return
    with database.write() as session:
        secret = new_secret()
        _create(session, secret, demo=demo, embedded=embedded)
        # Before the commit: a home that counts as created always has its token file.
        _write_private(home / TOKEN_FILE, secret)


def _create(session: Session, secret: str, *, demo: bool, embedded: bool) -> None:
    created, identity = now(), getpass.getuser()
    facts = {"demo": _FLAG[demo], "embedded": _FLAG[embedded], "created": str(created)}
    facts[shipped.SHIPPED] = shipped.recorded(profile_digests())
    session.add_all(Setting(key=key, value=value) for key, value in facts.items())
    grant = Grant(identity, roles=tuple(ROLES))
    token = add_token(session, grant, secret=secret, creator=identity, now=created)
    details = {"demo": demo, "embedded": embedded, "token": f"tokens/{token.uid}", "roles": token.roles}
    audit.append(session, audit.Event("registry.created", "registry", details), identity)


def _write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; nobody else can read it at any moment."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _check_kind(home: Path, settings: dict[str, str], demo: bool | None) -> None:
    if demo is None or settings["demo"] == _FLAG[demo]:
        return
    found, wanted = ("an ordinary", "a demo") if demo else ("a demo", "an ordinary")
    raise FailedPrecondition(
        f"{home} holds {found} registry, and {wanted} one was asked for; the kind is fixed when a registry is created",
        reason="HOME_OF_OTHER_KIND",
        remedy="choose another folder with SPIRITSAFE_HOME",
    )
