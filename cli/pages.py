"""Reading lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

PAGE_SIZE = 200


def every(call: Callable[[Any], Any], request: Any, field: str, limit: int) -> Iterator[Any]:
    """At most ``limit`` resources of a list method; ``field`` holds them in its responses."""
    left = limit
    while left > 0:
        request.page_size = min(left, PAGE_SIZE)
        response = call(request)
        found = list(getattr(response, field))[:left]
        yield from found
        left -= len(found)
        request.page_token = response.next_page_token
        if not request.page_token:
            return
