"""Lists read page by page (AIP-158), blocking and on an event loop.

    for version in items(client.versions.ListVersions, request, lambda page: page.versions):
        ...
    async for version in async_items(client.versions.ListVersions, request, lambda page: page.versions):
        ...

The request is copied. Its ``page_size`` is how much one call asks for, ``limit`` where the list ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from copy import deepcopy
from typing import Protocol, TypeVar

PAGE_SIZE = 200


class ListRequest(Protocol):
    """What every list request of the contract carries."""

    page_size: int
    page_token: str


class ListResponse(Protocol):
    """What every list response of the contract carries."""

    next_page_token: str


RequestT = TypeVar("RequestT", bound=ListRequest)
ResponseT = TypeVar("ResponseT", bound=ListResponse)
ItemT = TypeVar("ItemT")


def pages(call: Callable[[RequestT], ResponseT], request: RequestT) -> Iterator[ResponseT]:
    """The responses of a list method, one after the other, each asked for once it is needed."""
    request = _first(request)
    while True:
        response = call(request)
        yield response
        if not response.next_page_token:
            return
        request = _next(request, response)


def items(
    call: Callable[[RequestT], ResponseT],
    request: RequestT,
    select: Callable[[ResponseT], Iterable[ItemT]],
    limit: int | None = None,
) -> Iterator[ItemT]:
    """What ``select`` finds in the pages of a list method, at most ``limit`` of it."""
    left = limit
    if left == 0:
        return
    for page in pages(call, _bounded(request, limit)):
        for item in select(page):
            yield item
            left = None if left is None else left - 1
            if left == 0:
                return


async def async_pages(call: Callable[[RequestT], Awaitable[ResponseT]], request: RequestT) -> AsyncIterator[ResponseT]:
    """As ``pages``."""
    request = _first(request)
    while True:
        response = await call(request)
        yield response
        if not response.next_page_token:
            return
        request = _next(request, response)


async def async_items(
    call: Callable[[RequestT], Awaitable[ResponseT]],
    request: RequestT,
    select: Callable[[ResponseT], Iterable[ItemT]],
    limit: int | None = None,
) -> AsyncIterator[ItemT]:
    """As ``items``."""
    left = limit
    if left == 0:
        return
    async for page in async_pages(call, _bounded(request, limit)):
        for item in select(page):
            yield item
            left = None if left is None else left - 1
            if left == 0:
                return


def _first(request: RequestT) -> RequestT:
    first = deepcopy(request)
    first.page_size = first.page_size or PAGE_SIZE
    return first


def _bounded(request: RequestT, limit: int | None) -> RequestT:
    """Asks for no more than is wanted."""
    bounded = _first(request)
    if limit is not None:
        bounded.page_size = min(bounded.page_size, limit)
    return bounded


def _next(request: RequestT, response: ListResponse) -> RequestT:
    following = deepcopy(request)
    following.page_token = response.next_page_token
    return following
