"""StoreService: the artifact store as a whole."""

from __future__ import annotations

import asyncio

import grpc
from google.protobuf.duration_pb2 import Duration
from sqlmodel import Session

from registry.clock import now
from registry.context import Registry
from registry.errors import invalid
from registry.identity.access import check_everywhere
from registry.storage.audit import Event
from registry.storage.collection import Collector, Tally
from spiritsafe.registry.v1 import store_pb2, store_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

METHOD = "StoreService/CollectGarbage"
DEFAULT_GRACE = 24 * 3600 * 1_000_000
PAGE_BLOBS = 100_000


class StoreService(store_pb2_grpc.StoreServiceServicer):
    """For callers whose roles hold everywhere: content belongs to no namespace."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._collections = asyncio.Semaphore(1)

    def CheckStore(
        self, request: store_pb2.CheckStoreRequest, context: grpc.ServicerContext
    ) -> store_pb2.CheckStoreResponse:
        check_everywhere(current_caller())
        store = self._registry.store
        store.check()
        direct = store.direct is not None and store.direct.offers()
        return store_pb2.CheckStoreResponse(location=store.location, direct=direct)

    async def CollectGarbage(
        self, request: store_pb2.CollectGarbageRequest, context: grpc.ServicerContext
    ) -> store_pb2.CollectGarbageResponse:
        """On a thread of its own, one at a time: a page may take minutes."""
        async with self._collections:
            return await asyncio.to_thread(self._collect, request)

    def _collect(self, request: store_pb2.CollectGarbageRequest) -> store_pb2.CollectGarbageResponse:
        check_everywhere(current_caller())
        answered = self._registry.answered(METHOD, request, store_pb2.CollectGarbageResponse)
        if answered is not None:
            return answered
        grace = _grace(request)
        page = self._registry.pages.read(0, request.page_token, METHOD)
        size = _page_size(request)
        registry, before = self._registry, now() - grace
        collector = Collector(registry.database, registry.store, registry.created, before, request.validate_only)
        tally = Tally()
        try:
            if page.after is None:
                collector.abort_uploads(tally)
            collector.collect(tally, str(page.after or ""), size)
        except Exception:
            if tally.collected or tally.aborted:
                # What was removed is on record all the same, but not as the answer to this request.
                unanswered = store_pb2.CollectGarbageRequest()
                unanswered.CopyFrom(request)
                unanswered.request_id = ""
                self._record(unanswered, grace, _response(tally, ""))
            raise
        return self._record(request, grace, _response(tally, page.token(tally.last) if tally.more else ""))

    def _record(
        self, request: store_pb2.CollectGarbageRequest, grace: int, response: store_pb2.CollectGarbageResponse
    ) -> store_pb2.CollectGarbageResponse:
        counts = ("examined_blobs", "collected_blobs", "collected_bytes", "aborted_uploads")
        details = {"grace_seconds": grace // 1_000_000} | {name: getattr(response, name) for name in counts}

        def act(_session: Session, _caller: Caller) -> tuple[store_pb2.CollectGarbageResponse, Event]:
            return response, Event("store.collected", "store", details)

        return self._registry.mutate(METHOD, request, store_pb2.CollectGarbageResponse, act)


def _grace(request: store_pb2.CollectGarbageRequest) -> int:
    """In microseconds. Raises InvalidArgument for a negative one."""
    if not request.HasField("grace"):
        return DEFAULT_GRACE
    grace: Duration = request.grace
    if grace.ToMicroseconds() < 0:
        raise invalid("grace", "must not be negative", remedy="leave it out for 24 hours")
    return grace.ToMicroseconds()


def _page_size(request: store_pb2.CollectGarbageRequest) -> int:
    if request.page_size < 0:
        raise invalid("page_size", "must not be negative", remedy="leave it out for the default")
    return min(request.page_size or PAGE_BLOBS, PAGE_BLOBS)


def _response(tally: Tally, next_page_token: str) -> store_pb2.CollectGarbageResponse:
    return store_pb2.CollectGarbageResponse(
        examined_blobs=tally.examined,
        collected_blobs=tally.collected,
        collected_bytes=tally.collected_bytes,
        young_blobs=tally.young,
        older_blobs=tally.older,
        aborted_uploads=tally.aborted,
        next_page_token=next_page_token,
    )
