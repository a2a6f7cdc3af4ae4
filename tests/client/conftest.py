"""A real registry behind a socket, for tests of the SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.home import open_home
from tests.client.proxy import FaultProxy
from tests.registry.serving import Served, serve


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server on a port of its own, with the model ``m``."""
    registry = open_home(tmp_path / "home")
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        yield serve(tmp_path / "home", registry, "127.0.0.1:0", stack)


@pytest.fixture
def proxy(served: Served) -> Iterator[FaultProxy]:
    """A way to the server that can be cut."""
    with FaultProxy(served.address) as running:
        yield running


@pytest.fixture
def secret(served: Served) -> str:
    """The owner's token."""
    return (served.home / "token").read_text().strip()
