"""Signatures of a version's manifest digest: DSSE envelopes with an in-toto statement, kept beside the version.

What a signature means is the signer's business; the registry checks that it is one, and policies say whose they want.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlmodel import Session, col, select

from registry.clock import now, to_timestamp
from registry.errors import already_exists, invalid, wrong_state
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import Signature, Version
from spiritsafe.errors import SpiritsafeError
from spiritsafe.evidence import STATEMENT_TYPE, Verified, parse_envelope, verify_envelope
from spiritsafe.registry.v1 import channel_policy_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

MAX_ENVELOPE_CHARACTERS = 1 << 20


def attach(
    session: Session, caller: Caller, name: VersionName, request: channel_policy_pb2.AttachSignatureRequest
) -> tuple[Signature, Event]:
    """Keeps a signature that verifies.

    Raises:
        InvalidArgument: it does not verify with the key, or does not name this version's digest.
        FailedPrecondition: the version is a draft.
        AlreadyExists: it is signed with this key.
    """
    _, version = get_version(session, name, "version")
    if version.state != "ready" or not version.digest:
        remedy = "finalize it first" if version.digest else "register a version with its files"
        raise wrong_state(str(name), "has no final digest", reason="VERSION_NOT_READY", remedy=remedy)
    verified = _verified(request.envelope_json, request.public_key_pem, version)
    if session.exec(_of(version).where(Signature.key_id == verified.key_id)).first() is not None:
        raise already_exists(f"a signature of {name} with key {verified.key_id}")
    row = Signature(
        version_id=cast("int", version.id),
        key_id=verified.key_id,
        envelope=request.envelope_json,
        public_key_pem=request.public_key_pem,
        creator=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    details = {"key_id": row.key_id, "digest": version.digest, "predicate_type": verified.data.get("predicateType", "")}
    return row, Event("version.signed", str(name), details)


def signed_by(session: Session, version: Version) -> frozenset[str]:
    """The ids of the keys whose signatures verify, now, and name the version's digest."""
    found = set()
    for row in session.exec(_of(version)):
        try:
            found.add(_verified(row.envelope, row.public_key_pem, version).key_id)
        except SpiritsafeError:
            continue
    return frozenset(found)


def list_signatures(session: Session, version: Version, after: int, limit: int) -> Sequence[Signature]:
    """Those with ids beyond ``after``, oldest first."""
    query = _of(version).where(col(Signature.id) > after).order_by(col(Signature.id)).limit(limit)
    found: Sequence[Signature] = session.exec(query).all()
    return found


def describe(row: Signature, name: str) -> channel_policy_pb2.VersionSignature:
    """In the words of the contract."""
    return channel_policy_pb2.VersionSignature(
        version=name,
        key_id=row.key_id,
        envelope_json=row.envelope,
        public_key_pem=row.public_key_pem,
        creator=row.creator,
        create_time=to_timestamp(row.create_time),
    )


def _of(version: Version) -> Any:
    return select(Signature).where(Signature.version_id == version.id)


def _verified(envelope: str, public_key_pem: str, version: Version) -> Verified:
    if len(envelope) > MAX_ENVELOPE_CHARACTERS:
        raise invalid("envelope_json", f"is longer than {MAX_ENVELOPE_CHARACTERS} characters")
    try:
        verified = verify_envelope(parse_envelope(envelope), public_key_pem)
        subjects = _digests(verified)
    except SpiritsafeError as error:
        raise invalid("envelope_json", str(error), reason=error.reason or "SIGNATURE_INVALID") from error
    if verified.payload_type != STATEMENT_TYPE or version.digest not in subjects:
        raise invalid(
            "envelope_json",
            f"is no in-toto statement about the digest {version.digest}",
            reason="SIGNATURE_OF_SOMETHING_ELSE",
            remedy="sign the version anew: spiritsafe version sign",
        )
    return verified


def _digests(verified: Verified) -> set[str]:
    data = verified.data
    subjects = data.get("subject", []) if isinstance(data, dict) else []
    found = (subject.get("digest", {}) for subject in subjects if isinstance(subject, dict))
    return {str(digest.get("sha256", "")) for digest in found if isinstance(digest, dict)}
