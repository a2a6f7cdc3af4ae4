"""Evidence that left a registry: signed envelopes, and deployment decisions verified without asking the registry.

Envelopes are DSSE 1.0 (https://github.com/secure-systems-lab/dsse); signatures are Ed25519 (RFC 8032). Verifying needs
the package ``cryptography``, which the extra ``spiritsafe-client[evidence]`` brings; nothing else here does.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from spiritsafe.errors import DataLoss, FailedPrecondition, InvalidArgument, Violation
from spiritsafe.registry.v1 import evidence_pb2

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DECISION_TYPE = "application/vnd.spiritsafe.deployment-decision.v1+json"
STATEMENT_TYPE = "application/vnd.in-toto+json"
_PEM_END = "-----END PUBLIC KEY-----"


@dataclass(frozen=True, slots=True)
class Verified:
    """An envelope whose signature holds: what was signed, and by which key."""

    payload_type: str
    payload: bytes
    key_id: str

    @property
    def data(self) -> Any:
        """The payload as JSON. Raises DataLoss where it is none."""
        try:
            return json.loads(self.payload)
        except ValueError as error:
            raise _malformed("its payload is not JSON") from error


@dataclass(frozen=True, slots=True)
class Decision:
    """A verified deployment decision. ``fields`` holds all that was signed."""

    key_id: str
    fields: Mapping[str, Any]
    issue_time: datetime
    expire_time: datetime

    @property
    def allowed(self) -> bool:
        """Whether the registry permits the deployment that ``fields`` describe."""
        return self.fields["allowed"] is True


def preauthentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed, PAE(type, body) of DSSE 1.0: "DSSEv1 LEN(type) type LEN(body) body", lengths in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope_json(envelope: evidence_pb2.Envelope) -> dict[str, Any]:
    """The envelope in DSSE's JSON form."""
    return {
        "payloadType": envelope.payload_type,
        "payload": base64.b64encode(envelope.payload).decode(),
        "signatures": [{"keyid": one.keyid, "sig": base64.b64encode(one.sig).decode()} for one in envelope.signatures],
    }


def parse_envelope(text: str | bytes) -> evidence_pb2.Envelope:
    """Reads DSSE's JSON form, also where it stands as ``envelope`` in a larger object.

    Raises:
        DataLoss: it is no such form (ENVELOPE_MALFORMED).
    """
    try:
        given = json.loads(text)
        data = given.get("envelope", given)
        return evidence_pb2.Envelope(
            payload_type=data["payloadType"],
            payload=_base64(data["payload"]),
            signatures=[
                evidence_pb2.EnvelopeSignature(keyid=one["keyid"], sig=_base64(one["sig"]))
                for one in data["signatures"]
            ],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed(f"it is no DSSE envelope in JSON: {error}") from error


def verify_envelope(envelope: evidence_pb2.Envelope, keys_pem: str) -> Verified:
    """Checks the signature against the given public keys (PEM, one or several).

    Raises:
        DataLoss: type or payload are not what was signed (SIGNATURE_INVALID), or there is no signature.
        FailedPrecondition: another key signed it (KEY_UNKNOWN), or ``cryptography`` is missing (EXTRA_MISSING).
        InvalidArgument: there is no Ed25519 public key in ``keys_pem``.
    """
    keys = _load_keys(keys_pem)
    if not envelope.signatures:
        raise _malformed("it has no signature")
    signed = preauthentication_encoding(envelope.payload_type, envelope.payload)
    known = [one for one in envelope.signatures if one.keyid in keys]
    if not known:
        raise FailedPrecondition(
            f"it is signed with key {envelope.signatures[0].keyid}, which is none of the keys given",
            reason="KEY_UNKNOWN",
            remedy="fetch the keys of the registry that you trust, and ask that registry for a decision",
        )
    for one in known:
        if _holds(keys[one.keyid], one.sig, signed):
            return Verified(envelope.payload_type, envelope.payload, one.keyid)
    raise DataLoss(
        "the signature does not match: type, payload or signature were changed after signing",
        reason="SIGNATURE_INVALID",
        remedy="do not use it; ask the registry again",
    )


def verify_decision(envelope: str | bytes, keys_pem: str, at: datetime | None = None) -> Decision:
    """Verifies a deployment decision offline: signature, type and expiry.

    ``envelope`` is DSSE's JSON form, or the output of ``spiritsafe deploy check --format json``. ``at`` is the time to
    judge by, now unless told; it must have a time zone. A verified decision may well be a refusal: look at ``allowed``.

    Raises:
        DataLoss: it was changed (SIGNATURE_INVALID), or is no decision (ENVELOPE_MALFORMED).
        FailedPrecondition: it has expired (DECISION_EXPIRED), or another key signed it (KEY_UNKNOWN).
    """
    return read_decision(verify_envelope(parse_envelope(envelope), keys_pem), at)


def read_decision(verified: Verified, at: datetime | None = None) -> Decision:
    """The decision in a verified envelope, unless it has expired. Raises as ``verify_decision``."""
    if verified.payload_type != DECISION_TYPE:
        raise _malformed(f"its payload is of type {verified.payload_type!r}, not a deployment decision")
    fields = verified.data
    issued, expires = (datetime.fromisoformat(fields[name]) for name in ("issue_time", "expire_time"))
    if (at or datetime.now(UTC)) >= expires:
        raise FailedPrecondition(
            f"the decision expired at {fields['expire_time']}",
            reason="DECISION_EXPIRED",
            remedy="ask the registry again: spiritsafe deploy check",
        )
    return Decision(verified.key_id, fields, issued, expires)


def _holds(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _load_keys(keys_pem: str) -> dict[str, Ed25519PublicKey]:
    """By key id."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise FailedPrecondition(
            "verifying signatures needs the package cryptography",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe-client[evidence]'",
        ) from error
    keys: dict[str, Ed25519PublicKey] = {}
    for block in _blocks(keys_pem):
        try:
            key = load_pem_public_key(block.encode())
        except ValueError as error:
            raise _no_key(f"a public key cannot be read: {error}") from error
        if isinstance(key, Ed25519PublicKey):
            keys[key_id(key)] = key
    if not keys:
        raise _no_key("holds no Ed25519 public key in PEM form")
    return keys


def key_ids(keys_pem: str) -> list[str]:
    """The ids of the public keys in a text of PEM blocks. Raises as ``verify_envelope``."""
    return list(_load_keys(keys_pem))


def key_id(key: Ed25519PublicKey) -> str:
    """Lower-case hexadecimal SHA-256 of the key in DER form; as ``openssl pkey -pubin -outform DER | sha256sum``."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _blocks(keys_pem: str) -> Sequence[str]:
    parts = keys_pem.split(_PEM_END)[:-1]
    return [part[part.find("-----BEGIN PUBLIC KEY-----") :] + _PEM_END + "\n" for part in parts]


def _base64(text: str) -> bytes:
    """Canonical base64 only, so that one content has one form."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise binascii.Error("it is not in canonical base64")
    return content


def _malformed(description: str) -> DataLoss:
    return DataLoss(
        f"the envelope cannot be used: {description}",
        reason="ENVELOPE_MALFORMED",
        remedy="use the file as the registry gave it",
    )


def _no_key(description: str) -> InvalidArgument:
    return InvalidArgument(
        f"key: {description}",
        reason="INVALID_KEY",
        remedy="fetch it with: spiritsafe evidence keys --output registry.pem",
        violations=(Violation("key", description),),
    )
