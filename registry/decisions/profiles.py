"""Revisions of licence profiles: this registry's own, over those shipped with the product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, select

from registry.clock import now
from registry.decisions.checks import required_text
from registry.decisions.epoch import Reach, bump_epoch
from registry.errors import check_etag, invalid
from registry.licensing import Profile, ProfileError, load_profiles, parse_profile
from registry.licensing.vocabulary import COMMERCIAL_AGREEMENT, UNKNOWN
from registry.storage.audit import Event
from registry.storage.tables import ProfileRevision
from spiritsafe.rpc.names import check_id

LICENSES = "licenses/"
# What stands for the lack of a licence and for a contract; verdicts rest on their meaning.
_FIXED = (UNKNOWN, COMMERCIAL_AGREEMENT)


def latest_revisions(session: Session, license_ids: Iterable[str] | None = None) -> dict[str, ProfileRevision]:
    """The newest revision of each revised licence, or of those named, by licence id."""
    newest = (
        sqlalchemy.select(
            col(ProfileRevision.license_id), sqlalchemy.func.max(col(ProfileRevision.revision)).label("revision")
        )
        .group_by(col(ProfileRevision.license_id))
        .subquery()
    )
    query = select(ProfileRevision).join(
        newest,
        (col(ProfileRevision.license_id) == newest.c.license_id) & (col(ProfileRevision.revision) == newest.c.revision),
    )
    if license_ids is not None:
        query = query.where(col(ProfileRevision.license_id).in_(list(license_ids)))
    return {row.license_id: row for row in session.exec(query)}


def parse_document(document: Mapping[str, Any], field: str) -> Profile:
    """The profile of a document in the shipped form. Raises InvalidArgument; the message names the field within it."""
    try:
        profile = parse_profile(document)
    except ProfileError as error:
        raise invalid(
            field,
            str(error),
            reason="INVALID_PROFILE",
            remedy="correct the document there; it has the form of the shipped profiles",
        ) from error
    if profile.id in _FIXED:
        raise invalid(
            f"{field}.id",
            f"{profile.id} has a fixed meaning and cannot be revised",
            reason="PROFILE_FIXED",
            remedy="conclude the licence of the version, or choose what the policy says of unknown licences",
        )
    check_id(profile.id, f"{field}.id")
    return profile


def revise(
    session: Session, creator: str, document: Mapping[str, Any], reason: str, etag: str
) -> tuple[Profile, ProfileRevision, Event]:
    """Puts a revision in force; an id that no profile has gets one.

    Raises:
        InvalidArgument: no reason, a malformed document, or one of a profile with a fixed meaning.
        Aborted: another revision is in force than the caller read.
    """
    profile = parse_document(document, "document")
    name = LICENSES + profile.id
    before = latest_revisions(session, [profile.id]).get(profile.id)
    number = before.revision if before else 0
    check_etag(etag, number, name)
    revision = ProfileRevision(
        license_id=profile.id,
        revision=number + 1,
        document=dict(document),
        reason=required_text(reason, "reason"),
        creator=creator,
        create_time=now(),
    )
    session.add(revision)
    epoch = bump_epoch(session, Reach(license=profile.id))
    details = {
        "revision": revision.revision,
        "shipped": profile.id in load_profiles(),
        "document": revision.document,
        "reason": revision.reason,
        "epoch": epoch,
    }
    return profile, revision, Event("license.revised", name, details)
