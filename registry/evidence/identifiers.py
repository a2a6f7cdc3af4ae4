"""Identifiers in documents: of the documents themselves, of licences in other vocabularies, and of bytes. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid5

from registry.evidence.facts import Dossier, FileFact, LicenceFact

# Random once and for all. A URN of a UUID is ours without a domain that somebody would have to keep paying for.
NAMESPACE = UUID("6f1d1a0e-54b3-4c0b-9d53-0f6f2a8e7c11")
LICENSE_REF = "LicenseRef-spiritsafe-"
_NOT_IN_REF = re.compile(r"[^A-Za-z0-9.-]+")


def canonical_json(data: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8: the same data gives the same bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def document_uuid(dossier: Dossier, form: str) -> UUID:
    """The same for the same content of the subject, licence epoch, and question; different for each format.

    A version without files has no digest: there its permanent uid stands instead.
    """
    asked = [[each.context, each.outbound] for each in dossier.evaluations]
    subject = dossier.item.digest or dossier.item.uid
    return uuid5(NAMESPACE, canonical_json([form, subject, dossier.subject, dossier.epoch, asked]).decode())


def spdx_id(licence: LicenceFact) -> str:
    """Its id on the SPDX licence list, else a LicenseRef of ours: whether a scanner's id fits is not verified here."""
    if licence.spdx and licence.spdx != "NOASSERTION" and not licence.spdx.startswith("LicenseRef-"):
        return licence.spdx
    return LICENSE_REF + _NOT_IN_REF.sub("-", licence.id)


def expression(licences: Iterable[LicenceFact]) -> str:
    """All of them apply at once: their SPDX ids joined by AND."""
    return " AND ".join(spdx_id(each) for each in licences)


def is_listed(licence: LicenceFact) -> bool:
    """Whether SPDX's list has it."""
    return not spdx_id(licence).startswith("LicenseRef-")


def hub_url(repo: str, revision: str, *, dataset: bool) -> str:
    """Where a version lies on the Hugging Face hub."""
    base = f"https://huggingface.co/{'datasets/' if dataset else ''}{repo}"
    return f"{base}/tree/{revision}" if revision else base


def root_digest(files: Sequence[FileFact]) -> str:
    """The digest that OpenSSF Model Signing 1.0 gives as the subject of a model of these files.

    SHA-256 over the raw SHA-256 of each file, in the order of their paths compared by segments. It equals that tool's
    when it signs a folder of exactly these files with its defaults (files as a whole, SHA-256). Empty for no files.
    """
    if not files:
        return ""
    ordered = sorted(files, key=lambda file: PurePosixPath(file.path).parts)
    return hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in ordered)).hexdigest()
