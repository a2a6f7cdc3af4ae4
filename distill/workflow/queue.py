"""What the processes that ask for work and the one that does it agree on, and how work is asked for."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spiritsafe.errors import FailedPrecondition

DATABASE = "dbos.db"
APPLICATION = "spiritsafe-distill"
# Pending workflows are recovered only by the same version: a change of the workflow's steps needs a new one.
APPLICATION_VERSION = "5"
# One worker per home, so its executor may have one name; with it, a new worker recovers what a dead one left.
EXECUTOR = "worker"
QUEUE = "runs"
WORKFLOW = "distill_run"


def system_database(home: Path) -> str:
    """URL of DBOS's system database."""
    return f"sqlite:///{home / DATABASE}"


def enqueue(home: Path, workflow_id: str, run_id: str, attempt: int) -> None:
    """Asks for one attempt at a run. Asking again changes nothing.

    Raises:
        FailedPrecondition: this installation lacks the workflow engine.
    """
    try:
        from dbos import DBOSClient, DBOSPortableJSONSerializer
    except ModuleNotFoundError as error:
        raise FailedPrecondition(
            "this installation cannot run distillations: the package dbos is missing",
            remedy="install spiritsafe[service]",
        ) from error

    ensure_schema(home)
    client = DBOSClient(
        system_database_url=system_database(home),
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
    )
    try:
        client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": workflow_id,
                "app_version": APPLICATION_VERSION,
            },
            run_id,
            attempt,
        )
    finally:
        client.destroy()


def ensure_schema(home: Path) -> None:
    """Makes DBOS's tables if need be. A client never does, and work may be asked for before any worker has run."""
    from dbos import run_dbos_database_migrations

    marker = home / f".{DATABASE}.migrated"
    with _exclusive(home / f".{DATABASE}.lock"):
        if not (marker.exists() and (home / DATABASE).exists()):
            run_dbos_database_migrations(system_database(home))
            marker.touch()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
