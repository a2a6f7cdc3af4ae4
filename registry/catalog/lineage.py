"""Typed edges between versions: adding them to drafts, and walking them either way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, cast

import sqlalchemy
from sqlalchemy import Select
from sqlmodel import Session, col, select

from registry.catalog.rules import check_edge, find_cycle
from registry.errors import invalid
from registry.identity.access import check_namespace
from registry.licensing.vocabulary import WEIGHTS_EDGES
from registry.storage.lookup import among, get_version, id_list, names_of, version_name
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


class Link(NamedTuple):
    """An edge as it was read: a lineage may have a hundred thousand."""

    id: int
    child_id: int
    type: str
    parent_id: int


def edges_of(session: Session, version_ids: Iterable[int]) -> list[Link]:
    """The edges from these versions to their parents, in the order in which they were added."""
    return list(map(Link._make, session.execute(_PARENTS, {"ids": id_list(set(version_ids))})))


def parents_of(session: Session, version: Version) -> list[tuple[str, Node, Version]]:
    """Edge type and parent of each edge of a version."""
    query = (
        select(Edge.type, Node, Version)
        .where(Edge.child_id == version.id, Edge.parent_id == Version.id, Version.node_id == Node.id)
        .order_by(col(Edge.id))
    )
    return list(session.exec(query).all())


def walk(session: Session, start: Version, direction: str, max_depth: int) -> tuple[list[int], list[Link]]:
    """Ids of the versions reached, ``start`` first and then by distance, with every edge on the way.

    ``direction`` is "ancestors" or "descendants"; ``max_depth`` counts edges away from ``start``, 0 means all.
    """
    near, far = ("child_id", "parent_id") if direction == "ancestors" else ("parent_id", "child_id")
    if max_depth:

        def step(frontier: Sequence[int]) -> Sequence[Link]:
            reached = _LINKS.where(among(_COLUMNS[near], "ids")).params(ids=id_list(frontier))
            return _links(session, reached.order_by(col(Edge.id)))

        return _walk(_id(start), step, far, max_depth)
    # All of it by one statement, put in order here: level by level, a statement each would cost more than the rows.
    links: dict[int, list[Link]] = defaultdict(list)
    for link in _links(session, _REACHED[near].params(start=_id(start))):
        links[getattr(link, near)].append(link)
    return _walk(_id(start), lambda frontier: sorted(link for one in frontier for link in links.get(one, ())), far)


def weights_ancestors(session: Session, version: Version) -> set[int]:
    """Ids of the versions whose weights went into this one's, through edges of weights alone, itself left out."""

    def step(frontier: Sequence[int]) -> Sequence[Link]:
        return _links(session, _LINKS.where(col(Edge.child_id).in_(frontier), col(Edge.type).in_(WEIGHTS_EDGES)))

    own = _id(version)
    return set(_walk(own, step, "parent_id")[0]) - {own}


def _walk(
    start: int, step: Callable[[Sequence[int]], Sequence[Link]], far: str, max_depth: int = 0
) -> tuple[list[int], list[Link]]:
    # Level by level, each version once: a diamond costs its edges, not its paths.
    seen: dict[int, None] = {start: None}
    edges: list[Link] = []
    frontier, depth = [start], 0
    beyond = attrgetter(far)
    while frontier and not (max_depth and depth == max_depth):
        found = step(frontier)
        edges += found
        frontier = [one for one in dict.fromkeys(map(beyond, found)) if one not in seen]
        seen.update(dict.fromkeys(frontier))
        depth += 1
    return list(seen), edges


def _links(session: Session, query: Select[Any]) -> list[Link]:
    return list(map(Link._make, session.execute(query)))


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
    def step(frontier: Sequence[int]) -> Sequence[Link]:
        # Only through drafts: a finalized version stands on finalized ones, so no draft lies above it.
        query = _LINKS.join(Version, col(Edge.child_id) == Version.id)
        return _links(session, query.where(col(Edge.child_id).in_(frontier), col(Version.state) == "draft"))

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


_LINKS: Any = sqlalchemy.select(col(Edge.id), col(Edge.child_id), col(Edge.type), col(Edge.parent_id))
# One statement object, so that it is compiled once.
_PARENTS = _LINKS.where(among(col(Edge.child_id), "ids")).order_by(col(Edge.id))
_COLUMNS = {"child_id": col(Edge.child_id), "parent_id": col(Edge.parent_id)}


def _reached(near: str, far: str) -> Select[Any]:
    """Every edge on the way from the version in the parameter ``start``."""
    begin = sqlalchemy.select(sqlalchemy.bindparam("start", type_=sqlalchemy.Integer).label("id"))
    reached = begin.cte("reached", recursive=True)
    reached = reached.union(sqlalchemy.select(_COLUMNS[far]).join(reached, _COLUMNS[near] == reached.c.id))
    joined: Select[Any] = _LINKS.join(reached, _COLUMNS[near] == reached.c.id)
    return joined


# One statement object for each direction, so that it is compiled once.
_REACHED = {"child_id": _reached("child_id", "parent_id"), "parent_id": _reached("parent_id", "child_id")}
