"""Fixtures of all registry tests. A module that needs another kind of home overrides ``home_options``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.context import Registry
from registry.home import open_home
from spiritsafe.client import Client
from tests.registry.serving import Served, serve


@pytest.fixture
def home_options() -> dict[str, Any]:
    """Arguments of ``open_home``."""
    return {}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a registry that is not created yet."""
    return tmp_path / "home"


@pytest.fixture
def registry(home: Path, home_options: dict[str, Any]) -> Iterator[Registry]:
    """The registry in ``home``."""
    opened = open_home(home, **home_options)
    yield opened
    opened.database.close()


@pytest.fixture
def server(home: Path, registry: Registry, tmp_path: Path) -> Iterator[Served]:
    """A real server over ``home`` on a unix socket."""
    with ExitStack() as stack:
        yield serve(home, registry, f"unix:{tmp_path}/socket", stack)


@pytest.fixture
def client(server: Served) -> Callable[..., Client]:
    """A factory: ``client("publisher", "releaser", identity="ada@example.com", namespaces=("default",))``."""
    return server.client


@pytest.fixture
def admin(server: Served) -> Client:
    """A client with every role, under the user's name."""
    return server.admin
