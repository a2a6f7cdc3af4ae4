"""RunService over gRPC: checks recipes, stores runs and asks for work. Execution is the worker's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc

from distill.recipe import Recipe, from_proto, to_proto
from distill.runs import names, records
from distill.runs.checkpoints import check_here
from distill.runs.known import known_names
from distill.runs.plan import plan_outcomes
from distill.runs.store import RunRecord, RunStore, timestamp_now
from distill.workflow import queue
from distill.workflow.lock import has_worker
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2, run_pb2_grpc
from spiritsafe.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from spiritsafe.rpc.caller import current_caller

_WATCH_SECONDS = 0.2
_PAGE = 50
_MAX_PAGE = 1000
_Context = Any


class RunService(run_pb2_grpc.RunServiceServicer):
    """The runs of one home. ``registry`` gives the client with which licence outcomes are computed."""

    def __init__(self, home: Path, registry: Callable[[], Client]) -> None:
        self._home = home
        self._registry = registry
        self._store = RunStore(home)
        self._known = known_names()

    def add_to_server(self, server: grpc.aio.Server) -> None:
        run_pb2_grpc.add_RunServiceServicer_to_server(self, server)

    async def PlanRun(self, request: run_pb2.PlanRunRequest, context: _Context) -> run_pb2.PlanRunResponse:
        return await asyncio.to_thread(self._plan, request.recipe)

    async def CreateRun(self, request: run_pb2.CreateRunRequest, context: _Context) -> run_pb2.CreateRunResponse:
        return run_pb2.CreateRunResponse(run=await asyncio.to_thread(self._create, request))

    async def GetRun(self, request: run_pb2.GetRunRequest, context: _Context) -> run_pb2.GetRunResponse:
        return run_pb2.GetRunResponse(run=(await asyncio.to_thread(self._get, request.name)).run)

    async def ListRuns(self, request: run_pb2.ListRunsRequest, context: _Context) -> run_pb2.ListRunsResponse:
        return await asyncio.to_thread(self._list, request)

    async def WatchRun(
        self, request: run_pb2.WatchRunRequest, context: _Context
    ) -> AsyncIterator[run_pb2.WatchRunResponse]:
        cursor = request.after_sequence
        while True:
            # The state is read first: events stored after it was terminal cannot be missed.
            record = await asyncio.to_thread(self._get, request.name)
            events = await asyncio.to_thread(self._store.events, record.id, cursor)
            for event in events:
                cursor = event.sequence
                yield run_pb2.WatchRunResponse(event=event)
            if not events:
                if record.run.state in records.TERMINAL:
                    return
                await asyncio.sleep(_WATCH_SECONDS)

    async def CancelRun(self, request: run_pb2.CancelRunRequest, context: _Context) -> run_pb2.CancelRunResponse:
        return run_pb2.CancelRunResponse(run=await asyncio.to_thread(self._cancel, request))

    async def ResumeRun(self, request: run_pb2.ResumeRunRequest, context: _Context) -> run_pb2.ResumeRunResponse:
        return run_pb2.ResumeRunResponse(run=await asyncio.to_thread(self._resume, request))

    def _plan(self, message: run_pb2.Recipe) -> run_pb2.PlanRunResponse:
        recipe, warnings = self._check(message)
        outcomes, more = plan_outcomes(self._registry(), recipe)
        return run_pb2.PlanRunResponse(recipe=to_proto(recipe), license_outcomes=outcomes, warnings=[*warnings, *more])

    def _check(self, message: run_pb2.Recipe) -> tuple[Recipe, list[str]]:
        recipe = from_proto(message, self._known)
        _allow_namespace(recipe.namespace)
        return recipe, check_here(recipe)

    def _create(self, request: run_pb2.CreateRunRequest) -> run_pb2.Run:
        creator = current_caller().identity
        recipe, _ = self._check(request.recipe)
        message = to_proto(recipe)
        earlier = self._store.find_request(creator, request.request_id)
        if earlier is not None:
            return _same_request(earlier, message)
        outcomes, _ = plan_outcomes(self._registry(), recipe)
        run = run_pb2.Run(
            name=names.run_name(request.run_id or f"run-{uuid4().hex[:12]}"),
            recipe=message,
            state=run_pb2.RUN_STATE_QUEUED,
            stages=records.pending_stages(recipe.stages),
            license_outcomes=outcomes,
            creator=creator,
            stand_in=recipe.stand_in,
        )
        if request.validate_only:
            return run
        record = self._store.create(run, request.request_id)
        queue.enqueue(self._home, record.workflow_id, record.id, record.attempt)
        return _same_request(record, message)

    def _get(self, name: str) -> RunRecord:
        record = self._store.get(names.run_id(name))
        _allow_namespace(record.run.recipe.namespace)
        return record

    def _list(self, request: run_pb2.ListRunsRequest) -> run_pb2.ListRunsResponse:
        if request.page_size < 0:
            raise InvalidArgument("page_size is negative", remedy="leave it out, or ask for 1 to 1,000 runs")
        size = min(request.page_size or _PAGE, _MAX_PAGE)
        found = self._store.page(size + 1, names.page_start(request.page_token))
        allowed = current_caller().namespaces
        runs = [one.run for one in found[:size] if not allowed or one.run.recipe.namespace in allowed]
        token = names.page_token(found[size - 1].number) if len(found) > size else ""
        return run_pb2.ListRunsResponse(runs=runs, next_page_token=token)

    def _cancel(self, request: run_pb2.CancelRunRequest) -> run_pb2.Run:
        record = self._get(request.name)
        if record.run.state in (run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED):
            raise FailedPrecondition(f"{request.name} has ended", remedy="there is nothing to cancel")
        if request.validate_only:
            return record.run
        worked_on = record.run.state == run_pb2.RUN_STATE_RUNNING and has_worker(self._home)
        return self._store.change(record.id, lambda one: _cancelled(one, worked_on)).run

    def _resume(self, request: run_pb2.ResumeRunRequest) -> run_pb2.Run:
        record = self._get(request.name)
        if record.run.state == run_pb2.RUN_STATE_SUCCEEDED:
            raise FailedPrecondition(f"{request.name} has succeeded", remedy="create another run")
        if request.validate_only:
            return record.run
        record = self._store.change(
            record.id, lambda one: records.run_resumed(one) if one.run.state in records.TERMINAL else []
        )
        # A run that lost its worker is still queued or running: asking again wakes nothing twice.
        queue.enqueue(self._home, record.workflow_id, record.id, record.attempt)
        return record.run


def _cancelled(record: RunRecord, worked_on: bool) -> list[run_pb2.RunEvent]:
    if record.run.state in records.TERMINAL:
        return []
    if worked_on:
        record.cancel_requested = True
        return [run_pb2.RunEvent(type="log", message="cancellation was asked for")]
    return list(records.run_ended(record, run_pb2.RUN_STATE_CANCELLED, timestamp_now()))


def _same_request(record: RunRecord, recipe: run_pb2.Recipe) -> run_pb2.Run:
    if record.run.recipe != recipe:
        raise InvalidArgument(
            f"this request id made {record.run.name} with another recipe",
            reason="REQUEST_ID_REUSED",
            remedy="use a new request id for a new request",
        )
    return record.run


def _allow_namespace(namespace: str) -> None:
    allowed = current_caller().namespaces
    if allowed and namespace not in allowed:
        raise PermissionDenied(
            f"your roles do not reach the namespace {namespace!r}", remedy="ask for a role in that namespace"
        )
