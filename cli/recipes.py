"""Recipes of distillation runs: a TOML or JSON file, options, or both, where options win."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from cli.options import invalid
from spiritsafe.distill.v1 import run_pb2

STAND_IN_PREFIX = "stand-in:"
_HUB_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; empty where it says nothing."""

    teacher: str = ""
    student: str = ""
    family: str = ""
    teacher_id: str = ""
    student_id: str = ""
    dataset: Path | None = None
    settings: tuple[str, ...] = ()


def read(file: Path | None, overrides: Overrides) -> run_pb2.Recipe:
    """The recipe to send; the server fills in every default. Raises InvalidArgument naming the file and field."""
    recipe = _from_file(file) if file else run_pb2.Recipe()
    _apply(recipe, overrides)
    return recipe


def checkpoint(text: str) -> run_pb2.Checkpoint:
    """Reads stand-in:NAME, a hub repository, or a folder; what is a folder here is never taken for a repository."""
    if text.startswith(STAND_IN_PREFIX):
        return run_pb2.Checkpoint(stand_in=text.removeprefix(STAND_IN_PREFIX))
    if _HUB_REPO.fullmatch(text) and not Path(text).is_dir():
        return run_pb2.Checkpoint(hub_repo=text)
    return run_pb2.Checkpoint(path=str(Path(text).expanduser().resolve()))


def _from_file(file: Path) -> run_pb2.Recipe:
    try:
        return json_format.ParseDict(_values(file), run_pb2.Recipe())
    except json_format.ParseError as error:
        raise invalid(str(file), str(error), "see `spiritsafe distill run --help` for an example") from error


def _values(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
        values = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise invalid("recipe", f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        kind = "TOML" if file.suffix == ".toml" else "JSON"
        raise invalid(str(file), f"is not {kind}: {error}", "recipes are .toml or .json files") from error
    if not isinstance(values, dict):
        raise invalid(str(file), "is not an object", "recipes are .toml or .json files with one object")
    return values


def _apply(recipe: run_pb2.Recipe, given: Overrides) -> None:
    if given.teacher:
        recipe.teacher.base.CopyFrom(checkpoint(given.teacher))
    if given.student:
        recipe.student.base.CopyFrom(checkpoint(given.student))
    if given.dataset:
        recipe.teacher.dataset_path = str(given.dataset.expanduser().resolve())
    recipe.teacher.model_id = given.teacher_id or recipe.teacher.model_id
    recipe.student.model_id = given.student_id or recipe.student.model_id
    recipe.student.family = given.family or recipe.student.family
    for text in given.settings:
        _set(recipe, text)


def _set(recipe: run_pb2.Recipe, text: str) -> None:
    """Applies KEY.KEY=VALUE; a list replaces the recipe's."""
    path, equals, value = text.partition("=")
    if not equals:
        raise invalid("set", f"{text!r} is not KEY.KEY=VALUE", "for example --set student.training.epochs=3")
    keys = path.split(".")
    parsed = _toml_value(value)
    for attempt in (parsed, [parsed]):
        try:
            change = json_format.ParseDict(_nested(keys, attempt), run_pb2.Recipe())
        except json_format.ParseError as error:
            problem = error
            continue
        if isinstance(attempt, list):
            _clear(recipe, keys)
        recipe.MergeFrom(change)
        return
    raise invalid(f"set {path}", str(problem), "keys and values are those of a recipe file")


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def _clear(recipe: run_pb2.Recipe, keys: list[str]) -> None:
    message: Any = recipe
    for key in keys[:-1]:
        message = getattr(message, key)
    message.ClearField(keys[-1])
