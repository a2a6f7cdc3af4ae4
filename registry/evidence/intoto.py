"""in-toto Statement v1 about lineage and licences (https://github.com/in-toto/attestation). Pure.

The subject's digest is that of OpenSSF Model Signing 1.0, so that this statement and a model signature speak of the
same thing. That one's predicate schema is closed, hence a second statement with a predicate of ours. The predicate type
is a URN of a UUID: it collides with nobody's, and nobody can let it lapse as a domain could.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from registry.errors import wrong_state
from registry.evidence.facts import DISCLAIMER, Dossier, Item, stamp
from registry.evidence.identifiers import root_digest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:uuid:3f2b8d0c-9c35-4c1e-8e0a-5a5c7a1d92b4#licence-lineage/v1"


def render(dossier: Dossier) -> dict[str, Any]:
    """The statement. Raises FailedPrecondition for a version without files: there are no bytes to speak of."""
    digest = root_digest(dossier.item.files)
    if not digest:
        raise wrong_state(
            dossier.subject,
            "has no files, and a statement is about bytes",
            reason="NO_FILES",
            remedy="take another format, or register a version with its files",
        )
    return {
        "_type": STATEMENT,
        "subject": [{"name": dossier.item.public_name, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": {
            "version": dossier.subject,
            "manifestSha256": dossier.item.digest,
            "issueTime": stamp(dossier.at),
            "licenceEpoch": dossier.epoch,
            "lineage": [_item(item) for item in dossier.items.values()],
            "edges": [{"child": one.child, "type": one.type.value, "parent": one.parent} for one in dossier.links],
            "verdicts": [_verdict(dossier, index) for index in range(len(dossier.evaluations))],
            "reviews": [_dated(asdict(review)) for review in dossier.reviews],
            "agreements": [_dated(asdict(agreement)) for agreement in dossier.agreements],
            "disclaimer": DISCLAIMER,
        },
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "version": item.name,
        "publicName": item.public_name,
        "kind": item.kind,
        "manifestSha256": item.digest,
        "licences": {"declared": item.declared, "detected": item.detected, "concluded": item.concluded},
        "effective": item.effective,
        "standIn": item.stand_in,
        "source": {"hubRepo": item.source_repo, "revision": item.source_revision},
    }


def _verdict(dossier: Dossier, index: int) -> dict[str, Any]:
    return _dated(asdict(dossier.evaluations[index]))


def _dated(fields: dict[str, Any]) -> dict[str, Any]:
    """Times as text; those that are not set stay None."""
    return {key: stamp(value) if key in TIMES and value is not None else value for key, value in fields.items()}


TIMES = frozenset(
    {
        "create_time",
        "decide_time",
        "expire_time",
        "start_time",
        "end_time",
        "revoke_time",
        "valid_until",
        "finalize_time",
        "time",
        "at",
    }
)
