"""The demo's lineage on a server of each test, its student evaluated and its duties met."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spiritsafe.client import Client
from tests.registry.builders import Story


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    told = Story.tell(client, tmp_path / "story")
    told.record_evaluation(told.names["student"])
    told.meet_duties(told.names["student"])
    return told
