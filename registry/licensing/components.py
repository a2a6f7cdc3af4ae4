"""What a student can be made of: models, services and datasets, each with its exposures and what is known of them.

Pure. A component comes from the catalogue (`Shelf`) or, in the registry, from a stored version.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from registry.licensing.entries import Confidence, KnownDataset, KnownEntry, KnownModel, by_folded_id, find_in
from registry.licensing.exposures import Crossings, NodeExposures, inherit
from registry.licensing.terms import OriginFacts
from registry.licensing.vocabulary import Context, EdgeType, NodeKind

Facts = Mapping[str, OriginFacts]
# 7b, 0.6B, 8x7b, E4B: billions of parameters as names of models tell them.
_SIZE = re.compile(r"(?:^|[-_/@])(?:(?P<experts>\d+)x|e)?(?P<billions>\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Component:
    """A model, service or dataset. Components are compared by identity.

    `facts` are by context, since an agreement holds in some contexts only; each covers every origin of `exposures`, and
    so does `licensors`: who could waive the licences of that node ("" for nobody, as of what was made here). `family`
    is that of a licensor's own releases, else whoever published it. `doubt` grows with the least sure fact that it
    rests on: 0 for what is verified or recorded here.
    """

    name: str
    kind: NodeKind
    exposures: NodeExposures
    facts: Mapping[Context, Facts]
    licensors: Mapping[str, str]
    family: str = ""
    doubt: int = 0

    @cached_property
    def billions(self) -> float | None:
        """Billions of parameters as far as the name tells."""
        found = _SIZE.search(self.name)
        if found is None:
            return None
        return int(found["experts"] or 1) * float(found["billions"]) or None

    def signature(self, exempt: frozenset[str]) -> frozenset[object]:
        """All that a verdict on a descendant can depend on, without names: equal ones can stand in for each other.

        `exempt` are the base families that some licence exempts; no other family matters.
        """
        return frozenset(
            (
                _without_names(each.crossings, exempt),
                self.licensors[each.origin],
                tuple(self.facts[context][each.origin] for context in Context),
            )
            for each in self.exposures
        )

    def licenses(self) -> frozenset[str]:
        """The licences of every node behind it and its own, agreements left out; empty of what is not known."""
        known = (facts.licenses or () for by_node in self.facts.values() for facts in by_node.values())
        return frozenset(each for licenses in known for each in licenses)

    def distance(self, other: Component) -> float:
        """How far apart the sizes are, as a ratio on a logarithmic scale; infinite where a name does not tell."""
        if self.billions is None or other.billions is None:
            return math.inf
        return abs(math.log(self.billions / other.billions))


class Shelf:
    """The components that the catalogue knows."""

    def __init__(self, entries: Mapping[str, KnownEntry]) -> None:
        """`entries` are by hub id: the shipped ones, or those with an organisation's own over them."""
        self._entries = by_folded_id(list(entries.values()))
        self._made: dict[str, Component] = {}

    def find(self, hub_id: str) -> Component | None:
        """The component of a hub id, `HUB_ID#PART` included, without regard to case; None when it is not known."""
        entry = find_in(self._entries, hub_id)
        return None if entry is None else self._component(entry)

    def entry(self, hub_id: str) -> KnownEntry | None:
        """The entry behind a component."""
        return find_in(self._entries, hub_id)

    def teachers(self) -> list[Component]:
        """Every model and service that can answer. A conversion of another one's weights is that other one."""
        return [self._component(each) for each in self._sorted() if each.kind is not NodeKind.DATASET and _own(each)]

    def students(self) -> list[Component]:
        """Every licensor's own release, on which a student can be built."""
        bases = (each for each in self._sorted() if isinstance(each, KnownModel) and each.base_family)
        return [self._component(each) for each in bases if _own(each)]

    def datasets(self) -> list[Component]:
        """Every dataset, and after it its parts."""
        found = []
        for entry in self._sorted():
            if isinstance(entry, KnownDataset):
                parts = (entry.narrowed(part.name) for part in entry.parts)
                found += [self._component(each) for each in (entry, *parts) if each is not None]
        return found

    def names(self) -> list[str]:
        """Every name that `find` knows."""
        models = [each.hub_id for each in self._sorted() if each.kind is not NodeKind.DATASET]
        return models + [each.name for each in self.datasets()]

    def _sorted(self) -> list[KnownEntry]:
        return [self._entries[folded] for folded in sorted(self._entries)]

    def _component(self, entry: KnownEntry) -> Component:
        if entry.hub_id not in self._made:
            self._made[entry.hub_id] = self._make(entry)
        return self._made[entry.hub_id]

    def _make(self, entry: KnownEntry) -> Component:
        parents = [(each.edge, self.find(each.hub_id) or _unknown(each.hub_id)) for each in entry.parents]
        family = entry.base_family if isinstance(entry, KnownModel) else None
        multimodal = isinstance(entry, KnownModel) and entry.multimodal
        facts = {entry.hub_id: OriginFacts(entry.licenses, multimodal)}
        licensors = {entry.hub_id: publisher(entry.hub_id)}
        for _, parent in parents:
            facts |= parent.facts[Context.RESEARCH]
            licensors |= parent.licensors
        doubt = max([_doubt(entry), *(parent.doubt for _, parent in parents)])
        exposures = inherit(entry.hub_id, family, [(edge, parent.exposures) for edge, parent in parents])
        everywhere = dict.fromkeys(Context, facts)
        kin = family or publisher(entry.hub_id)
        return Component(entry.hub_id, entry.kind, exposures, everywhere, licensors, kin, doubt)


def publisher(hub_id: str) -> str:
    """The organisation that publishes a hub id."""
    return hub_id.partition("/")[0]


def _doubt(entry: KnownEntry) -> int:
    """By the least sure fact of those that a verdict rests on; whether an id is spelt right is not one of them."""
    return max(list(Confidence).index(sure) for field, sure in entry.confidence.items() if field != "hub_id")


def _own(entry: KnownEntry) -> bool:
    return all(parent.edge not in (EdgeType.QUANTIZE, EdgeType.CONVERT) for parent in entry.parents)


def _unknown(hub_id: str) -> Component:
    """A parent that the catalogue names and does not know: its licence is unknown, never nothing."""
    facts = {context: {hub_id: OriginFacts()} for context in Context}
    owner = publisher(hub_id)
    return Component(hub_id, NodeKind.MODEL, inherit(hub_id), facts, {hub_id: owner}, owner, len(Confidence))


def _without_names(crossings: Crossings, exempt: frozenset[str]) -> Crossings:
    return crossings._replace(steps=tuple(step._replace(families=step.families & exempt) for step in crossings.steps))
