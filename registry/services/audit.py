"""AuditService: the record of every mutation, and the check of its chain."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.context import Registry
from registry.listing import filters
from registry.listing.paging import Page
from registry.storage import audit
from registry.storage.tables import AuditEvent
from spiritsafe.registry.v1 import audit_pb2, audit_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_COLUMNS = {
    "resource": col(AuditEvent.resource),
    "type": col(AuditEvent.type),
    "actor": col(AuditEvent.actor),
}
BATCH_ROWS = 500


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """A caller limited to namespaces sees the events of these; the chain is checked over all."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def ListAuditEvents(
        self, request: audit_pb2.ListAuditEventsRequest, context: grpc.ServicerContext
    ) -> audit_pb2.ListAuditEventsResponse:
        caller = current_caller()
        reach = sorted(caller.namespaces)
        page = Page.read(request.page_size, request.page_token, "ListAuditEvents", request.filter, *reach)
        conditions = filters.parse(request.filter, _COLUMNS)
        query = select(AuditEvent).order_by(col(AuditEvent.sequence)).limit(page.size + 1)
        query = query.where(*(filters.where(condition, _COLUMNS) for condition in conditions))
        if reach:
            query = query.where(_within(caller))
        if page.after is not None:
            query = query.where(col(AuditEvent.sequence) > page.after)
        with self._registry.database.read() as session:
            events, next_page_token = page.cut(session.exec(query).all(), lambda event: event.sequence)
        return audit_pb2.ListAuditEventsResponse(
            events=[_message(event) for event in events], next_page_token=next_page_token
        )

    def VerifyAudit(
        self, request: audit_pb2.VerifyAuditRequest, context: grpc.ServicerContext
    ) -> audit_pb2.VerifyAuditResponse:
        with self._registry.database.read() as session:
            report = audit.verify(_all_events(session))
        return audit_pb2.VerifyAuditResponse(
            verified=report.verified,
            events=report.events,
            head_hash=report.head_hash,
            first_bad_sequence=report.first_bad_sequence,
            problem=report.problem,
        )


def _within(caller: Caller) -> ColumnElement[bool]:
    names = [f"namespaces/{namespace}" for namespace in sorted(caller.namespaces)]
    below = (col(AuditEvent.resource).startswith(f"{name}/", autoescape=True) for name in names)
    return or_(col(AuditEvent.resource).in_(names), *below)


def _all_events(session: Session) -> Iterator[AuditEvent]:
    """Every event in order, with one batch in memory at a time."""
    query = select(AuditEvent).order_by(col(AuditEvent.sequence)).limit(BATCH_ROWS)
    # No lower bound at the start: an event that was slipped in before the first is to be seen too.
    batch = session.exec(query).all()
    while batch:
        yield from batch
        last = batch[-1].sequence
        # The session would keep every row that it has seen.
        session.expunge_all()
        batch = session.exec(query.where(col(AuditEvent.sequence) > last)).all()


def _message(event: AuditEvent) -> audit_pb2.AuditEvent:
    details = Struct()
    details.update(event.details)
    return audit_pb2.AuditEvent(
        sequence=event.sequence,
        type=event.type,
        actor=event.actor,
        resource=event.resource,
        details=details,
        create_time=to_timestamp(event.create_time),
        previous_hash=event.previous_hash,
        hash=event.hash,
    )
