"""Re-evaluations and the changes of verdicts that they found, in the words of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import or_
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.identity.access import may_use
from registry.listing.paging import Page
from registry.reevaluation.changes import CHANGED, Change
from registry.reevaluation.jobs import job_name
from registry.storage.tables import AuditEvent, Reevaluation
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.caller import Caller


class _Recorded(NamedTuple):
    """A change in an audit event. ``position`` counts from 0 within it; the key of pages is of fixed width."""

    event: AuditEvent
    position: int
    change: Change

    @property
    def key(self) -> str:
        return f"{self.event.sequence:019}.{self.position:04}"


def change_message(change: Change) -> licensing_pb2.VerdictChange:
    """A change that was not recorded: one of a preview."""
    return licensing_pb2.VerdictChange(
        version=change.version,
        context=enum_number(licensing_pb2.Context, change.context.value, "context"),
        before=enum_number(licensing_pb2.Verdict, change.before.value, "before"),
        after=enum_number(licensing_pb2.Verdict, change.after.value, "after"),
        outbound_license=change.outbound,
        channels=change.channels,
    )


def visible(caller: Caller, changes: Iterable[Change]) -> list[Change]:
    """Those of versions in namespaces that the caller may use."""
    return [each for each in changes if may_use(caller, each.namespace)]


def list_jobs(session: Session, caller: Caller, page: Page) -> tuple[list[licensing_pb2.Reevaluation], str]:
    """Re-evaluations newest first, with the next page token."""
    query = select(Reevaluation).order_by(col(Reevaluation.id).desc()).limit(page.size + 1)
    if page.after is not None:
        query = query.where(col(Reevaluation.id) < page.after)
    rows, token = page.cut(session.exec(query).all(), lambda row: row.id or 0)
    causes = _causes(session, {row.cause_sequence or 0 for row in rows})
    return [_job_message(row, causes.get(row.cause_sequence or 0), caller) for row in rows], token


def list_changes(session: Session, caller: Caller, page: Page) -> tuple[list[licensing_pb2.VerdictChange], str]:
    """Recorded changes newest event first and in an event's own order, with the next page token."""
    found: list[_Recorded] = []
    for recorded in _recorded(session, caller, "" if page.after is None else str(page.after)):
        found.append(recorded)
        if len(found) > page.size:
            break
    kept, token = page.cut(found, lambda each: each.key)
    causes = _causes(session, {each.event.details["cause"] for each in kept})
    return [_recorded_message(each, causes.get(each.event.details["cause"]), caller) for each in kept], token


def _recorded(session: Session, caller: Caller, after: str) -> Iterator[_Recorded]:
    sequence, _, position = after.partition(".")
    query = select(AuditEvent).where(AuditEvent.type == CHANGED).order_by(col(AuditEvent.sequence).desc()).limit(20)
    if caller.namespaces:
        prefixes = (f"namespaces/{namespace}/" for namespace in sorted(caller.namespaces))
        query = query.where(or_(*(col(AuditEvent.resource).startswith(one, autoescape=True) for one in prefixes)))
    at = int(sequence) if sequence else None
    batch = session.exec(query if at is None else query.where(col(AuditEvent.sequence) <= at)).all()
    while batch:
        for event in batch:
            skip = int(position) + 1 if event.sequence == at else 0
            for number, value in list(enumerate(event.details["changes"]))[skip:]:
                yield _Recorded(event, number, Change.from_json(value))
        batch = session.exec(query.where(col(AuditEvent.sequence) < batch[-1].sequence)).all()


def _causes(session: Session, sequences: set[int]) -> Mapping[int, AuditEvent]:
    events: Sequence[AuditEvent] = session.exec(select(AuditEvent).where(col(AuditEvent.sequence).in_(sequences))).all()
    return {event.sequence: event for event in events}


def _job_message(row: Reevaluation, cause: AuditEvent | None, caller: Caller) -> licensing_pb2.Reevaluation:
    return licensing_pb2.Reevaluation(
        name=job_name(row.id),
        cause=cause.type if cause else "",
        cause_resource=_resource(cause, caller),
        cause_sequence=row.cause_sequence or 0,
        epoch=row.epoch,
        state=enum_number(licensing_pb2.ReevaluationState, row.state, "state"),
        reached=row.reached,
        evaluated=row.evaluated,
        changed=row.changed,
        create_time=to_timestamp(row.create_time),
        start_time=to_timestamp(row.start_time),
        end_time=to_timestamp(row.end_time),
    )


def _recorded_message(recorded: _Recorded, cause: AuditEvent | None, caller: Caller) -> licensing_pb2.VerdictChange:
    message = change_message(recorded.change)
    message.reevaluation = recorded.event.details["reevaluation"]
    message.cause = cause.type if cause else ""
    message.cause_resource = _resource(cause, caller)
    message.change_time.FromMicroseconds(recorded.event.create_time)
    return message


def _resource(cause: AuditEvent | None, caller: Caller) -> str:
    """The resource of a cause; empty for one in a namespace that the caller may not use."""
    if cause is None:
        return ""
    parts = cause.resource.split("/")
    return cause.resource if parts[0] != "namespaces" or may_use(caller, parts[1]) else ""
