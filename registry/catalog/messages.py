"""Versions and lineage as the contract shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from sqlmodel import Session

from registry.catalog.files import files_of
from registry.catalog.lineage import edges_of
from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions.evaluation import deployable, effective_licenses
from registry.errors import etag
from registry.storage.lookup import names_of, rows_of, version_name
from registry.storage.tables import Edge, File, Node, Version
from registry.wire import enum_number, license_set
from spiritsafe.registry.v1 import version_pb2

Row = tuple[Node, Version]


def describe_version(session: Session, registry: Registry, node: Node, version: Version) -> version_pb2.Version:
    return describe_versions(session, registry, [(node, version)])[0]


def describe_versions(session: Session, registry: Registry, rows: Sequence[Row]) -> list[version_pb2.Version]:
    """The messages of these versions, in their order; files, edges and parents' names are read once for all."""
    ids = [cast("int", version.id) for _, version in rows]
    files: dict[int, list[File]] = defaultdict(list)
    for file in files_of(session, ids):
        files[file.version_id].append(file)
    edges: dict[int, list[version_pb2.Edge]] = defaultdict(list)
    for child_id, edge in _edges(session, ids):
        edges[child_id].append(edge)
    messages = []
    for (node, version), id_ in zip(rows, ids, strict=True):
        message = _plain(node, version)
        message.files.extend(_entry(registry, version, file) for file in files[id_])
        message.edges.extend(edges[id_])
        message.deployable.extend(deployable(session, registry, node, version))
        messages.append(message)
    return messages


def describe_lineage(
    session: Session, registry: Registry, ids: Sequence[int], edges: Sequence[Edge]
) -> version_pb2.GetLineageResponse:
    """Nodes in the order of ``ids``."""
    rows = rows_of(session, ids)
    names = {id_: str(version_name(*row)) for id_, row in rows.items()}
    return version_pb2.GetLineageResponse(
        nodes=[_lineage_node(session, registry, *rows[id_]) for id_ in ids],
        edges=[
            version_pb2.LineageEdge(
                child=names[edge.child_id],
                type=enum_number(version_pb2.EdgeType, edge.type),
                parent=names[edge.parent_id],
            )
            for edge in edges
        ],
    )


def _plain(node: Node, version: Version) -> version_pb2.Version:
    source = version_pb2.Source(hub_repo=version.source_repo, revision=version.source_revision)
    return version_pb2.Version(
        name=str(version_name(node, version)),
        uid=version.uid,
        public_name=node.display_name,
        kind=enum_number(version_pb2.VersionKind, version.kind),
        state=enum_number(version_pb2.VersionState, version.state),
        description=version.description,
        tags=version.tags,
        digest=version.digest,
        declared_licenses=license_set(version.declared),
        detected_licenses=license_set(version.detected),
        concluded_licenses=license_set(version.concluded),
        imported=version.imported,
        multimodal=version.multimodal,
        base_family=version.base_family,
        source=source if version.source_repo or version.source_revision else None,
        lineage_completeness=enum_number(version_pb2.LineageCompleteness, version.lineage_completeness),
        stand_in=version.stand_in,
        creator=version.creator,
        create_time=to_timestamp(version.create_time),
        finalize_time=to_timestamp(version.finalize_time),
        etag=etag(version.revision),
    )


def _entry(registry: Registry, version: Version, file: File) -> version_pb2.FileEntry:
    # A finalized version's own content was verified, so only drafts and external files are worth asking the store.
    uploaded = (version.state == "ready" and not file.external) or registry.store.has(file.sha256)
    return version_pb2.FileEntry(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        uploaded=uploaded,
        external=file.external,
    )


def _edges(session: Session, child_ids: Sequence[int]) -> list[tuple[int, version_pb2.Edge]]:
    rows = edges_of(session, child_ids)
    names = names_of(session, {row.parent_id for row in rows})
    return [
        (
            row.child_id,
            version_pb2.Edge(type=enum_number(version_pb2.EdgeType, row.type), parent=str(names[row.parent_id])),
        )
        for row in rows
    ]


def _lineage_node(session: Session, registry: Registry, node: Node, version: Version) -> version_pb2.LineageNode:
    return version_pb2.LineageNode(
        name=str(version_name(node, version)),
        public_name=node.display_name,
        kind=enum_number(version_pb2.VersionKind, version.kind),
        licenses=effective_licenses(version),
        stand_in=version.stand_in,
        deployable=deployable(session, registry, node, version),
    )
