"""What the passing of time changes: agreements that begin or end, approvals that expire.

Verdicts follow the clock by themselves. Here each such moment becomes an audit event and sets a re-evaluation off,
once: a setting holds up to when that was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from registry.decisions import agreements, reviews
from registry.decisions.epoch import Reach, queue_reevaluation
from registry.storage import audit
from registry.storage.tables import Agreement, Review, Setting

_ANNOUNCED = "expiries_announced_until"
ACTOR = "system"


class Moment(NamedTuple):
    """Something that happens by itself at a time (UTC microseconds)."""

    time: int
    type: str
    resource: str
    details: dict[str, object]
    reach: Reach


def next_moment(session: Session) -> int | None:
    """When the next one is due, which may be in the past; None when none will be."""
    after = _announced(session)
    times = [
        session.execute(query.with_only_columns(func.min(column))).scalar()
        for query, column in (
            (_agreements().where(col(Agreement.start_time) > after), col(Agreement.start_time)),
            (_agreements().where(col(Agreement.end_time) > after), col(Agreement.end_time)),
            (_reviews().where(col(Review.expire_time) > after), col(Review.expire_time)),
        )
    ]
    return min((time for time in times if time is not None), default=None)


def announce(session: Session, until: int) -> int:
    """Writes the events of all moments that have come, inside a write transaction; gives how many."""
    after = _announced(session)
    moments = sorted(_moments(session, after, until), key=lambda each: (each.time, each.resource))
    for moment in moments:
        sequence = audit.append(session, audit.Event(moment.type, moment.resource, moment.details), ACTOR)
        queue_reevaluation(session, moment.reach, sequence)
        session.flush()
    session.merge(Setting(key=_ANNOUNCED, value=str(until)))
    return len(moments)


def _announced(session: Session) -> int:
    return int(session.get_one(Setting, _ANNOUNCED).value)


def _agreements() -> SelectOfScalar[Agreement]:
    return select(Agreement).where(col(Agreement.revoke_time).is_(None))


def _reviews() -> SelectOfScalar[Review]:
    return select(Review).where(Review.state == "approved")


def _moments(session: Session, after: int, until: int) -> Iterator[Moment]:
    for agreement in session.exec(_agreements()):
        for kind, time in (("began", agreement.start_time), ("ended", agreement.end_time)):
            # A date that had passed when the agreement was recorded was never awaited.
            if max(after, agreement.create_time) < time <= until:
                name = agreements.agreement_name(agreement)
                details: dict[str, object] = {"license": agreement.license, "contexts": agreement.contexts}
                yield Moment(time, f"agreement.{kind}", name, details | {"time": time}, agreements.reach_of(agreement))
    for review in session.exec(_reviews()):
        if review.expire_time is not None and after < review.expire_time <= until:
            details = {"context": review.context, "code": review.code, "license": review.license}
            time = review.expire_time
            yield Moment(
                time, "review.expired", reviews.review_name(review), details | {"time": time}, reviews.reach_of(review)
            )
