"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from cli.options import invalid


def read_time(text: str, field: str) -> Timestamp:
    """A time of ISO 8601; a day alone is its beginning, and without a zone it is UTC. Raises InvalidArgument."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(field, f"{text!r} is no date or time in ISO 8601", "for example 2027-12-31") from error
    return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def in_days(days: int) -> Timestamp:
    """That many days from now."""
    return timestamp(datetime.now(UTC) + timedelta(days=days))


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp
