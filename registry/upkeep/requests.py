"""Forgetting the answers that were given under request ids, once nobody repeats these requests any more."""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from registry.storage.tables import Request

# A client repeats a request within minutes; a week outlasts a queue that stood still over some days.
KEEP_MICROS = 7 * 24 * 3600 * 1_000_000
# Of one write transaction.
BATCH_REQUESTS = 5_000


def forget_some(session: Session, at: int) -> int:
    """Removes a batch of those older than ``KEEP_MICROS``, in a write transaction; gives how many."""
    time = col(Request.create_time)
    old = time < at - KEEP_MICROS
    # Up to the time of the last of the batch: rows of the same microsecond go with it.
    last = session.exec(select(time).where(old).order_by(time).offset(BATCH_REQUESTS - 1).limit(1)).first()
    return session.exec(delete(Request).where(old if last is None else time <= last)).rowcount
