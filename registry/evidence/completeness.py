"""How much of the G7's "Software Bill of Materials for AI: Minimum Elements" (12 May 2026) the records answer. Pure.

The elements are data (data/elements.json). An element is answered from the records, or by a person with the tag
``sbom.<element>`` on the version or its model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from registry.evidence.facts import Dossier, Item
from registry.licensing.vocabulary import DATA_EDGES, UNKNOWN, EdgeType

TAG = "sbom."


@dataclass(frozen=True, slots=True)
class Element:
    """One element. ``check`` names the rule that answers it from the records; empty where a person must."""

    cluster: str
    id: str
    name: str
    check: str
    applies_to: str
    confidence: str

    def applies(self, dossier: Dossier) -> bool:
        """Datasets are asked about a model only where it has some, and models about a dataset never."""
        if self.applies_to == "models":
            return not dossier.item.dataset
        return self.applies_to != "datasets" or bool(_datasets(dossier))


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether an element is answered, and by whom: ``records``, ``tag`` or, where it is missing, nobody."""

    element: Element
    source: str

    @property
    def present(self) -> bool:
        return bool(self.source)


@dataclass(frozen=True, slots=True)
class Completeness:
    """The answers to all elements that apply."""

    answers: tuple[Answer, ...]

    @property
    def score(self) -> int:
        """Answered elements in percent of those that apply, rounded down."""
        return 100 * sum(answer.present for answer in self.answers) // len(self.answers)

    @property
    def missing(self) -> list[Element]:
        return [answer.element for answer in self.answers if not answer.present]

    def as_data(self) -> dict[str, Any]:
        return {
            "framework": _data()["framework"],
            "note": _data()["note"],
            "score": self.score,
            "elements": [
                {
                    "cluster": one.element.cluster,
                    "id": one.element.id,
                    "name": one.element.name,
                    "determined": "automatic" if one.element.check else "human",
                    "confidence": one.element.confidence,
                    "present": one.present,
                    "source": one.source,
                }
                for one in self.answers
            ],
            "missing": [element.id for element in self.missing],
        }


def assess(dossier: Dossier) -> Completeness:
    """Checks every element that applies to the subject."""
    return Completeness(tuple(Answer(one, _source(one, dossier)) for one in load_elements() if one.applies(dossier)))


@cache
def load_elements() -> tuple[Element, ...]:
    """The elements in the order of the data file."""
    return tuple(Element(**entry) for entry in _data()["elements"])


def _source(element: Element, dossier: Dossier) -> str:
    if element.check and CHECKS[element.check](dossier):
        return "records"
    return "tag" if dossier.tags.get(TAG + element.id, "").strip() else ""


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("registry.evidence").joinpath("data/elements.json").read_text(encoding="utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


def _datasets(dossier: Dossier) -> list[Item]:
    return [item for item in dossier.items.values() if item.dataset]


def _all_data(check: Callable[[Item], object]) -> Callable[[Dossier], bool]:
    return lambda dossier: all(check(item) for item in _datasets(dossier))


def _licensed(item: Item) -> bool:
    """Something is known: a licence, or that it has none of its own."""
    return UNKNOWN not in item.effective


def _has_producer(item: Item) -> bool:
    return bool(item.source_repo) or not item.imported


CHECKS: Mapping[str, Callable[[Dossier], object]] = {
    "always": lambda _: True,
    "digest": lambda dossier: dossier.item.digest,
    "producer": lambda dossier: _has_producer(dossier.item),
    "description": lambda dossier: dossier.description,
    "licensed": lambda dossier: _licensed(dossier.item),
    "lineage": lambda dossier: bool(dossier.links) or dossier.item.lineage_completeness == "complete",
    "trained_on": lambda dossier: any(link.type is EdgeType.TRAINED_ON for link in dossier.links),
    "measured": lambda dossier: dossier.measurements,
    "hub": lambda dossier: dossier.item.source_repo,
    "kind": lambda dossier: dossier.item.kind,
    "data_description": _all_data(lambda item: item.description),
    "data_digest": _all_data(lambda item: item.digest),
    "data_licensed": _all_data(_licensed),
    "data_provenance": lambda dossier: all(
        item.source_repo or any(link.type in DATA_EDGES for link in dossier.parents(item.name))
        for item in _datasets(dossier)
    ),
}
