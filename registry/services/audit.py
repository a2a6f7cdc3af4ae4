"""AuditService: the record of every mutation, as a list and as it grows, and the check of its chain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import grpc
from google.protobuf.struct_pb2 import Struct
from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.context import Registry
from registry.errors import invalid
from registry.listing import fields
from registry.listing.ordering import Sort, read_order
from registry.storage import audit
from registry.storage.tables import AuditEvent
from registry.watching.feed import Feed, stopping
from spiritsafe.registry.v1 import audit_pb2, audit_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_FIELDS: fields.Fields = {
    "sequence": fields.Number(col(AuditEvent.sequence)),
    "type": fields.Text(col(AuditEvent.type)),
    "resource": fields.Text(col(AuditEvent.resource)),
    "actor": fields.Text(col(AuditEvent.actor)),
    "create_time": fields.Time(col(AuditEvent.create_time)),
}
_SEQUENCE = Sort("sequence", col(AuditEvent.sequence))
BATCH_ROWS = 500
HEARTBEAT_SECONDS = 15.0
MIN_HEARTBEAT_SECONDS, MAX_HEARTBEAT_SECONDS = 1.0, 3600.0


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """A caller limited to namespaces sees the events of these; the chain is checked over all."""

    def __init__(self, registry: Registry, feed: Feed) -> None:
        self._registry = registry
        self._feed = feed

    def ListAuditEvents(
        self, request: audit_pb2.ListAuditEventsRequest, context: grpc.ServicerContext
    ) -> audit_pb2.ListAuditEventsResponse:
        caller = current_caller()
        page = self._registry.page(request, "ListAuditEvents", request.filter, request.order_by)
        ordering = read_order(request.order_by, {"sequence": _SEQUENCE}, [_SEQUENCE], _SEQUENCE)
        query = select(AuditEvent).where(*fields.where(request.filter, _FIELDS), *_within(caller))
        with self._registry.database.read() as session:
            found = session.exec(ordering.page(query, page, page.size + 1)).all()
            events, next_page_token = page.cut(found, ordering.key)
        return audit_pb2.ListAuditEventsResponse(
            events=[_message(event) for event in events], next_page_token=next_page_token
        )

    async def WatchEvents(
        self, request: audit_pb2.WatchEventsRequest, context: grpc.ServicerContext
    ) -> AsyncIterator[audit_pb2.WatchEventsResponse]:
        """Holds no thread while it waits, and one batch of events while its client is slow."""
        caller = current_caller()
        conditions = [*fields.where(request.filter, _FIELDS), *_within(caller)]
        shared = (request.filter, caller.namespaces)
        interval = _heartbeat(request)
        async with self._feed.watched() as newest:
            cursor = _beginning(request, newest)
            yield audit_pb2.WatchEventsResponse(cursor=cursor)
            loop = asyncio.get_running_loop()
            spoken = loop.time()
            while not self._feed.closed:
                await self._feed.wait(cursor, spoken + interval - loop.time())
                events, cursor = await self._feed.read(shared, conditions, cursor)
                for event in events:
                    yield audit_pb2.WatchEventsResponse(event=_message(event), cursor=event.sequence)
                if events:
                    spoken = loop.time()
                elif loop.time() >= spoken + interval or self._feed.closed:
                    yield audit_pb2.WatchEventsResponse(cursor=cursor)
                    spoken = loop.time()
        raise stopping()

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


def _heartbeat(request: audit_pb2.WatchEventsRequest) -> float:
    """In seconds. Raises InvalidArgument."""
    if not request.HasField("heartbeat_interval"):
        return HEARTBEAT_SECONDS
    seconds = request.heartbeat_interval.ToMicroseconds() / 1_000_000
    if MIN_HEARTBEAT_SECONDS <= seconds <= MAX_HEARTBEAT_SECONDS:
        return seconds
    raise invalid("heartbeat_interval", "must be 1 second to 1 hour", remedy="leave it out for 15 seconds")


def _beginning(request: audit_pb2.WatchEventsRequest, newest: int) -> int:
    """The sequence after which the first event comes. Raises InvalidArgument for one that was never given out."""
    if not request.HasField("after_sequence"):
        return newest
    if 0 <= request.after_sequence <= newest:
        return request.after_sequence
    raise invalid(
        "after_sequence",
        f"{request.after_sequence} is no cursor of this registry, whose newest event is {newest}",
        reason="INVALID_CURSOR",
        remedy="give the cursor of a message, 0 for all events, or leave it out for new ones",
    )


def _within(caller: Caller) -> list[ColumnElement[bool]]:
    """Limits events to the caller's namespaces."""
    if not caller.namespaces:
        return []
    names = [f"namespaces/{namespace}" for namespace in sorted(caller.namespaces)]
    below = (col(AuditEvent.resource).startswith(f"{name}/", autoescape=True) for name in names)
    return [or_(col(AuditEvent.resource).in_(names), *below)]


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
