"""in-toto Statement v1 about lineage and licences (https://github.com/in-toto/attestation). Pure.

The subject's digest is that of OpenSSF Model Signing 1.0, so that this statement and a model signature speak of the
same thing. That one's predicate schema is closed, hence a second statement with a predicate of ours. The predicate type
is a URN of a UUID: it collides with nobody's, and nobody can let it lapse as a domain could.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from registry.errors import wrong_state
from registry.evidence.facts import DISCLAIMER, TIMES, Dossier, Item, stamp
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
            "verdicts": [_fields(asdict(one)) for one in dossier.evaluations],
            "reviews": [_fields(asdict(one)) for one in dossier.reviews],
            "agreements": [_fields(asdict(one)) for one in dossier.agreements],
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
        "withheld": item.withheld,
        "source": {"hubRepo": item.source_repo, "revision": item.source_revision},
    }


def _fields(value: Any) -> Any:
    """Names in the style of in-toto (lowerCamelCase), times as text."""
    if isinstance(value, dict):
        return {_camel(key): _time(key, one) for key, one in value.items()}
    return [_fields(one) for one in value] if isinstance(value, list | tuple) else value


def _time(key: str, value: Any) -> Any:
    return stamp(value) if key in TIMES and value is not None else _fields(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
