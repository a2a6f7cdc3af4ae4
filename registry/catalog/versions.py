"""The life of a version: declared as a draft, finalized once, from then on immutable."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy
from google.protobuf.field_mask_pb2 import FieldMask
from sqlmodel import Session

from registry.catalog.fields import check_licenses, check_line, check_tags, check_text, masked
from registry.catalog.lineage import add_edge, parents_of
from registry.catalog.manifest import check_manifest, manifest_digest
from registry.catalog.rules import check_external, check_files_declared, check_kind
from registry.clock import now
from registry.errors import wrong_state
from registry.licensing.exposures import NodeExposures, inherit
from registry.licensing.vocabulary import EdgeType
from registry.storage.audit import Event
from registry.storage.lookup import version_name
from registry.storage.tables import (
    File,
    Node,
    Version,
)
from registry.wire import enum_text
from spiritsafe.errors import SpiritsafeError
from spiritsafe.registry.v1 import version_pb2
from spiritsafe.rpc.caller import Caller

DRAFT, READY = "draft", "ready"
UPDATABLE = ("description", "tags")


def create(session: Session, caller: Caller, node: Node, given: version_pb2.Version) -> tuple[Version, Event]:
    """Declares a draft with the next number. Output-only fields of ``given`` are ignored.

    Raises InvalidArgument for a bad manifest, kind or edge, NotFound for an unknown parent.
    """
    kind = enum_text(version_pb2.VersionKind, given.kind, "version.kind")
    check_kind(kind, node.collection)
    check_files_declared(given.imported, len(given.files))
    check_external(
        [each.external for each in given.files], given.imported, given.source.hub_repo, given.source.revision
    )
    check_manifest(given.files)
    node.latest_version += 1
    version = _row(node, caller, kind, given)
    session.add_all([node, version])
    session.flush()
    assert version.id is not None
    rows = [
        {
            "version_id": version.id,
            "path": file.path,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "external": file.external,
        }
        for file in given.files
    ]
    if rows:
        session.execute(_FILES, rows)
    parents = [
        str(add_edge(session, caller, (node, version), edge, f"version.edges[{index}]"))
        for index, edge in enumerate(given.edges)
    ]
    details = {"kind": kind, "digest": version.digest, "files": len(given.files), "parents": parents}
    return version, Event("version.created", str(version_name(node, version)), details)


# Rows and no objects: a version may have thousands.
_FILES = sqlalchemy.insert(File.__table__)  # type: ignore[attr-defined] # SQLModel types no tables


def extend(session: Session, caller: Caller, node: Node, version: Version, edge: version_pb2.Edge) -> Event:
    """Adds an edge to a draft. Raises FailedPrecondition for any other version and for a cycle; see ``add_edge``."""
    check_draft(node, version)
    parent = add_edge(session, caller, (node, version), edge, "edge")
    version.revision += 1
    session.add(version)
    details = {"edge": enum_text(version_pb2.EdgeType, edge.type), "parent": str(parent)}
    return Event("version.edge_added", str(version_name(node, version)), details)


def finalize(session: Session, node: Node, version: Version, problem: SpiritsafeError | None) -> Event:
    """Makes a draft immutable, and stores what it inherits from its parents.

    ``problem`` is what verifying its files found. Raises it, or FailedPrecondition when the version is no draft, is an
    adapter without a base, or stands on a draft.
    """
    name = str(version_name(node, version))
    check_draft(node, version)
    if problem is not None:
        raise problem
    parents = parents_of(session, version)
    if version.kind == "adapter" and EdgeType.ADAPTER not in [type_ for type_, _, _ in parents]:
        raise wrong_state(
            name, "is an adapter without a base", reason="ADAPTER_WITHOUT_BASE", remedy="add its adapter edge"
        )
    links = []
    for type_, parent_node, parent in parents:
        if parent.exposures is None:
            raise wrong_state(
                str(version_name(parent_node, parent)),
                f"is a draft, so {name} cannot stand on it",
                reason="PARENT_NOT_READY",
                remedy="finalize the parent first",
            )
        links.append((EdgeType(type_), NodeExposures.from_json(parent.exposures)))
    # Exposures name their nodes by row id, which no renaming can change; names are looked up when they are shown.
    inherited = inherit(str(version.id), version.base_family or None, links)
    version.exposures = inherited.to_json()
    version.weight_families = sorted(inherited.families)
    version.state = READY
    version.finalize_time = now()
    version.revision += 1
    session.add(version)
    session.flush()
    names = [str(version_name(parent_node, parent)) for _, parent_node, parent in parents]
    return Event("version.finalized", name, {"digest": version.digest, "parents": names})


def check_draft(node: Node, version: Version) -> None:
    """Raises FailedPrecondition when the version is finalized."""
    if version.state != DRAFT:
        raise wrong_state(
            str(version_name(node, version)),
            "is finalized and therefore immutable",
            reason="VERSION_IMMUTABLE",
            remedy="create a new version with the change",
        )


def update(session: Session, node: Node, version: Version, given: version_pb2.Version, mask: FieldMask) -> Event:
    """Changes what people say about a version, which is no part of what it is: description and tags.

    Without a mask those that are set (AIP-134). Raises InvalidArgument.
    """
    fields = masked(given, mask, UPDATABLE)
    if "description" in fields:
        version.description = check_text(given.description, "version.description")
    if "tags" in fields:
        version.tags = check_tags(given.tags, "version.tags")
    version.revision += 1
    session.add(version)
    session.flush()
    return Event("version.updated", str(version_name(node, version)), {"fields": fields})


def _row(node: Node, caller: Caller, kind: str, given: version_pb2.Version) -> Version:
    declared = given.declared_licenses.ids if given.HasField("declared_licenses") else None
    assert node.id is not None
    return Version(
        uid=uuid4().hex,
        node_id=node.id,
        number=node.latest_version,
        kind=kind,
        description=check_text(given.description, "version.description"),
        tags=check_tags(given.tags, "version.tags"),
        digest=manifest_digest(given.files),
        declared=None if declared is None else check_licenses(declared, "version.declared_licenses"),
        imported=given.imported,
        multimodal=given.multimodal,
        base_family=check_line(given.base_family, "version.base_family"),
        source_repo=check_line(given.source.hub_repo, "version.source.hub_repo"),
        source_revision=check_line(given.source.revision, "version.source.revision"),
        lineage_completeness=enum_text(
            version_pb2.LineageCompleteness, given.lineage_completeness, "version.lineage_completeness"
        ),
        weight_families=[],
        stand_in=given.stand_in,
        creator=caller.identity,
        create_time=now(),
    )
