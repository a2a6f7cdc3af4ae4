"""What can be said of a recipe's bases before anything is loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.environments.definitions import PythonModule
from distill.recipe import Checkpoint, Recipe
from distill.runs.checkpoints import check_here, find_sources
from distill.standins import checkpoint
from spiritsafe.errors import InvalidArgument
from tests.distill.recipes import tiny_recipe


def on_a_base_like(stand_in: str, folder: Path, **changes: Any) -> Recipe:
    """A recipe whose student base is a folder with the changed configuration of a stand-in."""
    config = json.loads((checkpoint(stand_in) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    recipe = tiny_recipe()
    base = Checkpoint("path", str(folder), "", "")
    return replace(recipe, student=replace(recipe.student, family=stand_in, base=base))


def test_a_window_that_is_shorter_than_the_longest_row_is_told(tmp_path: Path) -> None:
    (told,) = check_here(on_a_base_like("gemma4", tmp_path, sliding_window=512))
    assert told.startswith("some layers of the student base have a sliding window of 512 tokens: training refuses")


@pytest.mark.parametrize(
    ("stand_in", "changes"),
    [
        ("gemma4", {"sliding_window": 1_000_000}),
        ("qwen3", {"sliding_window": None}),
        ("qwen3", {"sliding_window": 512, "model_type": "mistral"}),
        ("qwen3", {"sliding_window": 512, "use_sliding_window": False}),
    ],
)
def test_a_window_that_cuts_nothing_is_not(stand_in: str, changes: dict[str, Any], tmp_path: Path) -> None:
    assert check_here(on_a_base_like(stand_in, tmp_path, **changes)) == []


def test_a_base_that_is_not_here_is_told() -> None:
    recipe = tiny_recipe()
    base = Checkpoint("hub_repo", "acme/away", "", "")
    (told,) = check_here(replace(recipe, student=replace(recipe.student, base=base)))
    assert told == "the student base acme/away is not here: its family is checked when the run starts"


def test_the_users_own_files_are_sources(tmp_path: Path) -> None:
    scenarios, module = tmp_path / "own.jsonl", tmp_path / "shop.py"
    scenarios.write_text("{}")
    recipe = tiny_recipe()
    own = replace(recipe.environment, scenarios_path=str(scenarios), module=PythonModule(str(module)))
    recipe = replace(recipe, environment=own)
    with pytest.raises(InvalidArgument) as caught:
        find_sources(recipe)
    assert [one.field for one in caught.value.violations] == ["recipe.environment.module.source"]
    module.write_text("")
    assert find_sources(recipe).keys() == {"teacher", "student", "scenarios", "module"}
    assert check_here(recipe) == []
