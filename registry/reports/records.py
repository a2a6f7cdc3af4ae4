"""Recording reports, and finding those that hold for a version."""

from __future__ import annotations

from typing import cast
from uuid import uuid4

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from registry.catalog.files import files_of
from registry.catalog.lineage import weights_ancestors
from registry.catalog.manifest import weights_digest
from registry.catalog.rules import MODELS
from registry.clock import now
from registry.errors import invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.reports.figures import check_categories
from registry.storage.audit import Event
from registry.storage.lookup import get_version, version_name
from registry.storage.tables import EvaluationReport, Node, Version
from spiritsafe.registry.v1 import evaluation_report_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import EvaluationReportName, VersionName

_FIELD = "evaluation_report"


def record(
    session: Session, caller: Caller, subject: VersionName, given: evaluation_report_pb2.EvaluationReport
) -> tuple[EvaluationReport, Event]:
    """Records a report on ``subject``. Output-only fields of ``given`` are ignored.

    Raises:
        InvalidArgument: counts that cannot be; a baseline that is no base, or none of the subject's; a dataset that is
            not for evaluation.
        NotFound: there is no such subject, baseline or dataset.
        PermissionDenied: baseline or dataset are in a namespace out of reach.
        FailedPrecondition: the subject has no weight files, or it or the dataset is a draft.
    """
    node, version = get_version(session, subject, "parent")
    digest = _check_subject(session, node, version)
    row = EvaluationReport(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=cast("int", version.id),
        baseline_id=_baseline(session, caller, given.baseline, version, subject),
        dataset_id=_dataset(session, caller, given.dataset),
        weights_sha256=digest,
        categories=list(map(dict, check_categories(given.categories, f"{_FIELD}.categories"))),
        creator=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    details = {
        "baseline": given.baseline,
        "dataset": given.dataset,
        "weights_sha256": digest,
        "categories": row.categories,
    }
    return row, Event("evaluation_report.created", str(EvaluationReportName(subject, row.uid)), details)


def get_report(session: Session, caller: Caller, name: str) -> EvaluationReport:
    """The report of that name. Raises InvalidArgument, PermissionDenied or NotFound."""
    parsed = EvaluationReportName.parse(name)
    check_namespace(caller, parsed.version.node.namespace)
    _, version = get_version(session, parsed.version)
    query = select(EvaluationReport).where(EvaluationReport.version_id == version.id, EvaluationReport.uid == parsed.id)
    report = session.exec(query).first()
    if report is None:
        raise not_found(name)
    return report


def holding_for(session: Session, node: Node, version: Version) -> SelectOfScalar[EvaluationReport]:
    """The reports of the namespace on the version's weights, against a base that they were made from.

    The second condition matters for an adapter: the same file on top of another base is another model.
    """
    return select(EvaluationReport).where(
        EvaluationReport.namespace == node.namespace,
        EvaluationReport.weights_sha256 == weights_digest(files_of(session, [version.id])),
        col(EvaluationReport.baseline_id).in_(weights_ancestors(session, version)),
    )


def newest_by_dataset(session: Session, node: Node, version: Version) -> list[EvaluationReport]:
    """Of the reports that hold for a version, the newest of each evaluation dataset, oldest first."""
    rows = session.exec(holding_for(session, node, version).order_by(col(EvaluationReport.id)))
    newest = {row.dataset_id: row for row in rows}
    return sorted(newest.values(), key=lambda row: row.id or 0)


def _check_subject(session: Session, node: Node, version: Version) -> str:
    """The digest of its weights."""
    name = str(version_name(node, version))
    if node.collection != MODELS:
        raise invalid("parent", f"{name} is a dataset; a report is about a model", reason="NOT_A_MODEL")
    if version.state != "ready":
        raise wrong_state(
            name,
            "is a draft; only a finalized version has weights to evaluate",
            reason="VERSION_NOT_READY",
            remedy="upload the missing files and finalize it",
        )
    digest = weights_digest(files_of(session, [version.id]))
    if not digest:
        raise wrong_state(
            name,
            "has no weight files (safetensors, GGUF), and a report is about weights",
            reason="NO_WEIGHTS",
            remedy="register a version with its weights, and record the report on that",
        )
    return digest


def _baseline(session: Session, caller: Caller, given: str, version: Version, subject: VersionName) -> int:
    field = f"{_FIELD}.baseline"
    name = VersionName.parse(given, field)
    check_namespace(caller, name.node.namespace)
    _, baseline = get_version(session, name, field)
    if baseline.kind != "base":
        raise invalid(
            field,
            f"{name} is of kind {baseline.kind}, not base",
            reason="NOT_A_BASE",
            remedy="name the untouched base that the weights were made from",
        )
    if baseline.id not in weights_ancestors(session, version):
        raise invalid(
            field,
            f"the weights of {subject} were not made from {name}",
            reason="NOT_AN_ANCESTOR",
            remedy=f"name a base from which edges of weights lead to it; spiritsafe lineage show {subject.short}",
        )
    return baseline.id


def _dataset(session: Session, caller: Caller, given: str) -> int:
    field = f"{_FIELD}.dataset"
    name = VersionName.parse(given, field)
    check_namespace(caller, name.node.namespace)
    _, dataset = get_version(session, name, field)
    if dataset.kind != "evaluation":
        raise invalid(
            field,
            f"{name} is of kind {dataset.kind}, not evaluation",
            reason="NOT_EVALUATION_DATA",
            remedy="name the dataset that holds the scenarios; its versions are of kind evaluation",
        )
    if dataset.state != "ready":
        raise wrong_state(
            str(name),
            "is a draft; what was evaluated on must not change any more",
            reason="VERSION_NOT_READY",
            remedy="upload its missing files and finalize it",
        )
    return cast("int", dataset.id)
