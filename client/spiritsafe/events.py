"""Following the registry's events across lost connections and restarts of the server."""

from __future__ import annotations

import math
import time
from collections.abc import Generator

from spiritsafe.client import Client
from spiritsafe.errors import Unavailable
from spiritsafe.registry.v1 import audit_pb2

RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 30.0


def watch_events(
    client: Client, *, after: int | None = None, condition: str = "", patience_seconds: float = math.inf
) -> Generator[audit_pb2.AuditEvent, None, None]:
    """Events as they are committed, each exactly once, until the iterator is closed.

    ``after`` is the sequence of the last event that is not wanted: 0 for all, None for those from now on. A server that
    was reached and cannot be any more is tried again for ``patience_seconds``. Raises Unavailable otherwise, and
    SpiritsafeError for anything else, such as a filter that is none.
    """
    request = audit_pb2.WatchEventsRequest(filter=condition, after_sequence=after)
    heard, pause = -math.inf, RETRY_SECONDS
    while True:
        try:
            for response in client.audit.WatchEvents(request):
                request.after_sequence = response.cursor
                heard, pause = time.monotonic(), RETRY_SECONDS
                if response.HasField("event"):
                    yield response.event
        except Unavailable:
            if heard == -math.inf or time.monotonic() - heard + pause > patience_seconds:
                raise
            time.sleep(pause)
            pause = min(pause * 2, MAX_RETRY_SECONDS)
