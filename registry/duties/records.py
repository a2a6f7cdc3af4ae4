"""What is written down about duties: recorded bundles and attestations."""

from __future__ import annotations

import hashlib
import re
from typing import cast
from uuid import uuid4

from sqlmodel import Session, col, select

from registry.clock import now
from registry.context import Registry
from registry.decisions.checks import check_sha256, required_text
from registry.duties.bundle import Bundle
from registry.duties.facts import Facts
from registry.duties.loading import Release
from registry.errors import check_etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.storage.audit import Event
from registry.storage.lookup import version_name
from registry.storage.tables import Attestation, BundleFile, RecordedBundle
from spiritsafe.registry.v1 import duty_pb2
from spiritsafe.rpc.caller import Caller

_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/attestations/(?P<uid>[^/]+)")


def attestation_name(attestation: Attestation) -> str:
    return f"namespaces/{attestation.namespace}/attestations/{attestation.uid}"


def record_bundle(
    session: Session, caller: Caller, release: Release, bundle: Bundle, *, allow_missing: bool
) -> tuple[RecordedBundle, Event]:
    """Notes a bundle that the registry made; its files come into the store with ``store_files``.

    Raises FailedPrecondition when texts are missing and that was not allowed.
    """
    name = str(version_name(release.node, release.version))
    if bundle.missing and not allow_missing:
        lacking = "; ".join(f"{each.path}: {each.detail}" for each in bundle.missing)
        raise wrong_state(
            name,
            f"has a bundle that lacks {len(bundle.missing)} texts: {lacking}",
            reason="BUNDLE_INCOMPLETE",
            remedy="register the texts with their works, or allow them to be missing; their duties stay unmet then",
        )
    lacking_duties = {duty for each in bundle.missing for duty in each.duties}
    row = RecordedBundle(
        version_id=cast("int", release.version.id),
        version_digest=release.version.digest,
        context=release.context,
        outbound_license=release.outbound,
        distributed=release.distributed,
        obligations_digest=bundle.obligations_digest,
        files=[{"path": path, "sha256": _sha256(content)} for path, content in bundle.files.items()],
        missing=[
            {"path": each.path, "license": each.license, "duties": list(each.duties), "detail": each.detail}
            for each in bundle.missing
        ],
        complete=sorted(set(bundle.answers) - lacking_duties),
        recorder=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    digests = {file["sha256"] for file in row.files}
    session.add_all(BundleFile(bundle_id=cast("int", row.id), sha256=sha256) for sha256 in digests)
    fields = ("context", "outbound_license", "distributed", "obligations_digest", "version_digest", "files", "missing")
    return row, Event("bundle.recorded", name, {field: getattr(row, field) for field in fields})


def store_files(registry: Registry, bundle: Bundle) -> None:
    """Puts the files of a bundle into the store; those that are there already cost nothing."""
    for content in bundle.files.values():
        registry.store.put(_sha256(content), len(content), [content])


def newest_bundle(session: Session, release: Release) -> RecordedBundle | None:
    """The bundle recorded last for this very content, context, outbound licence and way of release."""
    query = select(RecordedBundle).where(
        RecordedBundle.version_id == release.version.id,
        RecordedBundle.version_digest == release.version.digest,
        RecordedBundle.context == release.context,
        RecordedBundle.outbound_license == release.outbound,
        RecordedBundle.distributed == release.distributed,
    )
    return session.exec(query.order_by(col(RecordedBundle.id).desc()).limit(1)).first()


def attestations_in_force(session: Session, release: Release, releaser: str = "") -> dict[str, Attestation]:
    """The newest attestation of each duty for this very content in this context.

    That of ``releaser`` stands behind everybody else's: their own word must not hide one that counts.
    """
    query = select(Attestation).where(
        Attestation.version_id == release.version.id,
        Attestation.version_digest == release.version.digest,
        Attestation.context == release.context,
        col(Attestation.revoke_time).is_(None),
    )
    rows = session.exec(query.order_by(col(Attestation.id))).all()
    return {each.duty: each for each in sorted(rows, key=lambda each: each.attester != releaser)}


def attest(
    session: Session,
    registry: Registry,
    caller: Caller,
    release: Release,
    facts: Facts,
    request: duty_pb2.AttestDutyRequest,
) -> tuple[Attestation, Event]:
    """Records that the caller answers for a duty. Raises InvalidArgument for one that the release does not have."""
    name = str(version_name(release.node, release.version))
    ids = [duty.id for duty in facts.duties]
    if request.duty not in ids:
        raise invalid(
            "duty",
            f"{request.duty!r} is no duty of {name} in this context",
            reason="NO_SUCH_DUTY",
            remedy=f"choose one of {', '.join(ids)}" if ids else "it has none",
        )
    row = Attestation(
        uid=uuid4().hex,
        namespace=release.node.namespace,
        version_id=cast("int", release.version.id),
        version_digest=release.version.digest,
        context=release.context,
        duty=request.duty,
        statement=required_text(request.statement, "statement"),
        evidence_sha256=request.evidence_sha256 and check_sha256(request.evidence_sha256, "evidence_sha256"),
        attester=caller.identity,
        self_administered=registry.embedded,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    return row, Event("duty.attested", name, _details(row))


def revoke(session: Session, caller: Caller, request: duty_pb2.RevokeAttestationRequest) -> tuple[Attestation, Event]:
    """Ends an attestation from now on. Raises FailedPrecondition when that was done before."""
    row = get_attestation(session, caller, request.name)
    check_etag(request.etag, row.revision, request.name)
    rationale = required_text(request.rationale, "rationale")
    if row.revoke_time is not None:
        raise wrong_state(request.name, "is revoked already", reason="ATTESTATION_REVOKED")
    row.revoke_time = now()
    row.revision += 1
    session.add(row)
    return row, Event("attestation.revoked", request.name, _details(row) | {"rationale": rationale})


def get_attestation(session: Session, caller: Caller, name: str) -> Attestation:
    """The attestation of that name. Raises InvalidArgument, PermissionDenied or NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        form = "namespaces/NAMESPACE/attestations/ATTESTATION"
        raise invalid("name", f"{name!r} is not of the form {form}", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    query = select(Attestation).where(Attestation.namespace == match["namespace"], Attestation.uid == match["uid"])
    row = session.exec(query).first()
    if row is None:
        raise not_found(name)
    return row


def _details(row: Attestation) -> dict[str, object]:
    fields = ("context", "duty", "statement", "evidence_sha256", "self_administered", "version_digest")
    return {field: getattr(row, field) for field in fields} | {"attestation": attestation_name(row)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
