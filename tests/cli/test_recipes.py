"""Recipes from files and options."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.recipes import Overrides, checkpoint, read
from spiritsafe.errors import InvalidArgument

TOML = """
seed = 7
[teacher]
model_id = "support-teacher"
base = { stand_in = "xlam", catalog_entry = "Salesforce/xLAM-7b-fc-r" }
[student]
family = "qwen3"
licenses = ["apache-2.0"]
training = { epochs = 2, learning_rate = 2e-4 }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(TOML)
    return file


def test_a_toml_file(recipe: Path) -> None:
    found = read(recipe, Overrides())
    assert (found.seed, found.teacher.base.stand_in, found.student.training.epochs) == (7, "xlam", 2)


def test_a_json_file(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text('{"student": {"model_id": "tool"}, "environment": {"categories": ["single"]}}')
    found = read(file, Overrides())
    assert (found.student.model_id, list(found.environment.categories)) == ("tool", ["single"])


def test_options_are_stronger_than_the_file(recipe: Path) -> None:
    settings = (
        "student.licenses=openrail-m",
        "student.training.epochs=3",
        'student.display_name="acme/Tool"',
        "seed=9",
    )
    found = read(recipe, Overrides(teacher="Salesforce/xLAM-1b-fc-r", student_id="tool", settings=settings))
    assert found.teacher.base.WhichOneof("location") == "hub_repo"
    assert (found.student.model_id, list(found.student.licenses)) == ("tool", ["openrail-m"])
    assert (found.student.training.epochs, found.student.training.learning_rate) == (3, 2e-4)
    assert (found.student.display_name, found.seed) == ("acme/Tool", 9)


@pytest.mark.parametrize(
    ("text", "location"), [("stand-in:xlam", "stand_in"), ("Qwen/Qwen3-0.6B", "hub_repo"), ("./weights", "path")]
)
def test_where_weights_come_from(text: str, location: str) -> None:
    assert checkpoint(text).WhichOneof("location") == location


def test_a_folder_is_never_taken_for_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Qwen" / "Qwen3-0.6B").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert checkpoint("Qwen/Qwen3-0.6B").path == str(tmp_path / "Qwen" / "Qwen3-0.6B")


@pytest.mark.parametrize(
    ("text", "named"), [("seed = ", "TOML"), ("sed = 3", "sed"), ('[teacher]\nbase = "xlam"', "teacher.base")]
)
def test_a_bad_file_is_named_with_its_field(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=named) as caught:
        read(file, Overrides())
    assert caught.value.violations[0].field == str(file)


@pytest.mark.parametrize("setting", ["student", "student.nonsense=1", "student.training.epochs=many"])
def test_a_bad_setting_is_named(setting: str) -> None:
    with pytest.raises(InvalidArgument, match=setting.partition("=")[0]):
        read(None, Overrides(settings=(setting,)))
