"""CycloneDX 1.7 machine-learning BOM, JSON (ECMA-424, https://cyclonedx.org/docs/1.7/json/). Pure.

Lineage that CycloneDX has no word for stands in properties ``spiritsafe:*``, which docs/licensing/evidence.md lists. A
verdict is a claim in ``declarations``, never a licence: it is our conclusion about a use, not what the licensor grants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from registry.evidence.facts import DISCLAIMER, Dossier, EvaluationFact, Item, LicenceFact, ReviewFact, stamp
from registry.evidence.identifiers import (
    canonical_json,
    document_uuid,
    expression,
    hub_url,
    is_listed,
    root_digest,
    spdx_id,
)
from registry.licensing.vocabulary import EdgeType

SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
REGISTRY = "assessor:registry"
TARGET = "target:subject"
Object = dict[str, Any]


def render(dossier: Dossier) -> Object:
    """The BOM. Its serial number follows from subject, licence epoch and question; only its timestamp differs."""
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": document_uuid(dossier, "cyclonedx").urn,
        "version": 1,
        "metadata": _metadata(dossier),
        "components": [_component(dossier, item) for item in dossier.items.values() if item is not dossier.item],
        "dependencies": [_dependency(dossier, item) for item in dossier.items.values()],
        "compositions": _compositions(dossier),
        "declarations": _declarations(dossier),
    }


def _metadata(dossier: Dossier) -> Object:
    tool = {"type": "application", "name": "spiritsafe", "version": dossier.tool_version or "unreleased"}
    return {
        "timestamp": stamp(dossier.at),
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [tool]},
        "component": _component(dossier, dossier.item),
        "properties": _properties([("licence_epoch", str(dossier.epoch)), ("signing_key", dossier.key_id)]),
    }


def _component(dossier: Dossier, item: Item) -> Object:
    found: Object = {
        "type": "data" if item.dataset else "machine-learning-model",
        "bom-ref": item.name,
        "name": item.public_name,
        "version": str(item.number),
        "description": item.description,
        "licenses": _licenses(dossier, item),
        "pedigree": _pedigree(dossier, item),
        "externalReferences": _references(item),
        "components": _files(item),
        "evidence": _detected(dossier, item),
        "properties": _item_properties(dossier, item),
    }
    if item.source_repo:
        found["supplier"] = {"name": item.source_repo.partition("/")[0]}
    if item.dataset:
        found["data"] = [_data(item)]
    else:
        found["modelCard"] = _model_card(dossier, item)
    return {key: value for key, value in found.items() if value}


def _licenses(dossier: Dossier, item: Item) -> list[Object]:
    """Declared and concluded, each marked as what it is."""
    kinds = (("declared", item.declared), ("concluded", item.concluded))
    return [_choice(dossier, ids, item.name, kind) for kind, ids in kinds if ids]


def _detected(dossier: Dossier, item: Item) -> Object:
    return {"licenses": [_choice(dossier, item.detected, item.name)]} if item.detected else {}


def _choice(dossier: Dossier, ids: Sequence[str], owner: str, acknowledgement: str = "") -> Object:
    """One licence, or an expression in which all of them apply; without a word on who says so for observed ones."""
    licences = [dossier.licences[each] for each in ids]
    said = {"acknowledgement": acknowledgement} if acknowledgement else {}
    if len(licences) == 1:
        (only,) = licences
        named = {"id": spdx_id(only)} if is_listed(only) else {"name": only.id}
        return {"license": {**named, **said, "properties": _licence_properties(only)}}
    details = [
        {"licenseIdentifier": spdx_id(each), "bom-ref": f"license:{owner}:{acknowledgement or 'detected'}:{each.id}"}
        for each in licences
    ]
    properties = [one for each in licences for one in _licence_properties(each)]
    return {"expression": expression(licences), "expressionDetails": details, **said, "properties": properties}


def _licence_properties(licence: LicenceFact) -> list[Object]:
    return _properties([("licence", licence.id), ("confidence", f"{licence.id}: {licence.confidence}")])


def _pedigree(dossier: Dossier, item: Item) -> Object:
    """The direct parents of its weights; each is a component of its own, named by the property spiritsafe:ref."""
    parents = [(link, dossier.items[link.parent]) for link in dossier.parents(item.name) if link.over_weights]
    if not parents:
        return {}
    ancestors = [
        {
            "type": "machine-learning-model",
            "name": parent.public_name,
            "version": str(parent.number),
            "properties": _properties([("edge", link.type.value), ("ref", parent.name)]),
        }
        for link, parent in parents
    ]
    return {"ancestors": ancestors}


def _references(item: Item) -> list[Object]:
    if not item.source_repo:
        return []
    return [
        {"type": "distribution", "url": hub_url(item.source_repo, item.source_revision, dataset=item.dataset)},
        {"type": "model-card", "url": hub_url(item.source_repo, "", dataset=item.dataset)},
    ]


def _files(item: Item) -> list[Object]:
    return [
        {
            "type": "file",
            "bom-ref": f"{item.name}/files/{file.path}",
            "name": file.path,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            "properties": _properties([("size_bytes", str(file.size_bytes))]),
        }
        for file in item.files
    ]


def _item_properties(dossier: Dossier, item: Item) -> list[Object]:
    flags = [name for name in ("imported", "multimodal", "stand_in", "withheld") if getattr(item, name)]
    pairs = [
        ("resource", item.name),
        ("kind", item.kind),
        ("manifest_sha256", item.digest),
        ("oms_root_sha256", root_digest(item.files)),
        ("base_family", item.base_family),
        ("lineage_completeness", item.lineage_completeness),
        *((flag, "true") for flag in flags),
        *((link.type.value, link.parent) for link in dossier.parents(item.name)),
    ]
    return _properties(pairs)


def _properties(pairs: Iterable[tuple[str, str]]) -> list[Object]:
    return [{"name": f"spiritsafe:{name}", "value": value} for name, value in pairs if value]


def _data(item: Item) -> Object:
    return {
        "type": "dataset",
        "name": item.public_name,
        "contents": {"properties": _properties([("kind", item.kind)])},
        "governance": {"custodians": [{"contact": {"name": item.creator or "unknown"}}]},
    }


def _model_card(dossier: Dossier, item: Item) -> Object:
    datasets = [{"ref": link.parent} for link in dossier.parents(item.name) if link.type is EdgeType.TRAINED_ON]
    parameters: Object = {"datasets": datasets, "architectureFamily": item.base_family}
    card: Object = {"modelParameters": {key: value for key, value in parameters.items() if value}}
    if item is dossier.item:
        card["quantitativeAnalysis"] = {"performanceMetrics": list(_metrics(dossier))}
        card["considerations"] = _considerations(dossier)
    return {key: value for key, value in card.items() if any(value.values())}


def _metrics(dossier: Dossier) -> Iterator[Object]:
    for one in dossier.measurements:
        for score in one.scores:
            yield {
                "type": "exact answers, difference to the untouched base",
                "value": f"{score.difference:.4f}",
                "slice": f"{score.category}: {score.count} scenarios of {one.dataset}",
                "confidenceInterval": {"lowerBound": f"{score.low:.4f}", "upperBound": f"{score.high:.4f}"},
            }


def _considerations(dossier: Dossier) -> Object:
    tags = dossier.tags
    found = {
        "useCases": tags.get("sbom.intended_application_area"),
        "technicalLimitations": tags.get("sbom.limitations"),
    }
    return {key: [value] for key, value in found.items() if value}


def _dependency(dossier: Dossier, item: Item) -> Object:
    parents = [link.parent for link in dossier.parents(item.name)]
    return {"ref": item.name, "dependsOn": list(dict.fromkeys(parents))}


def _compositions(dossier: Dossier) -> list[Object]:
    """What is known of each item's ancestors."""
    aggregates = {"complete": "complete", "partial": "incomplete"}
    refs: dict[str, list[str]] = {}
    for item in dossier.items.values():
        refs.setdefault(aggregates.get(item.lineage_completeness, "unknown"), []).append(item.name)
    return [{"aggregate": aggregate, "dependencies": names} for aggregate, names in refs.items()]


