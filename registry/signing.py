"""The registry's Ed25519 key, and envelopes signed with it.

The key lies in HOME/signing.key (PKCS #8 in PEM form, 0600) and is made when it is first needed. ``cryptography`` is
imported then, since most commands sign nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from spiritsafe.errors import FailedPrecondition, Unavailable
from spiritsafe.evidence import key_id, preauthentication_encoding
from spiritsafe.registry.v1 import evidence_pb2

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "signing.key"
ALGORITHM = "ed25519"


@dataclass(frozen=True)
class Signer:
    """Signs with the key in a file, which it makes where there is none."""

    path: Path

    @property
    def key_id(self) -> str:
        """Lower-case hexadecimal SHA-256 of the public key (DER)."""
        return key_id(self._key.public_key())

    def public_key(self) -> evidence_pb2.SigningKey:
        """What others need to verify.

        Raises:
            FailedPrecondition: the file holds something else (SIGNING_KEY_DAMAGED).
            Unavailable: the file cannot be read or written.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return evidence_pb2.SigningKey(id=self.key_id, algorithm=ALGORITHM, public_key_pem=pem.decode())

    def sign(self, payload_type: str, payload: bytes) -> evidence_pb2.Envelope:
        """The payload in an envelope with this key's signature. Raises as ``public_key``."""
        signature = self._key.sign(preauthentication_encoding(payload_type, payload))
        return evidence_pb2.Envelope(
            payload_type=payload_type,
            payload=payload,
            signatures=[evidence_pb2.EnvelopeSignature(keyid=self.key_id, sig=signature)],
        )

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            if not self.path.exists():
                _create(self.path)
            key = load_pem_private_key(self.path.read_bytes(), password=None)
        except OSError as error:
            raise Unavailable(
                f"cannot use the signing key {self.path}: {error.strerror}",
                reason="SIGNING_KEY_UNUSABLE",
                remedy="let the registry's user read and write its home folder",
            ) from error
        except (ValueError, TypeError) as error:
            raise _damaged(self.path) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _damaged(self.path)
        return key


def _create(path: Path) -> None:
    """Makes the file in one step; of several processes that try at once, the first one's key stays."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    partial = path.with_name(f"{path.name}.{uuid4().hex}")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return
    finally:
        partial.unlink()


def _damaged(path: Path) -> FailedPrecondition:
    return FailedPrecondition(
        f"{path} holds no Ed25519 private key in PEM form",
        reason="SIGNING_KEY_DAMAGED",
        remedy="restore it from a backup; without one move it away, and give the new public key to whoever verifies",
    )
