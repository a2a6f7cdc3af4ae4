"""What the catalogue knows of a hub repository, in the one form that imports ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.catalog.rules import MODELS
from registry.licensing.models import Confidence, KnownModel, LineageCompleteness, find_model
from registry.licensing.vocabulary import EdgeType


@dataclass(frozen=True, slots=True)
class Parent:
    """One edge up: its type, and the repository that it leads to."""

    edge: EdgeType
    repo: str
    collection: str

    @property
    def key(self) -> tuple[str, str]:
        """What it leads to; the hub ignores case."""
        return self.collection, self.repo.casefold()


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the catalogue; ``confidence`` is by field: licenses, parents, base_family."""

    licenses: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    base_family: str = ""
    multimodal: bool = False
    completeness: str = ""
    confidence: Mapping[str, Confidence] = field(default_factory=dict)

    def sure_of(self, name: str) -> bool:
        """Whether an entry's field is better than background knowledge."""
        return self.confidence[name] is not Confidence.UNVERIFIED


_COMPLETENESS = {LineageCompleteness.ROOT: "complete", LineageCompleteness.PARTIAL: "partial"}


def of_model(model: KnownModel) -> Known:
    base = model.base
    return Known(
        licenses=model.licenses,
        parents=(Parent(base.edge, base.hub_id, MODELS),) if base else (),
        base_family=model.base_family or "",
        multimodal=model.multimodal,
        completeness=_COMPLETENESS[model.lineage_completeness],
        confidence={
            "licenses": model.confidence["licenses"],
            "parents": model.confidence.get("base", model.weakest_confidence),
            "base_family": model.weakest_confidence,
        },
    )


def find(repo: str, collection: str) -> Known | None:
    """The catalogue's entry of a repository; None where there is none."""
    model = find_model(repo) if collection == MODELS else None
    return of_model(model) if model else None
