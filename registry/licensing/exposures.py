"""Licence-independent exposures: how each ancestor reaches a node, before any licence is asked.

Licences are mutable (conclusions, profile revisions, agreements), lineage is not. So a node stores, for each ancestor
and itself, *by which kinds of crossing* it is reached; terms are read from that later, under the licences of the day.

Why the stored form is exact. For a fixed licence, crossing a reach key twice in a row does what crossing it once does,
and order matters at one point only: the first prohibited crossing, which replaces the codes and asks whether its child
is exempt. That crossing is the first one of its key. So all that any profile can ask of a path is: the order in which
keys were first crossed, the families of the child at each of those first crossings, and which keys were crossed again
after which first crossing. A path of any length folds into at most one `Step` for each key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from registry.licensing.vocabulary import NO_EFFECT_EDGES, WEIGHTS_EDGES, EdgeType, Mark, ReachKey


class Step(NamedTuple):
    """The crossings of one key on a path.

    `last` is the index of the latest step that had been opened when this key was crossed for the last time (its own
    index when it never came back later). `families` are the base families in the weight lineage of the child at the
    first crossing.
    """

    key: ReachKey
    last: int
    families: frozenset[str]


class Path(NamedTuple):
    """A lineage path from the subject (first) to the origin (last); `edges[i]` joins `nodes[i]` to `nodes[i + 1]`."""

    nodes: tuple[str, ...]
    edges: tuple[EdgeType, ...] = ()

    @property
    def order(self) -> tuple[int, tuple[str, ...], tuple[EdgeType, ...]]:
        """Shortest first; ties by node id, then by edge type."""
        return (len(self.nodes), self.nodes, self.edges)

    def prepend(self, child: str, edge: EdgeType) -> Path:
        """The path grown by a child at the subject's end."""
        return Path((child, *self.nodes), (edge, *self.edges))

    def __str__(self) -> str:
        return " > ".join(self.nodes)


class Crossings(NamedTuple):
    """All that a licence or a policy can ask of a path.

    `adapter` tells whether an `adapter` edge is on it, which a policy may treat as contested. `crossing` is the last
    edge that is neither of the weights class nor `derived_from`; None over weights alone. `adapted` tells whether some
    edge is on it that makes new material: any but `convert`, which changes the file format alone.
    """

    steps: tuple[Step, ...] = ()
    adapter: bool = False
    mark: Mark = Mark.NONE
    crossing: EdgeType | None = None
    adapted: bool = False

    def after(self, edge: EdgeType, families: frozenset[str]) -> Crossings:
        """These crossings followed by `edge`; `families` are those of the weight lineage of the edge's child."""
        if edge is EdgeType.DERIVED_FROM:
            return self._replace(adapted=True)
        steps = _extend(self.steps, reach_key(edge, self.mark), families)
        adapter = self.adapter or edge is EdgeType.ADAPTER
        crossing = self.crossing if edge in WEIGHTS_EDGES else edge
        adapted = self.adapted or edge is not EdgeType.CONVERT
        return Crossings(steps, adapter, mark_after(edge, self.mark), crossing, adapted)


class Exposure(NamedTuple):
    """One way in which an origin reaches a node, with the shortest path that takes it."""

    origin: str
    crossings: Crossings
    path: Path


