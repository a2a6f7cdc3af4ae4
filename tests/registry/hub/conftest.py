"""A registry that mirrors from a hub on this machine, and a publisher of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.context import Registry
from registry.home import open_home
from spiritsafe.client import Client
from spiritsafe.hub.repository import Hub
from tests.hub.conftest import PATIENCE
from tests.hub.serving import LocalHub, serve_hub


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with serve_hub() as served:
        yield served


@pytest.fixture
def registry(home: Path, hub: LocalHub) -> Iterator[Registry]:
    """A registry of this hub, with a test's patience."""
    opened = open_home(home)
    yield replace(opened, hub=Hub(hub.endpoint, anonymous=True, patience=PATIENCE))
    opened.database.close()


@pytest.fixture
def publisher(client: Callable[..., Client]) -> Client:
    return client("publisher", identity="ada@example.com")
