"""The terms at one node of a whole graph, under one catalogue and policy.

Exposures answer for any catalogue, and a node of a large graph has very many. Where licences are known in advance, as
in a what-if file, a licence's terms take few states on their way, so it is enough to ask: from which state at which
ancestor do they arrive at the subject, and in which state there? The search runs from the subject towards the
ancestors, one edge a round, so that the first path which finds a pair of states is the shortest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from registry.licensing.automata import Automata, Automaton, State
from registry.licensing.exposures import Path
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue
from registry.licensing.terms import Alert, OriginFacts, TermGroups, TermSet, own_licenses
from registry.licensing.vocabulary import NO_EFFECT_EDGES, UNKNOWN, WEIGHTS_EDGES, EdgeType

_Ancestry = Mapping[str, Sequence[tuple[EdgeType, str]]]
_NO_FAMILIES = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Graph:
    """A lineage without cycles: the edges that leave each node towards its parents, and base families by node."""

    parents: Mapping[str, Sequence[tuple[EdgeType, str]]]
    base_families: Mapping[str, str]

    def ancestry(self, subject: str) -> _Ancestry:
        """The subject and its ancestors, each with those of its edges that have an effect, each once."""
        found: dict[str, Sequence[tuple[EdgeType, str]]] = {}
        waiting = [subject]
        while waiting:
            node = waiting.pop()
            if node not in found:
                effective = {each for each in self.parents.get(node, ()) if each[0] not in NO_EFFECT_EDGES}
                found[node] = sorted(effective)
                waiting.extend(parent for _, parent in found[node])
        return found


def propagate(
    graph: Graph, subject: str, facts: Mapping[str, OriginFacts], catalogue: Catalogue, policy: Policy
) -> TermSet:
    """The terms at the subject, as `derive_terms` gives them for its exposures, and the subject's own alerts.

    Raises:
        KeyError: an ancestor has no facts.
    """
    ancestry = graph.ancestry(subject)
    held = {node: own_licenses(facts[node], catalogue) for node in ancestry}
    wanted = {(each, facts[node].multimodal) for node, licenses in held.items() for each in licenses}
    automata = Automata(wanted, catalogue, policy)
    families = _families(ancestry, graph.base_families, automata.exempt_families)
    search = _Search(ancestry, subject, families, automata)
    groups = TermGroups()
    for node, licenses in held.items():
        for license_id in licenses:
            for end, pair in search.ends(node, automata.of(license_id, facts[node].multimodal)):
                group = groups.of(end.key(license_id, own=node == subject))
                group.add((node,), partial(search.path, pair), adapter=end.adapter)
    return TermSet(groups.in_order(), _alerts(subject, facts[subject]))


def _alerts(node: str, facts: OriginFacts) -> tuple[Alert, ...]:
    licenses = (UNKNOWN,) if facts.licenses is None else facts.licenses
    return tuple(Alert(code, node, licenses, Path((node,))) for code in sorted(facts.alerts))


def _families(
    ancestry: _Ancestry, base_families: Mapping[str, str], exempt: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Which of the exempt families each node has in its weight lineage; nodes without any are left out."""
    tuned: dict[str, list[str]] = {}
    for child, edges in ancestry.items():
        for edge, parent in edges:
            if edge in WEIGHTS_EDGES:
                tuned.setdefault(parent, []).append(child)
    found: dict[str, frozenset[str]] = {}
    for family in sorted(exempt):
        waiting = [node for node in ancestry if base_families.get(node) == family]
        while waiting:
            node = waiting.pop()
            known = found.get(node, _NO_FAMILIES)
            if family not in known:
                found[node] = known | {family}
                waiting.extend(tuned.get(node, ()))
    return found


class _Arrival(NamedTuple):
    """Pairs that were first found together at a node, on one path from the subject.

    `rank` orders the nodes of the paths found in the same round. The subject has no `edge` and nothing `nearer`.
    """

    node: str
    pairs: int
    rank: int = 0
    edge: EdgeType | None = None
    nearer: _Arrival | None = None

    def path(self) -> Path:
        """The path from the subject to the node."""
        nodes, edges, at = list[str](), list[EdgeType](), self
        while at.nearer is not None and at.edge is not None:
            nodes.append(at.node)
            edges.append(at.edge)
            at = at.nearer
        return Path((at.node, *reversed(nodes)), tuple(reversed(edges)))


class _Search:
    """Which pairs of states some path joins, and the shortest such path; ties go by node id, then by edge type."""

    def __init__(
        self, ancestry: _Ancestry, subject: str, families: Mapping[str, frozenset[str]], automata: Automata
    ) -> None:
        self._ancestry = ancestry
        self._families = families
        self._automata = automata
        self._found = dict.fromkeys(ancestry, 0)
        self._arrivals: dict[str, list[_Arrival]] = {node: [] for node in ancestry}
        frontier = [_Arrival(subject, automata.arrived)]
        while frontier:
            for arrival in frontier:
                self._arrivals[arrival.node].append(arrival)
            frontier = self._next_round(frontier)

    def ends(self, node: str, automaton: Automaton) -> Iterator[tuple[State, int]]:
        """The states in which a node's own terms arrive at the subject, each with the number of its pair."""
        ends = self._found[node] >> automaton.table.pair(0, 0)
        for number, end in enumerate(automaton.states):
            if ends >> number & 1:
                yield end, automaton.table.pair(0, number)

    def path(self, pair: int, node: str) -> Path:
        """The shortest path from the subject to a node on which a pair comes about."""
        return next(arrival.path() for arrival in self._arrivals[node] if arrival.pairs >> pair & 1)

    def _next_round(self, frontier: Sequence[_Arrival]) -> list[_Arrival]:
        """What the paths of a round find when they grow by one edge, in the order of the paths' nodes and edges."""
        for arrival in frontier:
            self._found[arrival.node] |= arrival.pairs
        grown: list[tuple[tuple[int, str], _Arrival]] = []
        for arrival in frontier:
            families = self._families.get(arrival.node, _NO_FAMILIES)
            for edge, parent in self._ancestry[arrival.node]:
                pairs = self._automata.before(edge, families, arrival.pairs) & ~self._found[parent]
                if pairs:
                    # The first path to find a pair is the least: the frontier is in order.
                    self._found[parent] |= pairs
                    grown.append(((arrival.rank, parent), _Arrival(parent, pairs, 0, edge, arrival)))
        # Stable, so that paths over the same nodes keep the order of their edges.
        grown.sort(key=itemgetter(0))
        ranks = {nodes: rank for rank, nodes in enumerate(dict.fromkeys(nodes for nodes, _ in grown))}
        return [arrival._replace(rank=ranks[nodes]) for nodes, arrival in grown]
