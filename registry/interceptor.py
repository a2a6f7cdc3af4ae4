"""What every call passes: authentication, permission, error mapping, and the bridge to synchronous services.

Deny by default: only health and reflection are open, and a method whose descriptor names no permission is refused.
Services are written as plain synchronous code over blocking storage. They run on bounded thread pools, since a blocking
call on the event loop would stall every client. Streams are pulled, one message at a time in either direction: a slow
client holds one message in memory, and a slow *reader* holds no thread either.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, status_pb2

from registry.answers import Answers, Question, is_repeatable
from registry.context import Registry
from registry.identity.callers import Callers
from registry.identity.roles import roles_with
from registry.storage.deadline import set_deadline
from registry.storage.failures import explain
from spiritsafe.errors import (
    Internal,
    InvalidArgument,
    PermissionDenied,
    SpiritsafeError,
    Unauthenticated,
    Unavailable,
)
from spiritsafe.rpc.caller import Caller, current_caller, set_caller
from spiritsafe.rpc.permissions import PUBLIC, permissions_by_path
from spiritsafe.rpc.status import to_status

_log = logging.getLogger(__name__)
_OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
_STATUS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# gRPC's clients accept 8 KiB of metadata by default, and the message travels twice: as such and in the details.
_MAX_MESSAGE_LENGTH = 2_000
_MAX_STATUS_BYTES = 4_000
# Between two looks at the token of a stream that lasts: it ends with the next message after a revocation was seen.
_ADMITTED_SECONDS = 5.0
_END = object()
_ResultT = TypeVar("_ResultT")
_Call = Callable[[Any, Any], Awaitable[Any]]
_Admit = Callable[[Any], Awaitable[Caller | None]]


class Gate(grpc.aio.ServerInterceptor):
    """Wraps every handler of the server.

    ``workers`` runs what answers at once; ``uploads`` runs handlers that wait for their client's next message, which
    would otherwise let a few slow clients hold every worker.
    """

    def __init__(self, registry: Registry, workers: ThreadPoolExecutor, uploads: ThreadPoolExecutor) -> None:
        self._callers = Callers(registry.database)
        self._answers = Answers(registry.database)
        self._workers = workers
        self._uploads = uploads
        self._permissions = permissions_by_path()
        # By path, found or wrapped once: what a server offers is fixed when it starts.
        self._handlers: dict[str, Any] = {}

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        path = details.method
        if path not in self._handlers:
            handler = await continuation(details)
            if handler is None:
                # Not kept: anybody may ask for any number of methods that do not exist.
                return None
            self._handlers[path] = handler if path.startswith(_OPEN_SERVICES) else self._wrap(path, handler)
        return self._handlers[path]

    def _wrap(self, path: str, handler: Any) -> Any:
        """A handler of the same arity around the given one."""
        arity = ("stream_" if handler.request_streaming else "unary_") + (
            "stream" if handler.response_streaming else "unary"
        )
        behaviour = getattr(handler, arity)
        admit = functools.partial(self._admit, path)
        if is_repeatable(behaviour):
            call, codecs = self._repeated(path, behaviour, handler), (None, None)
        else:
            bridge = self._native if _is_async(behaviour) else self._threaded
            call, codecs = (
                bridge(behaviour, handler, admit),
                (handler.request_deserializer, handler.response_serializer),
            )

        async def guarded(request: Any, context: Any) -> Any:
            try:
                set_deadline(context.time_remaining())
                set_caller(await admit(context))
                return await call(request, context)
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - the one place where errors become statuses
                await _abort(context, _as_status(error, path))

        make = getattr(grpc, f"{arity}_rpc_method_handler")
        return make(guarded, *codecs)

    async def _admit(self, path: str, context: Any) -> Caller | None:
        """The caller, once it may call the method; None where anybody may."""
        permission = self._permissions.get(path, "")
        if permission == PUBLIC:
            return None
        if not permission:
            raise PermissionDenied(
                f"{path} names no permission, so nobody may call it",
                reason="METHOD_WITHOUT_PERMISSION",
                remedy="report this to the server's developers",
                metadata={"method": path},
            )
        secret = _bearer(context.invocation_metadata())
        caller = self._callers.recall(secret)
        if caller is None:
            scope = contextvars.copy_context()
            authenticate = self._callers.authenticate
            caller = await asyncio.get_running_loop().run_in_executor(self._workers, scope.run, authenticate, secret)
        if permission not in caller.permissions:
            raise _missing(caller, permission)
        return caller

    def _native(self, behaviour: Callable[[Any, Any], Any], handler: Any, admit: _Admit) -> _Call:
        """An asynchronous behaviour, run on the event loop."""
        if not handler.response_streaming or not inspect.isasyncgenfunction(behaviour):
            return behaviour

        async def call(request: Any, context: Any) -> None:
            await _send(behaviour(request, context), context, admit)

        return call

    def _repeated(self, path: str, behaviour: Callable[[Any, Any], Any], handler: Any) -> _Call:
        """A synchronous behaviour on bytes: an answer that is known to be still right needs no thread."""

        async def call(request: bytes, context: Any) -> bytes:
            question = Question(path, request, current_caller())
            known = self._answers.recall(question)
            if known is not None:
                return known
            scope = contextvars.copy_context()

            def find() -> bytes:
                answer: bytes = handler.response_serializer(behaviour(_parsed(handler, request), context))
                return answer

            return await asyncio.get_running_loop().run_in_executor(
                self._workers, scope.run, self._answers.answer, question, find
            )

        return call

    def _threaded(self, behaviour: Callable[[Any, Any], Any], handler: Any, admit: _Admit) -> _Call:
        """A synchronous behaviour, run on a pool in a copy of the call's context."""
        pool = self._uploads if handler.request_streaming else self._workers

        async def call(request: Any, context: Any) -> Any:
            loop = asyncio.get_running_loop()
            # Taken now, so that the threads see the caller that the guard has just set.
            scope = contextvars.copy_context()

            async def run(function: Callable[..., _ResultT], *arguments: Any) -> _ResultT:
                # A copy each time: a context cannot be entered twice, as when a stream is closed while it runs.
                return await loop.run_in_executor(pool, lambda: scope.copy().run(function, *arguments))

            requests = _Requests(request, loop) if handler.request_streaming else None
            try:
                answer = await run(behaviour, requests or request, context)
                if not handler.response_streaming:
                    return answer
                await _send(_pulled(iter(answer), run), context, admit)
            finally:
                if requests is not None:
                    requests.close()

        return call


