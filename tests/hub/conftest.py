"""A hub of this machine, and nothing of the user's or the network's beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spiritsafe.hub.repository import Hub, Patience
from tests.cli.conftest import home, spiritsafe, weights  # noqa: F401 - fixtures
from tests.hub.serving import LocalHub, serve_hub

# Waits are real, and short.
PATIENCE = Patience(tries=3, longest_wait_seconds=2.0, first_wait_seconds=0.02, answer_seconds=5.0)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with serve_hub() as served:
        yield served


@pytest.fixture(autouse=True)
def environment(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command and every registry of a test knows this hub only, and no token of the user's."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for variable in ("HF_TOKEN", "SPIRITSAFE_SERVER", "SPIRITSAFE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def reader(hub: LocalHub) -> Hub:
    """Reads the hub without a token."""
    return Hub(hub.endpoint, anonymous=True, patience=PATIENCE)
