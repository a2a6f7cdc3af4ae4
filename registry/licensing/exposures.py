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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from registry.licensing.vocabulary import NO_EFFECT_EDGES, WEIGHTS_EDGES, EdgeType, Mark, ReachKey


class StepKey(StrEnum):
    """A reach key, with `adapter` apart from the other weights edges because a policy may treat it as contested."""

    WEIGHTS = "weights"
    ADAPTER = "adapter"
    DISTILL_LOGITS = "distill_logits"
    DISTILL_OUTPUTS = "distill_outputs"
    GENERATED_BY = "generated_by"
    JUDGED_BY = "judged_by"
    TRAINED_ON = "trained_on"

    @property
    def reach_key(self) -> ReachKey:
        """The profile entry that governs this step."""
        return ReachKey.WEIGHTS if self is StepKey.ADAPTER else ReachKey(self.value)


class Step(NamedTuple):
    """The crossings of one key on a path.

    `last` is the index of the latest step that had been opened when this key was crossed for the last time (its own
    index when it never came back later). `families` are the base families in the weight lineage of the child at the
    first crossing.
    """

    key: StepKey
    last: int
    families: frozenset[str]


@dataclass(frozen=True, slots=True)
class Path:
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


@dataclass(frozen=True, slots=True)
class Exposure:
    """One way in which an origin reaches a node, with one shortest path as the witness.

    `crossing` is the last edge that is neither of the weights class nor `derived_from`; None over weights alone.
    """

    origin: str
    steps: tuple[Step, ...]
    mark: Mark
    crossing: EdgeType | None
    path: Path

    @property
    def key(self) -> tuple[str, tuple[Step, ...], Mark, EdgeType | None]:
        """Exposures with equal keys are one; the path is only its witness."""
        return (self.origin, self.steps, self.mark, self.crossing)

    def cross(self, edge: EdgeType, child: str, families: frozenset[str]) -> Exposure:
        """This exposure seen from a child joined by `edge`; `families` are those of the child's weight lineage."""
        path = self.path.prepend(child, edge)
        if edge is EdgeType.DERIVED_FROM:
            return Exposure(self.origin, self.steps, self.mark, self.crossing, path)
        steps = _extend(self.steps, _step_key(edge, self.mark), families)
        crossing = self.crossing if edge in WEIGHTS_EDGES else edge
        return Exposure(self.origin, steps, _MARK_SET_BY.get(edge, self.mark), crossing, path)


@dataclass(frozen=True, slots=True)
class NodeExposures:
    """What a node stores: every exposure (its own, with no step, included) and the families of its weight lineage."""

    node: str
    exposures: tuple[Exposure, ...]
    families: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """A JSON object; paths share their beginnings in one table, so it grows with the lineage and not its square."""
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
    links = [(edge, parent) for edge, parent in edges]
    families = frozenset({base_family} if base_family else ()).union(
        *(parent.families for edge, parent in links if edge in WEIGHTS_EDGES)
    )
    found = {own.key: own for own in [Exposure(node, (), Mark.NONE, None, Path((node,)))]}
    for edge, parent in links:
        if edge in NO_EFFECT_EDGES:
            continue
        for inherited in parent.exposures:
            if inherited.origin == node:
                raise ValueError(
                    f"{node} is an ancestor of itself through {parent.node}; lineage must not hold a cycle"
                )
            exposure = inherited.cross(edge, node, families)
            known = found.get(exposure.key)
            if known is None or exposure.path.order < known.path.order:
                found[exposure.key] = exposure
    return NodeExposures(node, tuple(sorted(found.values(), key=_order)), families)


_MARK_SET_BY = {EdgeType.GENERATED_BY: Mark.OUTPUT, EdgeType.JUDGED_BY: Mark.JUDGED}
_TRAINED_ON_STEP = {
    Mark.OUTPUT: StepKey.DISTILL_OUTPUTS,
    Mark.JUDGED: StepKey.JUDGED_BY,
    Mark.NONE: StepKey.TRAINED_ON,
}


def _step_key(edge: EdgeType, mark: Mark) -> StepKey:
    if edge is EdgeType.TRAINED_ON:
        return _TRAINED_ON_STEP[mark]
    if edge in WEIGHTS_EDGES:
        return StepKey.ADAPTER if edge is EdgeType.ADAPTER else StepKey.WEIGHTS
    return StepKey(edge.value)


def _extend(steps: tuple[Step, ...], key: StepKey, families: frozenset[str]) -> tuple[Step, ...]:
    for index, step in enumerate(steps):
        if step.key is key:
            return (*steps[:index], step._replace(last=len(steps) - 1), *steps[index + 1 :])
    return (*steps, Step(key, len(steps), families))


def _order(exposure: Exposure) -> tuple[Any, ...]:
    steps = tuple((step.key, step.last, sorted(step.families)) for step in exposure.steps)
    return (exposure.path.order, steps, exposure.mark, exposure.crossing or "")


def _encode(stored: NodeExposures) -> dict[str, Any]:
    trail: list[list[Any]] = []  # [index of the entry nearer the subject, node, edge towards it]
    index: dict[tuple[int, str, str], int] = {}
    rows = []
    for exposure in stored.exposures:
        at = -1
        for node, edge in zip(exposure.path.nodes, ("", *exposure.path.edges), strict=True):
            entry = (at, node, str(edge))
            if entry not in index:
                index[entry] = len(trail)
                trail.append(list(entry))
            at = index[entry]
        steps = [[step.key.value, step.last, sorted(step.families)] for step in exposure.steps]
        rows.append({"at": at, "steps": steps, "mark": exposure.mark.value, "crossing": exposure.crossing})
    return {"node": stored.node, "families": sorted(stored.families), "trail": trail, "exposures": rows}


def _decode(value: Mapping[str, Any]) -> NodeExposures:
    paths: list[Path] = []
    for before, node, edge in value["trail"]:
        if before < 0:
            paths.append(Path((node,)))
        else:
            nearer = paths[before]
            paths.append(Path((*nearer.nodes, node), (*nearer.edges, EdgeType(edge))))
    exposures = tuple(
        Exposure(
            paths[row["at"]].nodes[-1],
            tuple(Step(StepKey(key), last, frozenset(families)) for key, last, families in row["steps"]),
            Mark(row["mark"]),
            EdgeType(row["crossing"]) if row["crossing"] else None,
            paths[row["at"]],
        )
        for row in value["exposures"]
    )
    return NodeExposures(value["node"], exposures, frozenset(value["families"]))