class _Requests(Iterator[Any]):
    """The request stream as a thread sees it.

    A stream that its client cuts off may simply end here, as gRPC reports the end before the cancellation: a service
    that must not take a part for the whole checks size and digest.
    """

    def __init__(self, source: AsyncIterable[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._source = aiter(source)
        self._loop = loop
        self._pending: Future[Any] | None = None
        self._closed = False

    def __next__(self) -> Any:
        if self._closed:
            raise Unavailable("the call has ended", reason="CALL_ENDED", remedy="send the stream again")
        self._pending = asyncio.run_coroutine_threadsafe(_next(self._source), self._loop)
        message = self._pending.result()
        if message is _END:
            raise StopIteration
        return message

    def close(self) -> None:
        """Ends the wait of the thread, if it is in one."""
        self._closed = True
        if self._pending is not None:
            self._pending.cancel()


async def _next(source: AsyncIterator[Any]) -> Any:
    # StopAsyncIteration cannot pass through a future.
    return await anext(source, _END)


async def _pulled(answers: Iterator[Message], run: Callable[..., Awaitable[Any]]) -> AsyncIterator[Message]:
    """The items of a synchronous iterator, which is closed at the end so that it can release what it holds."""
    try:
        while (item := await run(next, answers, _END)) is not _END:
            yield item
    finally:
        close = getattr(answers, "close", None)
        if close is not None:
            await asyncio.shield(asyncio.ensure_future(run(_close, close)))


def _close(close: Callable[[], None]) -> None:
    try:
        close()
    except ValueError:
        # Cancelled while a thread is inside the generator: it ends, and is closed, when that thread is done.
        _log.debug("a response stream was still running when its call ended")


async def _send(answers: AsyncIterator[Message], context: Any, admit: _Admit) -> None:
    """Writes item by item: a cancelled call raises here, where the iterator can be closed at once.

    A caller who is not admitted any more gets nothing further.
    """
    loop = asyncio.get_running_loop()
    admitted = loop.time()
    try:
        async for item in answers:
            if loop.time() > admitted + _ADMITTED_SECONDS:
                await admit(context)
                admitted = loop.time()
            await context.write(item)
    finally:
        await answers.aclose()  # type: ignore[attr-defined] # both kinds are generators


def _parsed(handler: Any, request: bytes) -> Any:
    try:
        return handler.request_deserializer(request)
    except DecodeError as error:
        raise InvalidArgument("the request is no message of this method", reason="REQUEST_UNREADABLE") from error


def _is_async(behaviour: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour)


def _bearer(metadata: Any) -> str:
    """The token of ``authorization: Bearer TOKEN``. Raises Unauthenticated."""
    for key, value in metadata or ():
        if key == "authorization":
            scheme, _, secret = str(value).partition(" ")
            if scheme.lower() == "bearer" and secret.strip():
                return secret.strip()
    raise Unauthenticated(
        "the call carries no token",
        reason="TOKEN_MISSING",
        remedy="send the metadata `authorization: Bearer TOKEN`; the command line reads SPIRITSAFE_TOKEN",
    )


def _missing(caller: Caller, permission: str) -> PermissionDenied:
    roles = roles_with(permission)
    return PermissionDenied(
        f"{caller.identity} lacks the permission {permission}",
        reason="PERMISSION_MISSING",
        remedy=f"use a token with the role {' or '.join(roles)}",
        metadata={"permission": permission, "roles": ",".join(roles)},
    )


def _as_status(error: Exception, path: str) -> status_pb2.Status:
    if isinstance(error, SpiritsafeError):
        return to_status(error)
    if isinstance(error, NotImplementedError):
        return status_pb2.Status(code=code_pb2.UNIMPLEMENTED, message=f"this server does not offer {path}")
    explained = explain(error)
    if explained is not None:
        return to_status(explained)
    # What went wrong inside is for the log only; the incident ties the two together.
    incident = uuid.uuid4().hex[:12]
    _log.error("%s failed, incident %s", path, incident, exc_info=error)
    return to_status(
        Internal(
            "the server failed",
            reason="INTERNAL",
            remedy=f"ask the operator for incident {incident} in the server's log",
            metadata={"incident": incident},
        )
    )


def _fit(status: status_pb2.Status) -> status_pb2.Status:
    """The status cut to what clients accept in metadata: first the message, then the trailing details."""
    fitted = status_pb2.Status()
    fitted.CopyFrom(status)
    if len(fitted.message) > _MAX_MESSAGE_LENGTH:
        fitted.message = fitted.message[: _MAX_MESSAGE_LENGTH - 1] + "…"
    while len(fitted.details) > 1 and fitted.ByteSize() > _MAX_STATUS_BYTES:
        largest = max(range(1, len(fitted.details)), key=lambda index: fitted.details[index].ByteSize())
        del fitted.details[largest]
    return fitted


async def _abort(context: Any, status: status_pb2.Status) -> None:
    status = _fit(status)
    await context.abort(_CODES[status.code], status.message, ((_STATUS_KEY, status.SerializeToString()),))
