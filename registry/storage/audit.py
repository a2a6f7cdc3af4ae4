"""The hash chain over all mutations.

``hash`` = SHA-256 over the canonical JSON (sorted keys, no spaces, UTF-8) of every other field; ``previous_hash`` ties
an event to the one before. A chain alone cannot rule out that somebody rewrote all of it: keep the head hash elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, func, select

from registry.clock import now
from registry.storage.tables import AuditEvent

GENESIS_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """What a mutation did. ``details`` must be JSON-serialisable and hold no secret."""

    type: str
    resource: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of recomputing a chain. ``problem`` is empty when every event fits."""

    events: int
    head_hash: str
    first_bad_sequence: int = 0
    problem: str = ""

    @property
    def verified(self) -> bool:
        return not self.problem


def event_hash(event: AuditEvent) -> str:
    """SHA-256 of the canonical JSON of all fields but the hash itself."""
    return _digest(event.model_dump(exclude={"hash"}))


def _digest(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def next_sequence(session: Session) -> int:
    """The sequence of the event that this write transaction appends next."""
    last = session.exec(select(func.max(AuditEvent.sequence))).one()
    return (last or 0) + 1


def append(session: Session, event: Event, actor: str) -> int:
    """Adds the event at the end of the chain, inside the caller's write transaction, and returns its sequence."""
    last = session.execute(_LAST).first()
    sequence: int = last.sequence + 1 if last else 1
    body = {
        "sequence": sequence,
        "type": event.type,
        "actor": actor,
        "resource": event.resource,
        "details": event.details,
        "create_time": now(),
        "previous_hash": last.hash if last else GENESIS_HASH,
    }
    # Every mutation pays for this: a row of the table costs a third of what an object of the session would.
    session.execute(_INSERT, {**body, "hash": _digest(body)})
    return sequence


_INSERT = sqlalchemy.insert(AuditEvent.__table__)  # type: ignore[attr-defined] # SQLModel types no tables
_LAST = (
    sqlalchemy.select(col(AuditEvent.sequence), col(AuditEvent.hash)).order_by(col(AuditEvent.sequence).desc()).limit(1)
)


def verify(events: Iterable[AuditEvent]) -> ChainReport:
    """Recomputes the chain in order of sequence; stops at the first event that does not fit."""
    head, count = GENESIS_HASH, 0
    for event in events:
        problem = _problem(event, count + 1, head)
        if problem:
            return ChainReport(count, head, event.sequence, problem)
        head, count = event.hash, count + 1
    return ChainReport(count, head)


def _problem(event: AuditEvent, expected_sequence: int, previous_hash: str) -> str:
    if event.sequence != expected_sequence:
        return f"expected event {expected_sequence}, found {event.sequence}: events are missing"
    if event.previous_hash != previous_hash:
        return f"event {event.sequence} does not follow from the event before it"
    if event.hash != event_hash(event):
        return f"event {event.sequence} was changed after it was written"
    return ""
