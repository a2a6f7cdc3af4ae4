"""The demo's lineage on a server of each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spiritsafe.client import Client
from tests.registry.builders import Story


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    return Story.tell(client, tmp_path / "story")
