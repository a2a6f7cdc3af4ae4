"""Verdicts of very many subjects: those whose exposures and facts have the same shape are judged once.

A verdict without its reasons depends on an exposure through its crossings, through the facts of its origin, and through
whether the origin is the subject itself. Which other node the origin is, and on which path it arrives, matters to the
explanation and to approvals alone. So a shape is the set of (crossings, facts) of all exposures, beside the subject's
own facts, and a lineage with a hundred thousand descendants has few of them. Subjects with approvals are not for here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from registry.licensing.exposures import Crossings, NodeExposures, Path, Step, stored_adapted
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue
from registry.licensing.terms import OriginFacts, TermSet, derive_terms
from registry.licensing.verdict import Deployment, Subject, evaluate, has_prefix
from registry.licensing.vocabulary import WEIGHTS_EDGES, Context, EdgeType, Mark, ReachKey, Verdict

_OWN = "own"


@dataclass(frozen=True, slots=True)
class Outline:
    """What a verdict asks of stored exposures: (crossings by number, origin) of each but the subject's own."""

    node: str
    exposures: tuple[tuple[int, str], ...]
    has_weights_parent: bool


class Shape(NamedTuple):
    """Facts and crossings by their numbers in a `Shapes`: the subject's own facts, and (crossings, facts) of others."""

    own: int
    exposures: frozenset[tuple[int, int]]


class Shapes:
    """Numbers for crossings, facts and shapes, so that equal ones are compared and kept as one integer."""

    def __init__(self) -> None:
        self._crossings: dict[Crossings, int] = {}
        self._groups: dict[str, int] = {}
        self._facts: dict[OriginFacts, int] = {}
        self._shapes: dict[Shape, int] = {}
        self._known: list[Shape] = []

    def outline(self, stored: Mapping[str, Any]) -> Outline:
        """The outline of stored exposures (`NodeExposures.to_json`), without building their paths."""
        node, trail = stored["node"], stored["trail"]
        found: list[tuple[int, str]] = []
        has_weights_parent = False
        for group in stored["groups"]:
            number = self._group(group)
            for row in group["paths"]:
                before, origin, edge = trail[row]
                if before < 0:
                    continue  # the subject itself
                found.append((number, origin))
                if trail[before][0] < 0 and edge in WEIGHTS_EDGES:
                    has_weights_parent = True
        return Outline(node, tuple(found), has_weights_parent)

    def fact(self, facts: OriginFacts) -> int:
        """The number of these facts."""
        return self._facts.setdefault(facts, len(self._facts))

    def shape(self, outline: Outline, facts: Mapping[str, int]) -> int:
        """The number of the shape that an outline has under facts by node.

        Raises:
            KeyError: an origin has no facts.
        """
        shape = Shape(facts[outline.node], frozenset((number, facts[origin]) for number, origin in outline.exposures))
        number = self._shapes.setdefault(shape, len(self._known))
        if number == len(self._known):
            self._known.append(shape)
        return number

    def example(self, shape: int) -> tuple[NodeExposures, dict[str, OriginFacts]]:
        """Exposures and facts of that shape, each distinct facts standing for one origin."""
        own, exposures = self._known[shape]
        all_crossings, all_facts = list(self._crossings), list(self._facts)
        paths: dict[Crossings, dict[str, Path]] = {Crossings(): {_OWN: Path((_OWN,))}}
        facts = {_OWN: all_facts[own]}
        for number, fact in sorted(exposures):
            paths.setdefault(all_crossings[number], {})[str(fact)] = Path((str(fact),))
            facts[str(fact)] = all_facts[fact]
        return NodeExposures(_OWN, frozenset(), paths), facts

    def _group(self, group: Mapping[str, Any]) -> int:
        key = f"{group['steps']}{group['adapter']}{group['mark']}{group['crossing']}{stored_adapted(group)}"
        if key not in self._groups:
            steps = tuple(Step(ReachKey(name), last, frozenset(families)) for name, last, families in group["steps"])
            crossing = EdgeType(group["crossing"]) if group["crossing"] else None
            crossings = Crossings(steps, group["adapter"], Mark(group["mark"]), crossing, stored_adapted(group))
            self._groups[key] = self._crossings.setdefault(crossings, len(self._crossings))
        return self._groups[key]


class Judge:
    """Verdicts under one catalogue and policy, each shape and way of deployment judged once."""

    def __init__(self, shapes: Shapes, catalogue: Catalogue, policy: Policy) -> None:
        self._shapes = shapes
        self.catalogue = catalogue
        self.policy = policy
        self._prefixes = sorted({each.prefix for one in catalogue for each in one.conditions if each.prefix})
        self._names: dict[str, tuple[str, ...]] = {}
        self._terms: dict[int, TermSet] = {}
        self._verdicts: dict[tuple[object, ...], Verdict] = {}

    def verdict(
        self, shape: int, subject: Subject, context: Context, outbound: str = "", distribute: bool = False
    ) -> Verdict:
        """The verdict of a subject of that shape. An empty `outbound` means the declared licences."""
        declared = () if outbound else subject.declared
        traits = (subject.kind, self._prefixes_of(subject.name), subject.base_family is None)
        key = (shape, *traits, subject.has_weights_parent, declared, context, outbound, distribute)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(shape, subject, context, outbound, distribute)
        return self._verdicts[key]

    def _judge(self, shape: int, subject: Subject, context: Context, outbound: str, distribute: bool) -> Verdict:
        if shape not in self._terms:
            self._terms[shape] = derive_terms(*self._shapes.example(shape), self.catalogue, self.policy)
        deployment = Deployment((outbound,) if outbound else None, distribute, policy=self.policy)
        example = replace(subject, id=_OWN)
        return evaluate(example, self._terms[shape], context, deployment, self.catalogue).verdict

    def _prefixes_of(self, name: str) -> tuple[str, ...]:
        """The prefixes that some licence asks for and the name has: all that a verdict asks of a name."""
        if name not in self._names:
            self._names[name] = tuple(prefix for prefix in self._prefixes if has_prefix(name, prefix))
        return self._names[name]
