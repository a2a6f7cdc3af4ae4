"""Running commands in this process against a real embedded registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.registry.databases import write_migrated


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error on standard error, as one JSON document."""
        return json.loads(self.err)["error"]


Command = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    write_migrated(folder)
    monkeypatch.setenv("SPIRITSAFE_HOME", str(folder))
    # Parallel test runs set COLUMNS; without it tables are as wide as in a pipe.
    for variable in ("SPIRITSAFE_SERVER", "SPIRITSAFE_TOKEN", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
def spiritsafe(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command: its exit code and what it printed."""

    def run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with two small files."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    (folder / "notes.txt").write_text("weights " * 1000)
    return folder
