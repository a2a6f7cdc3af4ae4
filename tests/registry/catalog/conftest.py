"""A publisher's client for all tests here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client


@pytest.fixture
def publisher(client: Callable[..., Client]) -> Client:
    return client("publisher", identity="ada@example.com")


@pytest.fixture
def events(registry: Registry) -> Callable[[], list[AuditEvent]]:
    """Reads all audit events, oldest first."""

    def read() -> list[AuditEvent]:
        with registry.database.read() as session:
            return list(session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))))

    return read
