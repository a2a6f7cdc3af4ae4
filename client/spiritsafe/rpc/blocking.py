"""What stands between the stubs and the channel of a blocking client: token, deadline, retries, typed errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from spiritsafe.errors import SpiritsafeError
from spiritsafe.rpc.connection import OPTIONS, Connection
from spiritsafe.rpc.retrying import Attempts, identified
from spiritsafe.rpc.status import from_rpc_error

_Continuation = Callable[..., Any]


class _Calls(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Raises SpiritsafeError instead of grpc.RpcError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def intercept_unary_unary(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        request = identified(request)
        details, attempts = self._begin(client_call_details, request, answers_once=True)
        while True:
            try:
                return _finished(continuation(_timed(details, attempts), request))
            except SpiritsafeError as error:
                wait = attempts.wait_after(error)
            time.sleep(wait)

    def intercept_stream_unary(
        self, continuation: _Continuation, client_call_details: Any, request_iterator: Any
    ) -> Any:
        details, attempts = self._begin(client_call_details, None, answers_once=False)
        try:
            return _finished(continuation(_timed(details, attempts), request_iterator))
        except SpiritsafeError as error:
            raise attempts.named(error) from error.__cause__

    def intercept_unary_stream(self, continuation: _Continuation, client_call_details: Any, request: Any) -> Any:
        request = identified(request)
        details, attempts = self._begin(client_call_details, request, answers_once=False)
        call = continuation(_timed(details, attempts), request)
        return _stream(call, attempts, lambda: continuation(_timed(details, attempts), request))

    def _begin(self, details: Any, request: Any, *, answers_once: bool) -> tuple[Any, Attempts]:
        metadata = [*(details.metadata or ()), *self._connection.metadata]
        attempts = self._connection.attempts(details.method, request, details.timeout, answers_once=answers_once)
        return details._replace(metadata=metadata), attempts


def open_channel(connection: Connection) -> tuple[grpc.Channel, grpc.Channel]:
    """The channel that is to be closed, and the same one as the stubs use it."""
    credentials = connection.credentials
    channel = (
        grpc.insecure_channel(connection.address, OPTIONS)
        if credentials is None
        else grpc.secure_channel(connection.address, credentials, OPTIONS)
    )
    return channel, grpc.intercept_channel(channel, _Calls(connection))


def _timed(details: Any, attempts: Attempts) -> Any:
    return details._replace(timeout=attempts.time_left())


def _finished(call: Any) -> Any:
    try:
        call.result()
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    return call


def _stream(call: Any, attempts: Attempts, again: Callable[[], Any]) -> Iterator[Any]:
    """The messages of a call, which is made again only as long as none arrived."""
    begun = False
    try:
        while True:
            try:
                for message in call:
                    begun = True
                    yield message
                return
            except grpc.RpcError as error:
                failed = from_rpc_error(error)
                if begun:
                    raise attempts.named(failed) from error
                wait = attempts.wait_after(failed)
            time.sleep(wait)
            call = again()
    finally:
        call.cancel()
