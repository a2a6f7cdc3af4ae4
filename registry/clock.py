"""UTC microseconds, the registry's only clock, and their Timestamp form."""

from __future__ import annotations

import time

from google.protobuf.timestamp_pb2 import Timestamp


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def to_timestamp(micros: int | None) -> Timestamp | None:
    """None stays None, so that the field stays absent."""
    if micros is None:
        return None
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1_000)


def from_timestamp(timestamp: Timestamp) -> int:
    """Microseconds since the epoch."""
    return timestamp.ToMicroseconds()
