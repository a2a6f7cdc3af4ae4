"""The life of a version: declared as a draft, finalized once, from then on immutable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import defer
from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import Select

from registry.catalog.fields import check_licenses, check_line, check_tags, check_text
from registry.catalog.lineage import add_edge, has_descendants, parents_of
from registry.catalog.manifest import check_manifest, manifest_digest
from registry.catalog.rules import check_external, check_files_declared, check_kind
from registry.clock import now
from registry.context import Registry
from registry.decisions.evaluation import deployable
from registry.errors import wrong_state
from registry.licensing.exposures import NodeExposures, inherit
from registry.licensing.vocabulary import EdgeType
from registry.listing import filters
from registry.listing.paging import Page
from registry.storage.audit import Event
from registry.storage.lookup import get_node, version_name
from registry.storage.tables import (
    Attestation,
    Channel,
    Edge,
    EvaluationReport,
    File,
    Finding,
    LastVerdict,
    Node,
    Promotion,
    RecordedBundle,
    Review,
    Version,
)
from registry.wire import EnumType, enum_number, enum_text
from spiritsafe.errors import FailedPrecondition, SpiritsafeError
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import NodeName

DRAFT, READY = "draft", "ready"
ANY = "-"
# Rows that one call looks at when a filter asks for verdicts: a page may then be short, but never slow.
SCAN_LIMIT = 200
_FILTERABLE = ("kind", "state", "stand_in", "tags.", "deployable.")
_COLUMNS = {
    "kind": col(Version.kind),
    "state": col(Version.state),
    "stand_in": col(Version.stand_in),
    "tags": col(Version.tags),
}
_VALUES: Mapping[str, EnumType] = {
    "kind": version_pb2.VersionKind,
    "state": version_pb2.VersionState,
    "deployable": licensing_pb2.Verdict,
}


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
    session.add_all(
        File(
            version_id=version.id,
            path=file.path,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            external=file.external,
        )
        for file in given.files
    )
    parents = [
        str(add_edge(session, caller, (node, version), edge, f"version.edges[{index}]"))
        for index, edge in enumerate(given.edges)
    ]
    details = {"kind": kind, "digest": version.digest, "files": len(given.files), "parents": parents}
    return version, Event("version.created", str(version_name(node, version)), details)


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


def remove(session: Session, node: Node, version: Version) -> Event:
    """Deletes a version with its files, edges and findings; its number is not given again, content stays in the store.

    Raises FailedPrecondition when something descends from it, a channel holds it, or recorded decisions rest on it.
    """
    name = str(version_name(node, version))
    if has_descendants(session, version):
        raise _kept(name, "has descendants", "HAS_DESCENDANTS", "delete them first")
    if _refers(session, Channel.version_id, version):
        raise _kept(name, "is held by a channel", "IN_CHANNEL", "promote another version or roll back first")
    history = (
        *(Promotion.version_id, Promotion.previous_version_id, Review.version_id, Review.origin_id),
        *(EvaluationReport.version_id, EvaluationReport.baseline_id, EvaluationReport.dataset_id),
        *(RecordedBundle.version_id, Attestation.version_id),
    )
    if any(_refers(session, column, version) for column in history):
        why = "is named by recorded promotions, reviews, evaluation reports, bundles or attestations"
        raise _kept(name, why, "HAS_HISTORY", "keep it: history must resolve")
    owned = ((File, File.version_id), (Edge, Edge.child_id), (LastVerdict, LastVerdict.version_id))
    for table, column in (*owned, (Finding, Finding.version_id)):
        session.exec(delete(table).where(col(column) == version.id))
    session.delete(version)
    return Event("version.deleted", name, {"state": version.state, "digest": version.digest})


def check_draft(node: Node, version: Version) -> None:
    """Raises FailedPrecondition when the version is finalized."""
    if version.state != DRAFT:
        raise wrong_state(
            str(version_name(node, version)),
            "is finalized and therefore immutable",
            reason="VERSION_IMMUTABLE",
            remedy="create a new version with the change",
        )


def list_page(
    session: Session, registry: Registry, parent: NodeName, page: Page, filter_: str
) -> tuple[Sequence[tuple[Node, Version]], str]:
    """Versions newest first, with the next page token; the id "-" stands for all models or datasets of a namespace.

    A condition on `deployable` holds for finalized versions only; with one, a page may be short although more follow.
    """
    conditions = _conditions(filter_)
    # Both keys grow with time; within one model the number has an index.
    key = "id" if parent.id == ANY else "number"
    order = col(getattr(Version, key))
    query = _under(session, parent).order_by(order.desc())
    for condition in conditions:
        if condition.name in _COLUMNS:
            query = query.where(filters.where(condition, _COLUMNS))
    if page.after is not None:
        query = query.where(order < page.after)

    def key_of(row: tuple[Node, Version]) -> int:
        return int(getattr(row[1], key))

    verdicts = [condition for condition in conditions if condition.name == "deployable"]
    if not verdicts:
        return page.cut(session.exec(query.limit(page.size + 1)).all(), key_of)
    rows = session.exec(query.where(Version.state == READY).limit(SCAN_LIMIT + 1)).all()
    return page.cut_matching(rows, SCAN_LIMIT, key_of, lambda row: _deployable(session, registry, *row, verdicts))


def _under(session: Session, parent: NodeName) -> Select[Node, Version]:
    # Exposures can be long, and a remembered verdict does not need them.
    query = select(Node, Version).where(Version.node_id == Node.id)
    query = query.options(defer(Version.exposures))  # type: ignore[arg-type] # a column at class level
    if parent.id == ANY:
        return query.where(Node.namespace == parent.namespace, Node.collection == parent.collection)
    return query.where(Node.id == get_node(session, parent, "parent").id)


def _conditions(filter_: str) -> list[filters.Condition]:
    conditions = filters.parse(filter_, _FILTERABLE)
    for condition in conditions:
        if condition.name in _VALUES:
            enum_number(_VALUES[condition.name], condition.value, "filter")
        if condition.name == "deployable":
            enum_number(licensing_pb2.Context, condition.key, "filter")
    return conditions


def _deployable(
    session: Session, registry: Registry, node: Node, version: Version, conditions: Sequence[filters.Condition]
) -> bool:
    verdicts = {
        enum_text(licensing_pb2.Context, each.context): enum_text(licensing_pb2.Verdict, each.verdict)
        for each in deployable(session, registry, node, version)
    }
    return all(condition.holds(verdicts.get(condition.key)) for condition in conditions)


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
        stand_in=given.stand_in,
        creator=caller.identity,
        create_time=now(),
    )


def _kept(name: str, why: str, reason: str, remedy: str) -> FailedPrecondition:
    return wrong_state(name, f"cannot be deleted: it {why}", reason=reason, remedy=remedy)


def _refers(session: Session, column: Any, version: Version) -> bool:
    return session.exec(select(column).where(column == version.id).limit(1)).first() is not None
