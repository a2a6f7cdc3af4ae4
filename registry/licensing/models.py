"""The catalogue of known models: their licences, their bases, and how sure we are of either."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from registry.licensing.vocabulary import EdgeType


class Confidence(StrEnum):
    """How a fact was come by, surest first: primary text, third party, inference, background knowledge."""

    VERIFIED = "verified"
    SECONDARY = "secondary"
    DERIVED = "derived"
    UNVERIFIED = "unverified"


class LineageCompleteness(StrEnum):
    """`root`: a licensor's own release, with no parent recorded; `partial`: the publisher discloses only a part."""

    ROOT = "root"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Base:
    """The model from which a known model was made, and how."""

    hub_id: str
    edge: EdgeType


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A public model as of a date.

    `licenses` are its own, ANDed; those that also reach it through its base are `upstream_licenses(hub_id)`.
    `confidence` is by field: `hub_id`, `licenses` and, where there is one, `base`.
    """

    hub_id: str
    display_name: str
    licenses: tuple[str, ...]
    base: Base | None
    base_family: str | None
    multimodal: bool
    lineage_completeness: LineageCompleteness
    source: str
    as_of: str
    confidence: Mapping[str, Confidence]
    notes: str = ""

    @property
    def weakest_confidence(self) -> Confidence:
        """An entry is as sure as its least sure field."""
        return max(self.confidence.values(), key=list(Confidence).index)


@cache
def load_models() -> Mapping[str, KnownModel]:
    """The shipped entries by hub id."""
    text = resources.files("registry.licensing").joinpath("data/models.json").read_text(encoding="utf-8")
    return MappingProxyType({entry["hub_id"]: _known_model(entry) for entry in json.loads(text)["models"]})


def find_model(hub_id: str) -> KnownModel | None:
    """The entry of a hub repository, matched without regard to case; None when the catalogue does not know it."""
    return _by_folded_id().get(hub_id.casefold())


def upstream_licenses(hub_id: str) -> tuple[str, ...]:
    """The licences of all bases of a known model, nearest first, each once.

    Raises:
        KeyError: the catalogue does not know the model.
    """
    models = load_models()
    base = models[hub_id].base
    found: dict[str, None] = {}
    while base is not None:
        found.update(dict.fromkeys(models[base.hub_id].licenses))
        base = models[base.hub_id].base
    return tuple(found)


@cache
def _by_folded_id() -> dict[str, KnownModel]:
    return {hub_id.casefold(): model for hub_id, model in load_models().items()}


def _known_model(entry: Mapping[str, Any]) -> KnownModel:
    base = entry["base"]
    return KnownModel(
        hub_id=entry["hub_id"],
        display_name=entry["display_name"],
        licenses=tuple(entry["licenses"]),
        base=Base(base["hub_id"], EdgeType(base["edge"])) if base else None,
        base_family=entry["base_family"],
        multimodal=entry["multimodal"],
        lineage_completeness=LineageCompleteness(entry["lineage_completeness"]),
        source=entry["source"],
        as_of=entry["as_of"],
        confidence={name: Confidence(value) for name, value in entry["confidence"].items()},
        notes=entry["notes"],
    )