def _declarations(dossier: Dossier) -> Object:
    decided = [review for review in dossier.reviews if review.reviewer]
    target = {
        "type": "data" if dossier.item.dataset else "machine-learning-model",
        "bom-ref": TARGET,
        "name": dossier.item.public_name,
        "version": str(dossier.item.number),
        "properties": _properties([("ref", dossier.subject)]),
    }
    found = {
        "assessors": list(_assessors(dossier, decided)),
        "attestations": list(_attestations(dossier, decided)),
        "claims": [_claim(dossier, each) for each in dossier.evaluations],
        "evidence": [_review_evidence(review) for review in decided],
        "targets": {"components": [target]},
    }
    return {key: value for key, value in found.items() if value}


def _assessors(dossier: Dossier, decided: Iterable[ReviewFact]) -> Iterator[Object]:
    yield {"bom-ref": REGISTRY, "thirdParty": False, "organization": {"name": f"Spiritsafe registry {dossier.key_id}"}}
    for person in dict.fromkeys(review.reviewer for review in decided):
        yield {"bom-ref": f"assessor:{person}", "thirdParty": False, "organization": {"contact": [{"name": person}]}}


def _attestations(dossier: Dossier, decided: Iterable[ReviewFact]) -> Iterator[Object]:
    claims = {each.context: _claim_ref(each) for each in dossier.evaluations}
    yield {
        "summary": f"Licence verdicts of licence epoch {dossier.epoch}. {DISCLAIMER}",
        "assessor": REGISTRY,
        "map": [{"claims": list(claims.values())}],
    }
    for review in decided:
        of = {"claims": [claims[review.context]]} if review.context in claims else {}
        yield {
            "summary": f"{review.state}: {review.code}, {review.license} of {review.origin}, in {review.context}",
            "assessor": f"assessor:{review.reviewer}",
            "map": [of],
        }


