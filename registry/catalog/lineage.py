"""Typed edges between versions: adding them to drafts, and walking them either way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from sqlmodel import Session, col, select

from registry.catalog.rules import check_edge, find_cycle
from registry.errors import invalid
from registry.identity.access import check_namespace
from registry.licensing.vocabulary import WEIGHTS_EDGES
from registry.storage.lookup import get_version, names_of, version_name
from registry.storage.tables import Edge, Node, Version
from registry.wire import enum_text
from spiritsafe.errors import AlreadyExists, FailedPrecondition
from spiritsafe.registry.v1 import version_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName


def add_edge(
    session: Session, caller: Caller, child: tuple[Node, Version], given: version_pb2.Edge, field: str
) -> VersionName:
    """Adds one edge to a draft and gives its parent's name.

    Raises:
        NotFound: there is no such parent.
        InvalidArgument: such an edge cannot join the two.
        AlreadyExists: the draft has this edge.
        FailedPrecondition: it would close a cycle; metadata holds its path.
    """
    node, version = child
    parent_name = VersionName.parse(given.parent, f"{field}.parent")
    check_namespace(caller, parent_name.node.namespace)
    parent_node, parent = get_version(session, parent_name, f"{field}.parent")
    type_ = enum_text(version_pb2.EdgeType, given.type, f"{field}.type")
    check_edge(f"{field}.type", type_, (node.collection, version.kind), parent_node.collection)
    row = Edge(child_id=_id(version), type=type_, parent_id=_id(parent))
    _check_new(session, row, version_name(node, version), parent_name)
    _check_acyclic(session, row)
    session.add(row)
    session.flush()
    return parent_name


def edges_of(session: Session, version_ids: Iterable[int]) -> list[Edge]:
    """The edges from these versions to their parents, in the order in which they were added."""
    return list(session.exec(select(Edge).where(col(Edge.child_id).in_(set(version_ids))).order_by(col(Edge.id))))


def parents_of(session: Session, version: Version) -> list[tuple[str, Node, Version]]:
    """Edge type and parent of each edge of a version."""
    query = (
        select(Edge.type, Node, Version)
        .where(Edge.child_id == version.id, Edge.parent_id == Version.id, Version.node_id == Node.id)
        .order_by(col(Edge.id))
    )
    return list(session.exec(query).all())


def has_descendants(session: Session, version: Version) -> bool:
    return session.exec(select(Edge.id).where(Edge.parent_id == version.id).limit(1)).first() is not None


def walk(session: Session, start: Version, direction: str, max_depth: int) -> tuple[list[int], list[Edge]]:
    """Ids of the versions reached, ``start`` first and then by distance, with every edge on the way.

    ``direction`` is "ancestors" or "descendants"; ``max_depth`` counts edges away from ``start``, 0 means all.
    """
    near, far = ("child_id", "parent_id") if direction == "ancestors" else ("parent_id", "child_id")

    def step(frontier: Sequence[int]) -> Iterable[Edge]:
        return session.exec(select(Edge).where(col(getattr(Edge, near)).in_(frontier)).order_by(col(Edge.id)))

    return _walk(_id(start), step, far, max_depth)


def weights_ancestors(session: Session, version: Version) -> set[int]:
    """Ids of the versions whose weights went into this one's, through edges of weights alone, itself left out."""

    def step(frontier: Sequence[int]) -> Iterable[Edge]:
        query = select(Edge).where(col(Edge.child_id).in_(frontier), col(Edge.type).in_(WEIGHTS_EDGES))
        return session.exec(query)

    own = _id(version)
    return set(_walk(own, step, "parent_id")[0]) - {own}


def _walk(
    start: int, step: Callable[[Sequence[int]], Iterable[Edge]], far: str, max_depth: int = 0
) -> tuple[list[int], list[Edge]]:
    # Level by level, each version once: a diamond costs its edges, not its paths.
    seen, edges, frontier, depth = {start: None}, [], [start], 0
    while frontier and not (max_depth and depth == max_depth):
        found = list(step(frontier))
        edges += found
        frontier = [one for one in dict.fromkeys(getattr(edge, far) for edge in found) if one not in seen]
        seen.update(dict.fromkeys(frontier))
        depth += 1
    return list(seen), edges


def _check_new(session: Session, edge: Edge, child: VersionName, parent: VersionName) -> None:
    same = select(Edge.id).where(
        Edge.child_id == edge.child_id, Edge.type == edge.type, Edge.parent_id == edge.parent_id
    )
    if session.exec(same).first() is not None:
        raise AlreadyExists(
            f"{child} has the edge {edge.type} to {parent} already",
            reason="EDGE_EXISTS",
            remedy="declare each edge once",
            metadata={"resource": str(child), "parent": str(parent)},
        )


def _check_acyclic(session: Session, edge: Edge) -> None:
    def step(frontier: Sequence[int]) -> Iterable[Edge]:
        # Only through drafts: a finalized version stands on finalized ones, so no draft lies above it.
        query = select(Edge).join(Version, col(Edge.child_id) == Version.id)
        return session.exec(query.where(col(Edge.child_id).in_(frontier), Version.state == "draft"))

    parents: dict[int, list[int]] = {}
    for above in _walk(edge.parent_id, step, "parent_id")[1]:
        parents.setdefault(above.child_id, []).append(above.parent_id)
    cycle = find_cycle(parents, edge.child_id, edge.parent_id)
    if cycle:
        names = names_of(session, cycle)
        path = " > ".join(str(names[one]) for one in cycle)
        raise FailedPrecondition(
            f"the edge would make a version its own ancestor: {path}",
            reason="LINEAGE_CYCLE",
            remedy="lineage runs from what was made to what it was made from; turn the edge round or leave it out",
            metadata={"path": path},
        )


def check_depth(max_depth: int) -> int:
    """Raises InvalidArgument for a negative depth."""
    if max_depth < 0:
        raise invalid("max_depth", "must not be negative", remedy="use 0 for all")
    return max_depth


def _id(version: Version) -> int:
    return cast("int", version.id)
