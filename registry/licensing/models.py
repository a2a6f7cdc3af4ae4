"""The catalogue of known models: their licences, bases and the evidence for both."""

from __future__ import annotations

from dataclasses import dataclass

from registry.licensing.vocabulary import EdgeType


@dataclass(frozen=True, slots=True)
class BaseLink:
    """The base of a known model and how it was made from it."""

    hub_id: str
    edge: EdgeType


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A public model as of a date.

    `licenses` are the model's own, ANDed; `upstream_licenses` those that also reach it through its base. `confidence` is
    verified, secondary, derived or unverified, by field; an entry is as sure as its weakest field.
    """

    hub_id: str
    display_name: str
    licenses: tuple[str, ...]
    upstream_licenses: tuple[str, ...]
    base: BaseLink | None
    base_family: str | None
    multimodal: bool
    lineage_completeness: str
    source: str
    as_of: str
    confidence: str
    notes: str = ""


def load_models() -> dict[str, KnownModel]:
    """The shipped entries by hub id."""
    raise NotImplementedError


def find_model(hub_id: str) -> KnownModel | None:
    """The entry of a hub repository, matched without regard to case; None when the catalogue does not know it."""
    raise NotImplementedError
