"""A lineage to scan beside, and short ways to ask for findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spiritsafe.client import Client
from tests.registry.builders import Story


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    """The demo's lineage."""
    return Story.tell(client, tmp_path / "story")
