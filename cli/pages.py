"""Reading lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from spiritsafe.paging import items


def every(call: Callable[[Any], Any], request: Any, field: str, limit: int) -> Iterator[Any]:
    """At most ``limit`` resources of a list method; ``field`` holds them in its responses."""
    return items(call, request, attrgetter(field), limit)
