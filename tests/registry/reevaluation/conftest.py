"""Fresh databases, and the demo's lineage on a server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from registry.context import Registry
from registry.home import open_home
from spiritsafe.client import Client
from tests.registry.builders import Story
from tests.registry.databases import PostgreSQL, homes


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    return Story.tell(client, tmp_path / "story")


@pytest.fixture(scope="session")
def fresh(
    tmp_path_factory: pytest.TempPathFactory, server_of_homes: PostgreSQL | None
) -> Callable[[], AbstractContextManager[Registry]]:
    """Gives a registry over a new home each time, as a context."""

    @contextmanager
    def opened() -> Iterator[Registry]:
        with homes(server_of_homes) as prepare:
            home = prepare(tmp_path_factory.mktemp("fresh") / "home")
            registry = open_home(home)
            try:
                yield registry
            finally:
                registry.database.close()
                shutil.rmtree(home.parent)

    return opened
