"""The demo's lineage, once for a test or once for a module that only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.home import open_home
from spiritsafe.client import Client
from tests.registry.builders import Story
from tests.registry.databases import Prepare
from tests.registry.serving import serve


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    """A lineage of one's own."""
    return Story.tell(client, tmp_path / "story")


@pytest.fixture(scope="module")
def shared_story(tmp_path_factory: pytest.TempPathFactory, prepare_home: Prepare) -> Iterator[Story]:
    """One that every test of the module reads and none changes."""
    folder = tmp_path_factory.mktemp("shared")
    registry = open_home(prepare_home(folder / "home"))
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        server = serve(folder / "home", registry, f"unix:{folder}/socket", stack)
        yield Story.tell(server.client, folder / "story")