def _claim(dossier: Dossier, one: EvaluationFact) -> Object:
    outbound = f" as {one.outbound}" if one.outbound else ""
    sentences = [reason.sentence for reason in one.reasons] + [f"Duty: {duty.code}" for duty in one.duties]
    settings = sorted({reason.policy for reason in one.reasons if reason.policy})
    sentences += [f"Policy revision {one.policy_revision}: {each}" for each in settings]
    reviews = [review.name for review in dossier.reviews if review.reviewer and review.context == one.context]
    claim = {
        "bom-ref": _claim_ref(one),
        "target": TARGET,
        "predicate": f"Deployment in {one.context}{outbound}: {one.verdict}",
        "reasoning": "\n".join(sentences) or "No licence term stands in the way.",
        "evidence": reviews,
    }
    return {key: value for key, value in claim.items() if value}


def _claim_ref(one: EvaluationFact) -> str:
    return f"claim:{one.context}"


def _review_evidence(review: ReviewFact) -> Object:
    answers = dict(zip(review.questions, review.answers, strict=False))
    content = {
        "state": review.state,
        "rationale": review.rationale,
        "answers": answers,
        "evidence_sha256": review.evidence_sha256,
        "self_administered": review.self_administered,
    }
    attachment = {"contentType": "application/json", "content": canonical_json(content).decode()}
    found: Object = {
        "bom-ref": review.name,
        "propertyName": "spiritsafe:review",
        "data": [{"name": review.code, "contents": {"attachment": attachment}, "classification": "review"}],
        "created": stamp(review.decide_time or review.create_time),
        "author": {"name": review.reviewer},
    }
    if review.expire_time:
        found["expires"] = stamp(review.expire_time)
    return found
