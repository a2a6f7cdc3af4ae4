"""Policies: whole settings documents, each a revision that is added and never changed. Revision 0 is as shipped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from registry.clock import now
from registry.decisions.checks import required_text
from registry.decisions.epoch import bump_epoch
from registry.errors import check_etag, invalid, not_found
from registry.licensing import Policy, PolicyError
from registry.storage.audit import Event
from registry.storage.tables import PolicyRevision

SHIPPED = PolicyRevision(
    revision=0, settings=dict(Policy().to_mapping()), reason="as shipped", creator="", create_time=0
)
_NAME = re.compile(r"policies/(?P<revision>0|[1-9][0-9]{0,8}|current)")


def policy_name(policy: PolicyRevision) -> str:
    return f"policies/{policy.revision}"


def current_policy(session: Session) -> PolicyRevision:
    """The revision in force."""
    query = select(PolicyRevision).order_by(col(PolicyRevision.revision).desc()).limit(1)
    return session.exec(query).first() or SHIPPED


def get_policy(session: Session, name: str) -> PolicyRevision:
    """The revision of that name. Raises InvalidArgument for a malformed name, NotFound for one that there is not."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid("name", f"{name!r} is not of the form policies/REVISION or policies/current")
    if match["revision"] == "current":
        return current_policy(session)
    revision = int(match["revision"])
    found = session.get(PolicyRevision, revision) if revision else SHIPPED
    if found is None:
        raise not_found(name)
    return found


def list_policies(session: Session, before: int | None, limit: int) -> list[PolicyRevision]:
    """Revisions below ``before`` (None for all), newest first; the shipped one is the last."""
    query = select(PolicyRevision).order_by(col(PolicyRevision.revision).desc()).limit(limit)
    if before is not None:
        query = query.where(PolicyRevision.revision < before)
    found = list(session.exec(query))
    return [*found, SHIPPED] if len(found) < limit and before != SHIPPED.revision else found


def parse_settings(settings: Mapping[str, Any], field: str) -> Policy:
    """The policy of a whole settings document. Raises InvalidArgument that names the setting."""
    try:
        return Policy.from_document(settings)
    except PolicyError as error:
        raise invalid(
            f"{field}.{error.setting}",
            str(error),
            reason="INVALID_POLICY",
            remedy="give every setting; GetPolicy shows the document in force",
        ) from error


def create(
    session: Session, creator: str, settings: Mapping[str, Any], reason: str, etag: str
) -> tuple[PolicyRevision, Event]:
    """Puts a new revision in force.

    Raises:
        InvalidArgument: no reason, or a setting or value that is unknown or missing.
        Aborted: another revision is in force than the caller read.
    """
    policy = parse_settings(settings, "settings")
    before = current_policy(session)
    check_etag(etag, before.revision, "policies/current")
    created = PolicyRevision(
        revision=before.revision + 1,
        settings=dict(policy.to_mapping()),
        reason=required_text(reason, "reason"),
        creator=creator,
        create_time=now(),
    )
    session.add(created)
    epoch = bump_epoch(session)
    details = {"before": before.settings, "settings": created.settings, "reason": created.reason, "epoch": epoch}
    return created, Event("policy.created", policy_name(created), details)
