"""The Python of the guide to the registry: the blocks of a page are one program, which runs against a fresh server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.home import open_home
from tests.registry.serving import Served, serve

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def programs() -> dict[str, str]:
    """By page; blank lines keep the numbers of the lines as they are on it."""
    found = {}
    for page in sorted((ROOT / "docs" / "registry").glob("*.md")):
        text = page.read_text("utf-8")
        program = ""
        for block in _BLOCK.finditer(text):
            program += "\n" * (text.count("\n", 0, block.start(1)) - program.count("\n")) + block[1]
        if program:
            found[page.stem] = program
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    registry = open_home(tmp_path / "home")
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        yield serve(tmp_path / "home", registry, f"unix:{tmp_path}/socket", stack)


@pytest.mark.parametrize("page", programs())
def test_the_python_of_a_page_runs(page: str, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client"),
        "SPIRITSAFE_SERVER": served.address,
        "SPIRITSAFE_TOKEN": (served.home / "token").read_text().strip(),
    }
    command = [sys.executable, "-W", "error", "-c", programs()[page]]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_the_guide_to_the_sdk_is_one_of_them() -> None:
    assert "sdk" in programs()
