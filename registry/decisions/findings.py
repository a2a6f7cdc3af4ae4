"""Findings of scans, and what people conclude about them."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlmodel import Session, col, select

from registry.clock import now
from registry.decisions.checks import check_four_eyes, required_text
from registry.decisions.epoch import Reach, bump_epoch
from registry.errors import check_etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.licensing.findings import LICENSE_QUESTIONS, FindingCode
from registry.storage.audit import Event
from registry.storage.tables import Finding, Version
from spiritsafe.registry.v1 import finding_pb2
from spiritsafe.rpc.caller import Caller

OPEN, CONCLUDED = "open", "concluded"
_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/findings/(?P<uid>[^/]+)")


def finding_name(finding: Finding) -> str:
    return f"namespaces/{finding.namespace}/findings/{finding.uid}"


def get_finding(session: Session, caller: Caller, name: str) -> Finding:
    """The finding of that name. Raises InvalidArgument, PermissionDenied for a namespace out of reach, or NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        description = f"{name!r} is not of the form namespaces/NAMESPACE/findings/FINDING"
        raise invalid("name", description, reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    query = select(Finding).where(Finding.namespace == match["namespace"], Finding.uid == match["uid"])
    finding = session.exec(query).first()
    if finding is None:
        raise not_found(name)
    return finding


def conclude(session: Session, caller: Caller, request: finding_pb2.ConcludeFindingRequest) -> tuple[Finding, Event]:
    """Records that a person looked into it; an alert is none from then on. The licences that count stay the same.

    Raises:
        InvalidArgument: no rationale.
        FailedPrecondition: it is not open.
        PermissionDenied: the caller registered the version.
    """
    finding = get_finding(session, caller, request.name)
    if finding.state != OPEN:
        raise wrong_state(
            request.name,
            f"is {finding.state}",
            reason="FINDING_NOT_OPEN",
            remedy="only an open finding can be concluded",
        )
    check_etag(request.etag, finding.revision, request.name)
    version = session.get_one(Version, finding.version_id)
    check_four_eyes(caller.identity, f"conclude {request.name}", {"creator": version.creator})
    _close(finding, caller, required_text(request.rationale, "rationale"))
    session.add(finding)
    epoch = bump_epoch(session, Reach(version_ids=(finding.version_id,)))
    details = {"code": finding.code, "file": finding.file, "rationale": finding.rationale, "epoch": epoch}
    return finding, Event("finding.concluded", request.name, details)


def answer_license_questions(session: Session, caller: Caller, version: Version, rationale: str) -> list[str]:
    """Concludes the open findings that ask for the version's licences, when these are concluded; gives their names."""
    rows = _open_ones(session, version, LICENSE_QUESTIONS)
    for row in rows:
        _close(row, caller, rationale)
    session.add_all(rows)
    return [finding_name(row) for row in rows]


def _open_ones(session: Session, version: Version, codes: Collection[FindingCode]) -> list[Finding]:
    query = select(Finding).where(Finding.version_id == version.id, Finding.state == OPEN, col(Finding.code).in_(codes))
    return list(session.exec(query.order_by(col(Finding.id))))


def _close(finding: Finding, caller: Caller, rationale: str) -> None:
    finding.state = CONCLUDED
    finding.reviewer = caller.identity
    finding.rationale = rationale
    finding.conclude_time = now()
    finding.revision += 1
