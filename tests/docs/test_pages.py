"""The pages of the guides do what they say, each on a fresh home with a hub of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import parse, run, shows
from tests.docs.preloaded import command
from tests.hub.publishers import publish_all
from tests.hub.serving import serve_hub

ROOT = Path(__file__).parents[2]
GUIDES = ("licensing", "registry", "distill")
PAGES = [f"{guide}/{page.stem}" for guide in GUIDES for page in sorted((ROOT / "docs" / guide).glob("*.md"))]


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a hub."""
    with serve_hub() as served:
        publish_all(served)
        yield served.endpoint


@pytest.fixture(scope="module")
def shell(hub: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What every shell knows: this tree's command, a wide terminal, and an editor that only looks."""
    known = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client")]),
        "HF_ENDPOINT": hub,
        "EDITOR": "cat",
        "COLUMNS": "200",
        "LC_ALL": "C.UTF-8",
    }
    with command(tmp_path_factory.mktemp("command"), known) as folder:
        yield {**known, "PATH": os.pathsep.join([str(folder), known["PATH"]])}


@pytest.fixture
def environment(shell: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With a fresh home."""
    return {**shell, "HOME": str(tmp_path), "SPIRITSAFE_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_shows(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    blocks = parse((ROOT / "docs" / f"{page}.md").read_text("utf-8"))
    folder = tmp_path / "work"
    folder.mkdir()
    for block, printed in zip(blocks, run(blocks, folder, environment), strict=True):
        assert block.shown is None or shows(block.shown, printed), f"line {block.line} printed:\n{printed}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("created …\n", "created 3f2a\n\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd  \n", True),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
        ("id    name\n…  one\n", "id       name\n3f2a     one\n", True),
    ],
)
def test_an_ellipsis_stands_for_what_differs(shown: str, printed: str, same: bool) -> None:
    assert shows(shown, printed) is same


def test_output_belongs_to_the_commands_before_it() -> None:
    page = "```sh\necho one\n```\n\n```text\none\n```\n```json\n{}\n```\n```sh\necho two\n```\n"
    assert [(block.line, block.shown) for block in parse(page)] == [(2, "one\n"), (12, None)]
    with pytest.raises(ValueError, match="follows no commands"):
        parse("```sh\ntrue\n```\nWords.\n```text\none\n```\n")


def test_a_command_that_fails_is_named_by_its_line(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="line 5: exit code 3\nlast words"):
        run(parse("```sh\necho one\n```\n```sh\necho last words; exit 3\n```\n"), tmp_path, environment)
