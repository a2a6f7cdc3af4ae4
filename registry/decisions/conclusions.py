"""Conclusions: which licences a person decided that a version has, instead of the declared and detected ones."""

from __future__ import annotations

from typing import cast

from sqlmodel import Session

from registry.decisions.checks import check_four_eyes, check_license_id, distinct, required_text
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.findings import answer_license_questions
from registry.decisions.rules import current_rules
from registry.errors import check_etag, etag, invalid, wrong_state
from registry.licensing import Catalogue
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import Version
from registry.wire import license_set
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName


def conclude(
    session: Session, caller: Caller, of: VersionName, request: licensing_pb2.ConcludeLicensesRequest
) -> tuple[licensing_pb2.ConcludeLicensesResponse, Event]:
    """Records the conclusion; every verdict of the version and its descendants follows it from now on.

    It answers the open findings that ask which licences the version has.

    Raises:
        InvalidArgument: no rationale, a licence without a profile, or none at all for somebody else's work.
        FailedPrecondition: the version is a draft.
        PermissionDenied: the caller registered the version.
    """
    _, version = get_version(session, of)
    name = str(of)
    check_four_eyes(caller.identity, f"conclude the licences of {name}", {"creator": version.creator})
    check_etag(request.etag, version.revision, name)
    rationale = required_text(request.rationale, "rationale")
    if version.state != "ready":
        raise wrong_state(name, "is a draft", reason="VERSION_NOT_READY", remedy="finalize it first")
    before, concluded = version.concluded, _licenses(request, version, current_rules(session).catalogue)
    version.concluded = concluded
    version.revision += 1
    session.add(version)
    answered = answer_license_questions(session, caller, version, rationale)
    epoch = bump_epoch(session, Reach(version_ids=(cast("int", version.id),)))
    response = licensing_pb2.ConcludeLicensesResponse(licenses=license_set(concluded), etag=etag(version.revision))
    details = {"before": before, "concluded": concluded, "rationale": rationale, "epoch": epoch}
    return response, Event("version.licenses_concluded", name, details | ({"findings": answered} if answered else {}))


def _licenses(request: licensing_pb2.ConcludeLicensesRequest, version: Version, catalogue: Catalogue) -> list[str]:
    if not request.HasField("licenses"):
        raise invalid("licenses", "must be given", reason="REQUIRED_FIELD", remedy="name the concluded licences")
    ids = distinct(check_license_id(catalogue, each, "licenses") for each in request.licenses.ids)
    if version.imported and not ids:
        raise invalid(
            "licenses",
            "somebody else's work is never without a licence",
            reason="EMPTY_CONCLUSION",
            remedy="name the licences that its files or its publisher show",
        )
    return ids
