"""Lineages written straight into a database, of any size, without files and calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy
from sqlmodel import Session

from registry.clock import now
from registry.licensing import EdgeType, NodeExposures, inherit
from registry.storage.tables import Edge, Node, Version
from spiritsafe.rpc.names import Collection, NodeName, VersionName


@dataclass(frozen=True)
class Planted:
    """One version of a model or dataset of its own; parents come before children and are named by their place."""

    licenses: Sequence[str] | None = ()
    edges: Sequence[tuple[EdgeType, int]] = ()
    collection: str = "models"
    display_name: str = "acme/tool"
    imported: bool = False
    multimodal: bool = False
    base_family: str = ""
    namespace: str = "default"


def plant(session: Session, versions: Iterable[Planted], first: int = 1) -> dict[int, VersionName]:
    """Inserts finalized versions with their exposures, without verdicts; row ids are ``first`` + place."""
    exposures: dict[int, NodeExposures] = {}
    nodes, rows, edges, names = [], [], [], {}
    for place, one in enumerate(versions):
        row_id = first + place
        links = [(edge, exposures[first + parent]) for edge, parent in one.edges]
        exposures[row_id] = inherit(str(row_id), one.base_family or None, links)
        nodes.append(_node(row_id, one))
        rows.append(_version(row_id, one, exposures[row_id]))
        edges += [
            {"child_id": row_id, "type": edge.value, "parent_id": first + parent} for edge, parent in set(one.edges)
        ]
        name = NodeName(one.namespace, cast("Collection", one.collection), f"n{row_id}")
        names[row_id] = VersionName(name, 1)
    for table, values in ((Node, nodes), (Version, rows), (Edge, edges)):
        if values:
            session.execute(sqlalchemy.insert(table), values)
    session.flush()
    return names


def _node(row_id: int, one: Planted) -> dict[str, Any]:
    return {
        "id": row_id,
        "uid": f"node-{row_id}",
        "namespace": one.namespace,
        "collection": one.collection,
        "slug": f"n{row_id}",
        "display_name": one.display_name,
        "latest_version": 1,
        "creator": "ada",
        "create_time": now(),
        "update_time": now(),
    }


def _version(row_id: int, one: Planted, exposures: NodeExposures) -> dict[str, Any]:
    return {
        "id": row_id,
        "uid": f"version-{row_id}",
        "node_id": row_id,
        "number": 1,
        "kind": "full" if one.collection == "models" else "trajectories",
        "state": "ready",
        "digest": f"{row_id:064}",
        "declared": None if one.licenses is None else list(one.licenses),
        "imported": one.imported,
        "multimodal": one.multimodal,
        "base_family": one.base_family,
        "creator": "ada",
        "create_time": now(),
        "finalize_time": now(),
        "exposures": exposures.to_json(),
        "weight_families": sorted(exposures.families),
    }
