"""The folder that a registry lives in: database, artifacts, the administrator's token.

HOME/registry.db   tables, audit chain          HOME/token         the first administrator's secret (0600)
HOME/blobs/        artifacts by SHA-256 (1)     HOME/setup.lock    held while a process sets the home up
HOME/signing.key   the key that signs answers and evidence (0600), made when it is first needed
HOME/database.url  the address of a PostgreSQL database instead of registry.db (0600: it may hold a password)

(1) Unless SPIRITSAFE_STORE names a bucket, see registry.storage.stores.
"""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlmodel import Session, select

from registry.clock import now
from registry.context import DEFAULT_RETENTION, Registry
from registry.decisions import shipped
from registry.errors import invalid
from registry.identity.roles import ROLES
from registry.identity.tokens import Grant, add_token, new_secret
from registry.licensing import profile_digests
from registry.listing.paging import Pages
from registry.signing import KEY_FILE, Signer
from registry.storage import audit
from registry.storage.database import Database, head_revision, read_url
from registry.storage.failures import explain
from registry.storage.stores import open_store
from registry.storage.tables import Setting
from spiritsafe.errors import FailedPrecondition, Unavailable
from spiritsafe.hub.repository import Hub

DATABASE_FILE = "registry.db"
DATABASE_URL_FILE = "database.url"
DATABASE_URL_VARIABLE = "SPIRITSAFE_DATABASE_URL"
MAX_RETENTION_DAYS = 3650
TOKEN_FILE = "token"  # noqa: S105 - a file name
RETENTION_VARIABLE = "SPIRITSAFE_RETENTION_DAYS"
PAGE_KEY = "page_token_key"
_FLAG = {True: "true", False: "false"}


def open_home(home: Path, *, demo: bool | None = None, embedded: bool = True) -> Registry:
    """Opens the registry in ``home``, creating it on first use; several processes may do so at once.

    ``demo`` and ``embedded`` are fixed when the home is created. None opens either kind and creates an ordinary one;
    ``embedded`` matters at creation only. A SQLite file of an older version is brought up to date; a PostgreSQL
    database is not, because servers of that version may be at work on it.

    Raises:
        FailedPrecondition: a home of the other kind exists, or one that a newer version wrote, or a PostgreSQL database
            that an older one wrote.
        InvalidArgument: settings of the artifact store, or a retention, that cannot be.
        Unavailable: the folder or the database cannot be used.
    """
    database = open_database(home)
    try:
        store = open_store(home, os.environ)
        retention = _retention()
        if database.revision() != head_revision() or not _settings(database):
            with _set_up_lock(home):
                _set_up(home, database, demo=bool(demo), embedded=embedded)
        settings = _settings(database)
        _check_kind(home, settings, demo)
        if settings.get(shipped.SHIPPED) != shipped.recorded(profile_digests()):
            with database.write() as session:
                shipped.adopt(session, profile_digests())
    except DBAPIError as error:
        database.close()
        explained = explain(error)
        if explained is not None:
            raise explained from error
        # Its subclasses are about one statement; the class itself is what SQLite says of a file that it cannot read.
        if type(error) is not DatabaseError or not database.is_sqlite:
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
        store=store,
        signer=Signer(home / KEY_FILE),
        pages=Pages(bytes.fromhex(settings[PAGE_KEY])),
        created=int(settings["created"]),
        demo=settings["demo"] == _FLAG[True],
        embedded=settings["embedded"] == _FLAG[True],
        hub=Hub.from_environment(anonymous=True),
        retention=retention,
    )


def _retention() -> int:
    """How long what is deleted is kept, in microseconds, from ``SPIRITSAFE_RETENTION_DAYS``. Raises InvalidArgument."""
    text = os.environ.get(RETENTION_VARIABLE, "")
    if not text:
        return DEFAULT_RETENTION
    if not text.isdecimal() or int(text) > MAX_RETENTION_DAYS:
        raise invalid(
            RETENTION_VARIABLE,
            f"{text!r} is no number of days from 0 to {MAX_RETENTION_DAYS}",
            reason="INVALID_RETENTION",
            remedy="leave it out for 30",
        )
    return int(text) * 24 * 3600 * 1_000_000


def open_database(home: Path) -> Database:
    """The database of a home, as it is: nothing is created but the folder and, for SQLite, an empty file.

    Raises InvalidArgument for a malformed address, Unavailable when the folder cannot be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        address = database_address(home)
        if isinstance(address, Path):
            # The file must not be readable by others even for a moment; SQLite gives its side files the same mode.
            os.close(os.open(address, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise Unavailable(
            f"cannot use {home} as a home: {error.strerror}",
            reason="HOME_UNUSABLE",
            remedy="set SPIRITSAFE_HOME to a folder that you can write",
        ) from error
    return Database(address)


def database_address(home: Path) -> Path | URL:
    """``SPIRITSAFE_DATABASE_URL``, else what ``database.url`` in the home says, else ``registry.db`` in it."""
    url = os.environ.get(DATABASE_URL_VARIABLE, "")
    with suppress(FileNotFoundError):
        url = url or (home / DATABASE_URL_FILE).read_text().strip()
    return read_url(url) if url else home / DATABASE_FILE


def _settings(database: Database) -> dict[str, str]:
    """The settings; empty while the home is not set up."""
    with database.read() as session:
        return _settings_in(session)


def _settings_in(session: Session) -> dict[str, str]:
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
    if revision and revision != head_revision() and not database.is_sqlite:
        raise FailedPrecondition(
            f"the database has schema {revision}, and this version needs {head_revision()}",
            reason="DATABASE_OUTDATED",
            remedy="stop the servers of the older version, back the database up, and run: spiritsafe db upgrade",
        )
    if revision != head_revision():
        database.migrate()
    with database.write() as session:
        # Servers on other machines may set up the same database; the lock of this folder does not keep them out.
        if _settings_in(session):
            return
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
