"""What MLflow says of a version, in the words of this registry. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TAGS = 64
MAX_VALUE_LENGTH = 1_024
LICENSE_KEYS = ("license", "licence", "licenses", "licences")
MODEL_TAG, VERSION_TAG, SERVER_TAG = "mlflow.model", "mlflow.version", "mlflow.server"
# By these the next import finds what this one made.
_OWN = frozenset({MODEL_TAG, VERSION_TAG, SERVER_TAG})
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_./-]")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,62}")


@dataclass(frozen=True, slots=True)
class Described:
    """Tags of a version to be, and the keys of what had no room."""

    tags: dict[str, str]
    left_out: list[str] = field(default_factory=list)


def pairs(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """MLflow's list of keys and values as a mapping."""
    return {str(one["key"]): str(one.get("value", "")) for one in entries or ()}


def describe(uri: str, version: Mapping[str, Any], run: Mapping[str, Any], aliases: Iterable[str]) -> Described:
    """Where it comes from first, then aliases, tags, parameters and metrics, as far as there is room for them."""
    data = run.get("data", {})
    wanted = {
        SERVER_TAG: uri,
        MODEL_TAG: str(version["name"]),
        VERSION_TAG: str(version["version"]),
        "mlflow.source": str(version.get("source", "")),
        "mlflow.run_id": str(version.get("run_id", "")),
        "mlflow.user": str(version.get("user_id", "")),
        "mlflow.stage": _stage(version),
        **{f"mlflow.alias.{alias}": "true" for alias in aliases},
        **{key: value for key, value in pairs(version.get("tags")).items() if key not in _OWN},
        **{f"mlflow.param.{key}": value for key, value in pairs(data.get("params")).items()},
        **{f"mlflow.metric.{key}": value for key, value in pairs(data.get("metrics")).items()},
    }
    return _fitting(wanted)


def model_tags(model: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a registered model, as far as there is room for them."""
    return _fitting(pairs(model.get("tags"))).tags


def _fitting(wanted: Mapping[str, str]) -> Described:
    found = Described({})
    for given, value in wanted.items():
        key = _NOT_IN_KEYS.sub("_", given)
        if not value:
            continue
        fits = _KEY.fullmatch(key) and len(value) <= MAX_VALUE_LENGTH
        if fits and key not in found.tags and len(found.tags) < MAX_TAGS:
            found.tags[key] = value
        else:
            found.left_out.append(given)
    return found


def licenses(*tags: Mapping[str, str]) -> list[str]:
    """The licences that the first of these with such a tag names; several are separated by commas."""
    for one in tags:
        for key, value in one.items():
            if key.lower() in LICENSE_KEYS:
                named = [text.strip() for text in value.split(",")]
                return [text for text in named if text]
    return []


def aliases_of(model: Mapping[str, Any]) -> dict[str, list[str]]:
    """The aliases of a model by the version that they name."""
    found: dict[str, list[str]] = {}
    for one in model.get("aliases", []):
        found.setdefault(str(one["version"]), []).append(str(one["alias"]))
    return found


def _stage(version: Mapping[str, Any]) -> str:
    stage = str(version.get("current_stage", ""))
    return "" if stage == "None" else stage
