"""Re-evaluations as rows: which is next, who works on it, and how far it is.

Each batch is one short write transaction, which checks that nobody else moved the cursor; so two processes that should
both work cannot record a change twice. The lease spares them doing the same work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlmodel import Session, col, select

from registry.clock import now
from registry.storage.tables import Reevaluation, Setting

QUEUED, RUNNING, DONE = "queued", "running", "done"
DEPLOYED, ALL = "deployed", "all"
# Longer than a batch takes; a process that was killed holds the work up for no longer.
LEASE_MICROS = 5_000_000
_LEASE = "reevaluation_lease"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a job is: the last version id of the phase that it did."""

    phase: str
    cursor: int


def job_name(job_id: int | None) -> str:
    return f"reevaluations/{job_id}"


def next_job(session: Session) -> Reevaluation | None:
    """The oldest one that is not done."""
    unfinished = col(Reevaluation.state).in_((QUEUED, RUNNING))
    return session.exec(select(Reevaluation).where(unfinished).order_by(col(Reevaluation.id)).limit(1)).first()


def take_lease(session: Session, owner: str) -> bool:
    """Takes or renews the right to work on this database, inside a write transaction; False while another has it."""
    setting = session.get(Setting, _LEASE)
    holder, until = json.loads(setting.value) if setting else (owner, 0)
    if holder != owner and until > now():
        return False
    setting = setting or Setting(key=_LEASE, value="")
    setting.value = json.dumps([owner, now() + LEASE_MICROS])
    session.add(setting)
    return True


def give_lease_back(session: Session, owner: str) -> None:
    """Lets others work at once, where the owner has the lease."""
    setting = session.get(Setting, _LEASE)
    if setting is not None and json.loads(setting.value)[0] == owner:
        session.delete(setting)


def position(job: Reevaluation) -> Position:
    return Position(job.phase, job.cursor)


def advance(job: Reevaluation, to: Position, *, evaluated: int = 0, changed: int = 0) -> None:
    """Moves a job on after a batch; counts are of that batch."""
    job.state = RUNNING
    job.phase, job.cursor = to.phase, to.cursor
    job.evaluated += evaluated
    job.changed += changed


def finish(job: Reevaluation) -> None:
    job.state = DONE
    job.end_time = now()
