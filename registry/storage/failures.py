"""What a database says went wrong, as an error that tells its caller what to do."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.storage.deadline import exceeded, has_passed
from spiritsafe.errors import ResourceExhausted, SpiritsafeError, Unavailable

# PostgreSQL's codes of SQLSTATE by what they mean here: appendix A of its manual.
_CANCELLED = frozenset({"57014"})  # query_canceled, by statement_timeout
_BUSY = frozenset({"55P03", "40001", "40P01", "53300"})  # lock, serialization, deadlock, too many connections
_FULL = frozenset({"53100"})  # disk_full
_SQLITE: Mapping[str, str] = {"locked": "busy", "busy": "busy", "interrupted": "cancelled", "is full": "full"}


def explain(error: Exception) -> SpiritsafeError | None:
    """None for an error that is no database's, or a defect of ours."""
    if isinstance(error, PoolTimeout):
        return busy()
    if not isinstance(error, DBAPIError):
        return None
    kind = _kind(error)
    # Whoever waits for a lock until its time is up ran out of time, whatever the database calls it.
    if kind == "cancelled" or (kind == "busy" and has_passed()):
        return exceeded()
    if kind == "busy":
        return busy()
    if kind == "full":
        return ResourceExhausted(
            "the disk of the registry's database is full, and nothing was changed",
            reason="DATABASE_FULL",
            remedy="free space where the registry keeps its database, then repeat the command",
        )
    if kind == "unreachable":
        return unreachable()
    return None


def unreachable(where: str = "the registry's database") -> Unavailable:
    """It does not answer."""
    return Unavailable(
        f"{where} cannot be reached",
        reason="DATABASE_UNREACHABLE",
        remedy="see that the database server runs and that SPIRITSAFE_DATABASE_URL names it, then try again",
    )


def _kind(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        for kind, states in (("cancelled", _CANCELLED), ("busy", _BUSY), ("full", _FULL)):
            if state in states:
                return kind
        # Class 08 is about connections, 57P of the server's own shutdown.
        return "unreachable" if state.startswith(("08", "57P")) else ""
    if not isinstance(error, OperationalError):
        return ""
    text = str(error.orig).lower()
    for sign, kind in _SQLITE.items():
        if sign in text:
            return kind
    # The driver of PostgreSQL has no code where no server answered.
    return "unreachable" if error.connection_invalidated or "connection" in text else ""


def busy() -> Unavailable:
    """Others have what it takes, for longer than is worth the wait."""
    return Unavailable("the database is busy", reason="DATABASE_BUSY", remedy="try again in a few seconds")
