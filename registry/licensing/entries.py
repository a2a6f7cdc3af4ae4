"""Entries of the catalogue: what is known of a public model, dataset or service, and how sure we are of each fact.

Pure. The written form is the same for the shipped files (`data/catalog`) and for an organisation's own entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from registry.licensing.vocabulary import EdgeType, NodeKind

PART_SEPARATOR = "#"


class Confidence(StrEnum):
    """How a fact was come by, surest first: primary text, third party, inference, background knowledge."""

    VERIFIED = "verified"
    SECONDARY = "secondary"
    DERIVED = "derived"
    UNVERIFIED = "unverified"


class LineageCompleteness(StrEnum):
    """`root`: no parent is recorded, as for a licensor's own release; `complete`: all parents are stated; `partial`:
    the publisher discloses only a part."""

    ROOT = "root"
    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a field of an entry comes from, as of which day (ISO date), and how sure it is."""

    source: str
    as_of: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Parent:
    """Another entry from which one was made, and how."""

    hub_id: str
    edge: EdgeType


@dataclass(frozen=True, slots=True)
class DatasetPart:
    """Rows of a dataset, first and last included, counted from 0, that came from generators of their own."""

    name: str
    first_row: int
    last_row: int
    generated_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """What every entry says.

    `licenses` are its own, ANDed; what reaches it from others follows from `parents`. `facts` holds source, date and
    confidence by field: of `hub_id`, `licenses`, and each field that names parents.
    """

    kind: ClassVar[NodeKind]

    hub_id: str
    display_name: str
    licenses: tuple[str, ...]
    lineage_completeness: LineageCompleteness
    facts: Mapping[str, Fact]
    notes: str = ""

    @property
    def parents(self) -> tuple[Parent, ...]:
        """The entries from which this one was made."""
        return ()

    @property
    def source(self) -> str:
        """The sources of all facts, each once."""
        return "; ".join(dict.fromkeys(fact.source for fact in self.facts.values()))

    @property
    def as_of(self) -> str:
        """The day of the oldest fact."""
        return min(fact.as_of for fact in self.facts.values())

    @property
    def confidence(self) -> Mapping[str, Confidence]:
        """The confidence of each fact, by field."""
        return {name: fact.confidence for name, fact in self.facts.items()}

    @property
    def weakest_confidence(self) -> Confidence:
        """An entry is as sure as its least sure fact."""
        return max(self.confidence.values(), key=list(Confidence).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel(KnownEntry):
    """A model of the hub. `base_family` names a licensor's family on its own releases, and is None elsewhere."""

    kind: ClassVar[NodeKind] = NodeKind.MODEL

    base: Parent | None = None
    base_family: str | None = None
    multimodal: bool = False

    @property
    def parents(self) -> tuple[Parent, ...]:
        return (self.base,) if self.base else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDataset(KnownEntry):
    """A dataset of the hub. `generated_by` names the models and services that wrote its rows, `parts` which wrote
    which, `derived_from` the datasets that it was made from."""

    kind: ClassVar[NodeKind] = NodeKind.DATASET

    generated_by: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    parts: tuple[DatasetPart, ...] = ()

    @property
    def parents(self) -> tuple[Parent, ...]:
        written = (Parent(each, EdgeType.GENERATED_BY) for each in self.generated_by)
        return (*written, *(Parent(each, EdgeType.DERIVED_FROM) for each in self.derived_from))

    def narrowed(self, name: str) -> KnownDataset | None:
        """One part as a dataset of its own, `HUB_ID#PART`; None when there is no such part."""
        part = next((each for each in self.parts if each.name == name.casefold()), None)
        if part is None:
            return None
        return replace(
            self,
            hub_id=f"{self.hub_id}{PART_SEPARATOR}{part.name}",
            display_name=f"{self.display_name} ({part.name})",
            generated_by=part.generated_by,
            parts=(part,),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownService(KnownEntry):
    """A model that is offered as a service only; `licenses` are the terms under which its outputs are had."""

    kind: ClassVar[NodeKind] = NodeKind.SERVICE


def find_in(entries: Mapping[str, KnownEntry], hub_id: str) -> KnownEntry | None:
    """The entry of an id in a mapping by folded id; `HUB_ID#PART` names a part of a dataset."""
    whole, separator, part = hub_id.partition(PART_SEPARATOR)
    entry = entries.get(whole.casefold())
    if not separator:
        return entry
    return entry.narrowed(part) if isinstance(entry, KnownDataset) else None


def by_folded_id(entries: Sequence[KnownEntry]) -> dict[str, KnownEntry]:
    """Entries by case-folded id: the hub matches ids without regard to case."""
    return {entry.hub_id.casefold(): entry for entry in entries}
