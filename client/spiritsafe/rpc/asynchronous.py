"""As ``spiritsafe.rpc.blocking``, for a client on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc import aio

from spiritsafe.errors import SpiritsafeError
from spiritsafe.rpc.connection import OPTIONS, Connection
from spiritsafe.rpc.retrying import Attempts, identified
from spiritsafe.rpc.status import from_rpc_error

_Continuation = Callable[..., Awaitable[Any]]


class _Interceptor:
    """gRPC takes an interceptor for one form of calls only, so there is one of each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _begin(self, details: Any, request: Any, *, answers_once: bool) -> tuple[Any, Attempts]:
        metadata = aio.Metadata(*(details.metadata or ()), *self._connection.metadata)
        method = details.method.decode() if isinstance(details.method, bytes) else details.method
        attempts = self._connection.attempts(method, request, details.timeout, answers_once=answers_once)
        return details._replace(metadata=metadata), attempts


class _UnaryCalls(_Interceptor, aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        request = identified(request)
        details, attempts = self._begin(client_call_details, request, answers_once=True)
        while True:
            try:
                return await _finished(continuation(_timed(details, attempts), request))
            except SpiritsafeError as error:
                wait = attempts.wait_after(error)
            await asyncio.sleep(wait)


class _Uploads(_Interceptor, aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self, continuation: _Continuation, client_call_details: Any, request_iterator: Any
    ) -> Any:
        details, attempts = self._begin(client_call_details, None, answers_once=False)
        try:
            return await _finished(continuation(_timed(details, attempts), request_iterator))
        except SpiritsafeError as error:
            raise attempts.named(error) from error.__cause__


class _Streams(_Interceptor, aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        request = identified(request)
        details, attempts = self._begin(client_call_details, request, answers_once=False)
        call = await continuation(_timed(details, attempts), request)
        return _stream(call, attempts, lambda: continuation(_timed(details, attempts), request))


def open_channel(connection: Connection) -> aio.Channel:
    """A channel on the event loop that runs."""
    interceptors: list[aio.ClientInterceptor] = [_UnaryCalls(connection), _Uploads(connection), _Streams(connection)]
    credentials = connection.credentials
    if credentials is None:
        return aio.insecure_channel(connection.address, OPTIONS, interceptors=interceptors)
    return aio.secure_channel(connection.address, credentials, OPTIONS, interceptors=interceptors)


def _timed(details: Any, attempts: Attempts) -> Any:
    return details._replace(timeout=attempts.time_left())


async def _finished(calling: Awaitable[Any]) -> Any:
    try:
        call = await calling
        await call
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    return call


async def _stream(call: Any, attempts: Attempts, again: Callable[[], Awaitable[Any]]) -> AsyncIterator[Any]:
    """The messages of a call, which is made again only as long as none arrived."""
    begun = False
    try:
        while True:
            try:
                async for message in call:
                    begun = True
                    yield message
                return
            except grpc.RpcError as error:
                failed = from_rpc_error(error)
                if begun:
                    raise attempts.named(failed) from error
                wait = attempts.wait_after(failed)
            await asyncio.sleep(wait)
            call = await again()
    finally:
        call.cancel()