@dataclass(frozen=True, slots=True)
class NodeExposures:
    """What a node stores: how every ancestor and itself reaches it, and the base families of its weight lineage.

    `paths` holds the shortest path for each crossings and origin; the node itself stands under the empty crossings.
    `has_weights_parent` tells whether some weights edge leaves the node.
    """

    node: str
    families: frozenset[str]
    paths: Mapping[Crossings, Mapping[str, Path]]
    has_weights_parent: bool = False

    @property
    def origins(self) -> frozenset[str]:
        """Every node whose licences, agreements and alerts may matter here; the node itself included."""
        return frozenset().union(*self.paths.values())

    def __iter__(self) -> Iterator[Exposure]:
        for crossings, by_origin in self.paths.items():
            for origin, path in by_origin.items():
                yield Exposure(origin, crossings, path)

    def __len__(self) -> int:
        return sum(map(len, self.paths.values()))

    def to_json(self) -> dict[str, Any]:
        """A JSON object; paths share their beginnings in one table, so a chain's size is linear in its length."""
        return _encode(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> NodeExposures:
        """Read back `to_json`."""
        return _decode(value)


def inherit(
    node: str, base_family: str | None = None, edges: Iterable[tuple[EdgeType, NodeExposures]] = ()
) -> NodeExposures:
    """The exposures of a node from those of its parents; called once, when the node becomes immutable.

    Independent of the order of edges and of duplicates; no-effect edges contribute nothing.

    Raises:
        ValueError: the node is its own ancestor.
    """
    links = [(edge, parent) for edge, parent in edges if edge not in NO_EFFECT_EDGES]
    lineages = (parent.families for edge, parent in links if edge in WEIGHTS_EDGES)
    families = frozenset({base_family} if base_family else ()).union(*lineages)
    found: dict[Crossings, dict[str, Path]] = {Crossings(): {node: Path((node,))}}
    for edge, parent in links:
        if any(node in by_origin for by_origin in parent.paths.values()):
            raise ValueError(f"{node} is an ancestor of itself through {parent.node}; lineage must not hold a cycle")
        for crossings, by_origin in parent.paths.items():
            shortest = found.setdefault(crossings.after(edge, families), {})
            for origin, path in by_origin.items():
                known = shortest.get(origin)
                if known is not None and len(path.nodes) >= len(known.nodes):
                    continue
                grown = path.prepend(node, edge)
                if known is None or grown.order < known.order:
                    shortest[origin] = grown
    return NodeExposures(node, families, found, any(edge in WEIGHTS_EDGES for edge, _ in links))


def reach_key(edge: EdgeType, mark: Mark) -> ReachKey:
    """What a profile is asked when a term with this mark crosses an edge; `derived_from` asks nothing."""
    if edge in WEIGHTS_EDGES:
        return ReachKey.WEIGHTS
    return _TRAINED_ON_KEY[mark] if edge is EdgeType.TRAINED_ON else ReachKey(edge.value)


def mark_after(edge: EdgeType, mark: Mark) -> Mark:
    """The mark of a term that has crossed the edge."""
    return _MARK_SET_BY.get(edge, mark)


_MARK_SET_BY = {EdgeType.GENERATED_BY: Mark.OUTPUT, EdgeType.JUDGED_BY: Mark.JUDGED}
_TRAINED_ON_KEY = {
    Mark.OUTPUT: ReachKey.DISTILL_OUTPUTS,
    Mark.JUDGED: ReachKey.JUDGED_BY,
    Mark.NONE: ReachKey.TRAINED_ON,
}


def _extend(steps: tuple[Step, ...], key: ReachKey, families: frozenset[str]) -> tuple[Step, ...]:
    for index, step in enumerate(steps):
        if step.key is key:
            return (*steps[:index], step._replace(last=len(steps) - 1), *steps[index + 1 :])
    return (*steps, Step(key, len(steps), families))


def _encode(stored: NodeExposures) -> dict[str, Any]:
    trail: list[list[Any]] = []  # rows of [row of the path without its last node, last node, edge that leads to it]
    rows: dict[tuple[int, str, str], int] = {}
    groups = []
    for crossings, by_origin in sorted(stored.paths.items(), key=lambda item: _sortable(item[0])):
        ends = [_trail_row(path, trail, rows) for _, path in sorted(by_origin.items())]
        steps = [[step.key.value, step.last, sorted(step.families)] for step in crossings.steps]
        group = {"steps": steps, "adapter": crossings.adapter, "mark": crossings.mark.value}
        group["adapted"] = crossings.adapted
        groups.append({**group, "crossing": crossings.crossing, "paths": ends})
    return {"node": stored.node, "families": sorted(stored.families), "trail": trail, "groups": groups}


def _trail_row(path: Path, trail: list[list[Any]], rows: dict[tuple[int, str, str], int]) -> int:
    at = -1
    for node, edge in zip(path.nodes, ("", *path.edges), strict=True):
        entry = (at, node, str(edge))
        at = rows.setdefault(entry, len(trail))
        if at == len(trail):
            trail.append(list(entry))
    return at


def _sortable(crossings: Crossings) -> tuple[Any, ...]:
    steps = tuple((step.key, step.last, sorted(step.families)) for step in crossings.steps)
    return (steps, crossings.adapter, crossings.mark, crossings.crossing or "", crossings.adapted)


class _Trail:
    """The stored table of paths. A path is read when it is asked for: a verdict shows few of them."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self.rows = rows
        self._read: dict[int, Path] = {}

    def path(self, row: int) -> Path:
        """The path that ends with a row; its beginning is shared with one read before, where there is one."""
        known = self._read.get(row)
        if known is not None:
            return known
        nodes, edges, at = list[str](), list[EdgeType](), row
        while at >= 0 and at not in self._read:
            at, node, edge = self.rows[at]
            nodes.append(node)
            if edge:
                edges.append(EdgeType(edge))
        begun = self._read[at] if at >= 0 else Path(())
        path = Path((*begun.nodes, *reversed(nodes)), (*begun.edges, *reversed(edges)))
        return self._read.setdefault(row, path)


def stored_adapted(group: Mapping[str, Any]) -> bool:
    """Whether a stored group is of adapted material. Of one stored before this was asked, that is assumed."""
    return bool(group.get("adapted", True))


class _StoredPaths(Mapping[str, Path]):
    """Paths by origin, read from a trail."""

    def __init__(self, trail: _Trail, ends: Iterable[int]) -> None:
        self._trail = trail
        self._ends: dict[str, int] = {trail.rows[row][1]: row for row in ends}

    def __getitem__(self, origin: str) -> Path:
        return self._trail.path(self._ends[origin])

    def __contains__(self, origin: object) -> bool:
        return origin in self._ends

    def __iter__(self) -> Iterator[str]:
        return iter(self._ends)

    def __len__(self) -> int:
        return len(self._ends)


def _decode(value: Mapping[str, Any]) -> NodeExposures:
    trail = _Trail(value["trail"])
    found: dict[Crossings, Mapping[str, Path]] = {}
    for group in value["groups"]:
        steps = tuple(Step(ReachKey(key), last, frozenset(families)) for key, last, families in group["steps"])
        crossing = EdgeType(group["crossing"]) if group["crossing"] else None
        crossings = Crossings(steps, group["adapter"], Mark(group["mark"]), crossing, stored_adapted(group))
        found[crossings] = _StoredPaths(trail, group["paths"])
    # The shortest path over an edge that leaves the node is that edge, so the trail holds it.
    leaving = {edge for before, _, edge in trail.rows if before >= 0 and trail.rows[before][0] < 0}
    has_weights_parent = any(EdgeType(edge) in WEIGHTS_EDGES for edge in leaving)
    return NodeExposures(value["node"], frozenset(value["families"]), found, has_weights_parent)
