"""Versions and lineage as the contract shows them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import sqlalchemy
from sqlalchemy import Row
from sqlmodel import Session, col

from registry.catalog import deletion
from registry.catalog.lineage import Link, edges_of
from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions.evaluation import deployable, deployable_rows
from registry.errors import etag, invalid
from registry.licensing.effective import effective
from registry.storage.lookup import among, id_list, names_of
from registry.storage.tables import File, Node, Version
from registry.wire import enum_number, license_set
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from spiritsafe.rpc.names import node_texts, version_texts

Pair = tuple[Node, Version]
BASIC = "basic"
# Versions of a lineage that one call judges.
MAX_JUDGED = 5_000
# Messages of the basic view that are kept, of 1 to 2 KB each: pages are asked for again and again, as they were.
MAX_SHOWN = 10_000


def describe_version(session: Session, registry: Registry, node: Node, version: Version) -> version_pb2.Version:
    return describe_versions(session, registry, [(node, version)])[0]


def describe_versions(
    session: Session, registry: Registry, rows: Sequence[Pair], view: str = ""
) -> list[version_pb2.Version]:
    """The messages of these versions, in their order; files, edges and parents' names are read once for all.

    The view ``basic`` leaves files, edges and verdicts out.
    """
    if view == BASIC:
        return [_plain(*row) for row in rows]
    return _described(session, registry, rows, [deployable(session, registry, node, version) for node, version in rows])


def describe_rows(session: Session, registry: Registry, rows: Sequence[Any], view: str) -> list[version_pb2.Version]:
    """The same for rows of registry.catalog.search. The view ``basic`` leaves files, edges and verdicts out."""
    if view == BASIC:
        return [_basic(row) for row in rows]
    known = deployable_rows(session, registry, rows)
    # A row has the columns of both.
    return _described(session, registry, [(row, row) for row in rows], [known[row.id] for row in rows])


def _described(
    session: Session,
    registry: Registry,
    pairs: Sequence[tuple[Any, Any]],
    verdicts: Sequence[Sequence[licensing_pb2.ContextVerdict]],
) -> list[version_pb2.Version]:
    ids = [cast("int", version.id) for _, version in pairs]
    files: dict[int, list[Row[Any]]] = defaultdict(list)
    for file in session.execute(_FILES, {"ids": id_list(ids)}):
        files[file.version_id].append(file)
    edges: dict[int, list[version_pb2.Edge]] = defaultdict(list)
    for child_id, edge in _edges(session, ids):
        edges[child_id].append(edge)
    here = _here(registry, pairs, files)
    messages = []
    for (node, version), id_, known in zip(pairs, ids, verdicts, strict=True):
        message = _plain(node, version)
        message.files.extend(_entry(version, file, here) for file in files[id_])
        message.edges.extend(edges[id_])
        message.deployable.extend(known)
        messages.append(message)
    return messages


def describe_lineage(
    session: Session, registry: Registry, ids: Sequence[int], edges: Sequence[Link], view: str
) -> version_pb2.GetLineageResponse:
    """Nodes in the order of ``ids``; the view ``basic`` leaves licences and verdicts out.

    Raises InvalidArgument for more nodes than are judged in one call.
    """
    if view != BASIC and len(ids) > MAX_JUDGED:
        raise invalid(
            "view",
            f"the lineage has {len(ids)} versions, and {MAX_JUDGED} at most are judged in one call",
            reason="LINEAGE_TOO_LARGE",
            remedy="ask for the basic view, or name a max_depth",
        )
    rows = {row.id: row for row in session.execute(_LINEAGE_ROWS, {"ids": id_list(ids)})}
    names = {id_: version_texts(*node_texts(*row[:3]), row.number)[0] for id_, row in rows.items()}
    verdicts = {} if view == BASIC else deployable_rows(session, registry, list(rows.values()))
    kinds = {row.kind: enum_number(version_pb2.VersionKind, row.kind) for row in rows.values()}
    types = {edge.type: enum_number(version_pb2.EdgeType, edge.type) for edge in edges}
    return version_pb2.GetLineageResponse(
        nodes=[_lineage_node(names[id_], rows[id_], kinds, verdicts.get(id_)) for id_ in ids],
        edges=[
            version_pb2.LineageEdge(child=names[edge.child_id], type=types[edge.type], parent=names[edge.parent_id])
            for edge in edges
        ],
    )


@lru_cache(maxsize=MAX_SHOWN)
def _basic(row: Any) -> version_pb2.Version:
    """The message of a row, which says all that is in it: the same row has the same one. Not to be changed."""
    return _plain(row, row)


def _plain(node: Any, version: Any) -> version_pb2.Version:
    source = version.source_repo or version.source_revision
    return version_pb2.Version(
        name=version_texts(*node_texts(node.namespace, node.collection, node.slug), version.number)[0],
        uid=version.uid,
        public_name=node.display_name,
        kind=enum_number(version_pb2.VersionKind, version.kind),
        state=enum_number(version_pb2.VersionState, version.state),
        description=version.description,
        tags=json.loads(version.tags) if isinstance(version.tags, str) else version.tags,
        digest=version.digest,
        declared_licenses=license_set(_ids(version.declared)),
        detected_licenses=license_set(_ids(version.detected)),
        concluded_licenses=license_set(_ids(version.concluded)),
        imported=version.imported,
        multimodal=version.multimodal,
        base_family=version.base_family,
        source=version_pb2.Source(hub_repo=version.source_repo, revision=version.source_revision) if source else None,
        lineage_completeness=enum_number(version_pb2.LineageCompleteness, version.lineage_completeness),
        stand_in=version.stand_in,
        creator=version.creator,
        create_time=to_timestamp(version.create_time),
        finalize_time=to_timestamp(version.finalize_time),
        etag=etag(version.revision),
        **deletion.times(node, version),
    )


def _ids(known: Sequence[str] | str | None) -> Sequence[str] | None:
    """Licence ids, where they came as the stored document too."""
    return _parsed(known) if isinstance(known, str) else known


@lru_cache(maxsize=1_000)
def _parsed(document: str) -> Sequence[str] | None:
    ids: Sequence[str] | None = json.loads(document)
    return ids


def _here(registry: Registry, pairs: Sequence[tuple[Any, Any]], files: Mapping[int, Sequence[Row[Any]]]) -> set[str]:
    """The content that the store holds, of all the files for which it must be asked."""
    declared = ((version, file) for _, version in pairs for file in files.get(version.id, ()))
    return set(registry.store.sizes(file.sha256 for version, file in declared if not _is_settled(version, file)))


def _is_settled(version: Any, file: Row[Any]) -> bool:
    # A finalized version's own content was verified, so only drafts and external files are worth asking the store.
    return version.state == "ready" and not file.external


def _entry(version: Any, file: Row[Any], here: set[str]) -> version_pb2.FileEntry:
    uploaded = _is_settled(version, file) or file.sha256 in here
    return version_pb2.FileEntry(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        uploaded=uploaded,
        external=file.external,
    )


def _edges(session: Session, child_ids: Sequence[int]) -> list[tuple[int, version_pb2.Edge]]:
    rows = edges_of(session, child_ids)
    if not rows:
        return []
    names = names_of(session, {row.parent_id for row in rows})
    return [
        (
            row.child_id,
            version_pb2.Edge(type=enum_number(version_pb2.EdgeType, row.type), parent=str(names[row.parent_id])),
        )
        for row in rows
    ]


def _lineage_node(
    name: str,
    row: Row[Any],
    kinds: Mapping[str, version_pb2.VersionKind.ValueType],
    verdicts: Sequence[licensing_pb2.ContextVerdict] | None,
) -> version_pb2.LineageNode:
    message = version_pb2.LineageNode(
        name=name, public_name=row.display_name, kind=kinds[row.kind], stand_in=row.stand_in
    )
    if verdicts is not None:
        message.licenses.extend(effective(row.concluded, row.declared, row.detected, row.imported))
        message.deployable.extend(verdicts)
    return message


# Statements are made once, so that they are compiled once.
_FILES = (
    sqlalchemy.select(
        *(col(getattr(File, name)) for name in ("version_id", "path", "size_bytes", "sha256", "external"))
    )
    .where(among(col(File.version_id), "ids"))
    .order_by(col(File.path))
)
_LINEAGE_ROWS = (
    sqlalchemy.select(
        *(col(getattr(Node, name)) for name in ("namespace", "collection", "slug", "display_name")),
        *(col(getattr(Version, name)) for name in ("id", "uid", "node_id", "number", "kind", "state", "stand_in")),
        *(col(getattr(Version, name)) for name in ("concluded", "declared", "detected", "imported")),
    )
    .join(Node, col(Version.node_id) == Node.id)
    .where(among(col(Version.id), "ids"))
)
