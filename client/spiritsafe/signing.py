"""Signing a version: an in-toto statement about its manifest digest, in a DSSE envelope, with one's own Ed25519 key.

Needs the package ``cryptography``, which the extra ``spiritsafe-client[evidence]`` brings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from spiritsafe.errors import FailedPrecondition, InvalidArgument
from spiritsafe.evidence import STATEMENT_TYPE, envelope_json, key_id, preauthentication_encoding
from spiritsafe.registry.v1 import evidence_pb2

STATEMENT = "https://in-toto.io/Statement/v1"
RELEASE_PREDICATE = "https://spiritsafe.dev/attestations/release/v1"


def sign_release(name: str, digest: str, predicate: Mapping[str, Any], private_key_pem: bytes) -> tuple[str, str]:
    """Signs a version by its resource name and manifest digest.

    ``predicate`` is what the signer states about it, a JSON object. Gives the envelope in DSSE's JSON form and the
    public key in PEM form, as AttachSignature takes them.

    Raises:
        InvalidArgument: the key is no unencrypted Ed25519 private key in PEM form.
        FailedPrecondition: ``cryptography`` is missing (EXTRA_MISSING).
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    except ImportError as error:
        raise FailedPrecondition(
            "signing needs the package cryptography",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe-client[evidence]'",
        ) from error
    try:
        key = load_pem_private_key(private_key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key("it is a key of another kind")
    subject = [{"name": name, "digest": {"sha256": digest}}]
    statement = {"_type": STATEMENT, "subject": subject, "predicateType": RELEASE_PREDICATE, "predicate": predicate}
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    public = key.public_key()
    envelope = evidence_pb2.Envelope(payload_type=STATEMENT_TYPE, payload=payload)
    signed = preauthentication_encoding(STATEMENT_TYPE, payload)
    envelope.signatures.add(keyid=key_id(public), sig=key.sign(signed))
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return json.dumps(envelope_json(envelope)), pem


def _no_key(description: str) -> InvalidArgument:
    return InvalidArgument(
        f"the key cannot sign: {description}",
        reason="KEY_UNUSABLE",
        remedy="make one with: openssl genpkey -algorithm ed25519 -out release.pem",
    )
