"""Where a recipe's weights are on this machine, what is in them, and whether they are of a known family."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.environments.process import network_refusal
from distill.families import Role, UnknownFamilyError, family_for
from distill.families.base import WINDOW_EVERYWHERE
from distill.recipe import Checkpoint, Recipe, digest
from distill.standins import checkpoint as stand_in_folder
from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.publish import file_digest, folder_manifest

# Pickles are never opened, so they are not even fetched.
_CONFIGURATION = ("*.json", "*.model", "*.txt", "*.jinja")
_WANTED = (*_CONFIGURATION, "*.safetensors")


@dataclass(frozen=True, slots=True)
class Source:
    """Something that a run starts from, as found on the worker's machine. ``revision`` is a hub commit or empty."""

    path: str
    digest: str
    revision: str = ""


def local_folder(checkpoint: Checkpoint) -> Path | None:
    """The folder with the weights if it can be named without a download."""
    if checkpoint.stand_in:
        try:
            return stand_in_folder(checkpoint.value)
        except ValueError as error:
            raise _wrong("recipe.base.stand_in", str(error)) from error
    return Path(checkpoint.value) if checkpoint.location == "path" else None


def fetch(checkpoint: Checkpoint, *, weights: bool = True) -> tuple[Path, str]:
    """The folder with the weights, downloaded from the hub if need be, and the hub's commit ("" elsewhere).

    Without ``weights`` only configuration and tokenizer are downloaded.
    """
    folder = local_folder(checkpoint)
    if folder is not None:
        return folder, ""
    from huggingface_hub import snapshot_download

    snapshot = Path(
        snapshot_download(
            checkpoint.value,
            revision=checkpoint.revision or None,
            allow_patterns=list(_WANTED if weights else _CONFIGURATION),
        )
    )
    return snapshot, snapshot.name


def folder_digest(folder: Path) -> str:
    """SHA-256 (hex) over the sorted paths, sizes and digests of all files. Raises InvalidArgument when it is empty."""
    return digest({"files": [[one.path, one.size_bytes, one.sha256] for one in folder_manifest(folder)]})


def find_sources(recipe: Recipe) -> dict[str, Source]:
    """Fetches and digests what the run starts from: ``teacher``, ``student``, and the user's own files if any.

    Those are ``dataset``, ``scenarios`` and ``module`` of an environment, ``replay``, and ``suite_0`` and so on. Of a
    teacher behind an endpoint the weights are left where they are.

    Raises:
        InvalidArgument: a folder or file is missing, or a base is not of a known family.
    """
    found: dict[str, Source] = {}
    for role, checkpoint in _bases(recipe):
        folder, revision = fetch(checkpoint, weights=role == "student" or recipe.teacher.endpoint is None)
        check_family(recipe, role, read_config(folder, role))
        found[role] = Source(str(folder), folder_digest(folder), revision)
    for name, field, path in _files(recipe):
        if not path.is_file():
            raise _wrong(field, f"{path} is not a file on the worker's machine")
        found[name] = Source(str(path), file_digest(path))
    return found


def _files(recipe: Recipe) -> Iterator[tuple[str, str, Path]]:
    """The user's own files, each with the name of the source and the field."""
    environment = recipe.environment
    if recipe.teacher.dataset_path:
        yield "dataset", "recipe.teacher.dataset_path", Path(recipe.teacher.dataset_path)
    if environment.scenarios_path:
        yield "scenarios", "recipe.environment.scenarios_path", Path(environment.scenarios_path)
    if environment.module and environment.module.is_file:
        yield "module", "recipe.environment.module.source", Path(environment.module.source)
    for name, (file, field) in recipe.curation.files.items():
        yield name, field, Path(file)


def check_here(recipe: Recipe) -> list[str]:
    """Checks the families of the bases that this machine can see without a download; warns about the others.

    Warns as well where rows may be longer than the sliding window of some layers: training refuses them, hours later,
    and where an environment would not be run here.

    Raises:
        InvalidArgument: a base is not of a known family, or its folder lacks a config.json.
    """
    warnings: list[str] = []
    for role, checkpoint in _bases(recipe):
        folder = local_folder(checkpoint)
        if folder is not None and (checkpoint.stand_in or folder.is_dir()):
            config = read_config(folder, role)
            check_family(recipe, role, config)
            warnings += _window_warnings(recipe, role, config)
        else:
            warnings.append(
                f"the {role} base {checkpoint.value} is not here: its family is checked when the run starts"
            )
    if not recipe.environment.setup.only_built_in and recipe.environment.setup.without_network:
        refusal = network_refusal()
        warnings += [f"the environment would not be run on this machine: {refusal}"] if refusal else []
    return warnings


def read_config(folder: Path, role: Role) -> Mapping[str, Any]:
    """The parsed ``config.json``. Raises InvalidArgument naming the field of the recipe."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise _wrong(f"recipe.{role}.base", f"{folder} holds no readable config.json: {error}") from error
    if not isinstance(config, dict):
        raise _wrong(f"recipe.{role}.base", f"config.json in {folder} is not an object")
    return config


def check_family(recipe: Recipe, role: Role, config: Mapping[str, Any]) -> None:
    """Raises InvalidArgument when no family of this role takes the base, or another than the recipe says."""
    try:
        family = family_for(config, role)
    except UnknownFamilyError as error:
        raise _wrong(f"recipe.{role}.base", str(error)) from error
    if role == "student" and family.name != recipe.student.family:
        raise _wrong("recipe.student.family", f"is {recipe.student.family!r}, but the base is of {family.name!r}")


def _window_warnings(recipe: Recipe, role: Role, config: Mapping[str, Any]) -> Iterator[str]:
    longest = (recipe.teacher if role == "teacher" else recipe.student).training.max_length
    text = config.get("text_config", config)
    # Qwen's configurations name a window that they do not use.
    window = text.get("sliding_window") if text.get("use_sliding_window", True) else None
    if isinstance(window, int) and longest > window and text.get("model_type") not in WINDOW_EVERYWHERE:
        yield (
            f"some layers of the {role} base have a sliding window of {window} tokens: training refuses longer rows, "
            f"and max_length lets them reach {longest}; lower it with overlong = split, or choose another base"
        )


def _bases(recipe: Recipe) -> tuple[tuple[Role, Checkpoint], ...]:
    return ("teacher", recipe.teacher.base), ("student", recipe.student.base)


def _wrong(field: str, description: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: {description}", reason="INVALID_RECIPE", violations=(Violation(field, description),)
    )
