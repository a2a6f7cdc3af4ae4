"""SPDX 3.0.1 with the AI and Dataset profiles, JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1/). Pure.

Every package has exactly one declared and one concluded licence, as the AI profile demands; where nothing is recorded
they are NoAssertion, and None where it has none of its own. Edges that SPDX has no relationship for are of type
``other``, and each relationship's comment names our edge. Verdicts and reviews are annotations, never licences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from registry.evidence.facts import DISCLAIMER, Dossier, Item, LicenceFact, Link, stamp
from registry.evidence.identifiers import (
    canonical_json,
    document_uuid,
    expression,
    hub_url,
    is_listed,
    spdx_id,
)
from registry.licensing.vocabulary import EdgeType

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_ASSERTION = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
NO_LICENSE = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoneLicense"
LISTED = "https://spdx.org/licenses/"
PROFILES = ("core", "software", "ai", "dataset", "simpleLicensing", "expandedLicensing")
CREATION = "_:creation"
_NO_TEXT = "The text of this licence is not in the registry. What its profile records of it: "
# Relationship and whether it runs from the parent to the child; every other edge is of type other.
_RELATIONSHIPS = {
    EdgeType.TRAINED_ON: ("trainedOn", False),
    EdgeType.EVALUATED_ON: ("testedOn", False),
    EdgeType.GENERATED_BY: ("generates", True),
    EdgeType.JUDGED_BY: ("usesTool", False),
    EdgeType.DERIVED_FROM: ("descendantOf", False),
}
_DATASET_TYPES = {"prompts": "text", "trajectories": "structured"}
Object = dict[str, Any]


def render(dossier: Dossier) -> Object:
    """The document. Its ids follow from subject, licence epoch and question; only its times differ."""
    graph = _Graph(dossier)
    return {"@context": CONTEXT, "@graph": list(graph.elements())}


class _Graph:
    """The elements of one document; ids are made below one base."""

    def __init__(self, dossier: Dossier) -> None:
        self._dossier = dossier
        self._base = document_uuid(dossier, "spdx").urn

    def elements(self) -> Iterator[Object]:
        inner = list(self._inner())
        ids = [element["spdxId"] for element in inner]
        root = self._package_id(self._dossier.item)
        yield {
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": "3.0.1",
            "created": stamp(self._dossier.at),
            "createdBy": [self._id("agent", "registry")],
            "createdUsing": [self._id("tool", "spiritsafe")],
        }
        name = f"{self._dossier.item.public_name} {self._dossier.item.number}"
        collection = {"name": name, "rootElement": [root], "element": ids, "profileConformance": list(PROFILES)}
        yield self._element("software_Sbom", ("sbom",), **collection, software_sbomType=["analyzed"])
        document = {**collection, "rootElement": [self._id("sbom")], "element": [*ids, self._id("sbom")]}
        yield self._element("SpdxDocument", ("document",), **document, comment=DISCLAIMER)
        yield from inner

    def _inner(self) -> Iterator[Object]:
        dossier = self._dossier
        yield self._element("SoftwareAgent", ("agent", "registry"), name=f"Spiritsafe registry {dossier.key_id}")
        yield self._element("Tool", ("tool", "spiritsafe"), name=f"spiritsafe {dossier.tool_version}".strip())
        for name in dict.fromkeys(_supplier(item) for item in dossier.items.values()):
            yield self._element("Agent", ("supplier", name), name=name)
        for licence in dossier.licences.values():
            if not is_listed(licence):
                yield self._custom_licence(licence)
        for item in dossier.items.values():
            yield self._package(item)
            yield from self._files(item)
            yield from self._licensing(item)
        yield from (self._edge(index, link) for index, link in enumerate(dossier.links))
        yield from self._annotations()

    def _element(self, type_: str, key: Sequence[str], **fields: Any) -> Object:
        kept = {name: value for name, value in fields.items() if value not in ("", [], None)}
        return {"type": type_, "spdxId": self._id(*key), "creationInfo": CREATION, **kept}

    def _id(self, *key: str) -> str:
        return f"{self._base}#" + "/".join(quote(part, safe="/:@!$&'()*+,;=") for part in key)

    def _package_id(self, item: Item) -> str:
        return self._id("package", item.name)

    def _package(self, item: Item) -> Object:
        supplier = self._id("supplier", _supplier(item))
        fields: Object = {
            "name": item.public_name,
            "description": item.description,
            "comment": _times_comment(item),
            "builtTime": stamp(item.create_time),
            "releaseTime": stamp(item.finalize_time),
            "suppliedBy": supplier,
            "originatedBy": [supplier],
            "software_packageVersion": str(item.number),
            "software_downloadLocation": _location(item),
            "software_primaryPurpose": "data" if item.dataset else "model",
        }
        if item.dataset:
            fields["dataset_datasetType"] = [_DATASET_TYPES.get(item.kind, "noAssertion")]
            fields["dataset_datasetSize"] = sum(file.size_bytes for file in item.files)
            fields["dataset_hasSensitivePersonalInformation"] = "noAssertion"
            return self._element("dataset_DatasetPackage", ("package", item.name), **fields)
        fields["ai_typeOfModel"] = [one for one in (item.kind, item.base_family) if one]
        if item is self._dossier.item:
            fields["ai_metric"] = list(self._metrics())
            fields["ai_limitation"] = self._dossier.tags.get("sbom.limitations")
        return self._element("ai_AIPackage", ("package", item.name), **fields)

    def _metrics(self) -> Iterator[Object]:
        for one in self._dossier.measurements:
            for score in one.scores:
                value = f"{score.difference:+.4f} ({score.low:+.4f} to {score.high:+.4f}), {score.count} scenarios"
                key = f"exact answers, difference to {one.baseline}: {score.category}"
                yield {"type": "DictionaryEntry", "key": key, "value": value}

    def _files(self, item: Item) -> Iterator[Object]:
        for file in item.files:
            digest = {"type": "Hash", "algorithm": "sha256", "hashValue": file.sha256}
            key = ("file", item.name, file.path)
            yield self._element("software_File", key, name=file.path, verifiedUsing=[digest])
        if item.files:
            files = [self._id("file", item.name, file.path) for file in item.files]
            yield self._relationship(("contains", item.name), self._package_id(item), "contains", files)

    def _licensing(self, item: Item) -> Iterator[Object]:
        for kind, ids in (("hasDeclaredLicense", item.declared), ("hasConcludedLicense", item.concluded)):
            key = (kind, item.name)
            if ids:
                yield self._expression((*key, "expression"), ids)
                target = self._id(*key, "expression")
            else:
                target = NO_ASSERTION if ids is None else NO_LICENSE
            yield self._relationship(key, self._package_id(item), kind, [target])

    def _expression(self, key: Sequence[str], ids: Sequence[str]) -> Object:
        licences = [self._dossier.licences[each] for each in ids]
        custom = [
            {"type": "DictionaryEntry", "key": spdx_id(each), "value": self._id("licence", each.id)}
            for each in licences
            if not is_listed(each)
        ]
        fields = {
            "simplelicensing_licenseExpression": expression(licences),
            "simplelicensing_customIdToUri": custom,
        }
        return self._element("simplelicensing_LicenseExpression", key, **fields)

    def _custom_licence(self, licence: LicenceFact) -> Object:
        evidence = "; ".join(licence.evidence) or "nothing"
        return self._element(
            "expandedlicensing_CustomLicense",
            ("licence", licence.id),
            name=licence.id,
            comment=f"confidence of the profile: {licence.confidence or 'none'}; {licence.notes}".rstrip("; "),
            simplelicensing_licenseText=_NO_TEXT + evidence,
        )

    def _edge(self, index: int, link: Link) -> Object:
        default = ("descendantOf", False) if link.over_weights else ("other", False)
        kind, reverse = _RELATIONSHIPS.get(link.type, default)
        child, parent = (self._id("package", name) for name in (link.child, link.parent))
        near, far = (parent, child) if reverse else (child, parent)
        comment = f"{link.type.value}: {link.child} -> {link.parent}"
        return self._relationship(("edge", str(index)), near, kind, [far], comment=comment)

    def _relationship(self, key: Sequence[str], near: str, kind: str, far: Iterable[str], comment: str = "") -> Object:
        fields = {"from": near, "relationshipType": kind, "to": list(far), "comment": comment}
        return self._element("Relationship", ("relationship", *key), **fields)

    def _annotations(self) -> Iterator[Object]:
        for one in self._dossier.evaluations:
            data = {
                "context": one.context,
                "outbound": one.outbound,
                "verdict": one.verdict,
                "reasons": [reason.sentence for reason in one.reasons],
                "policy": sorted({reason.policy for reason in one.reasons if reason.policy}),
                "policyRevision": one.policy_revision,
                "duties": [duty.code for duty in one.duties],
            }
            yield self._annotation("other", ("verdict", one.context), data)
        for review in self._dossier.reviews:
            data = {
                "context": review.context,
                "code": review.code,
                "licence": review.license,
                "state": review.state,
                "reviewer": review.reviewer,
                "rationale": review.rationale,
            }
            yield self._annotation("review", ("review", review.name), data)

    def _annotation(self, kind: str, key: Sequence[str], data: Object) -> Object:
        return self._element(
            "Annotation",
            key,
            annotationType=kind,
            contentType="application/json",
            statement=canonical_json(data).decode(),
            subject=self._package_id(self._dossier.item),
        )


def _supplier(item: Item) -> str:
    if item.withheld:
        return "withheld"
    if item.source_repo:
        return item.source_repo.partition("/")[0]
    return "unknown publisher" if item.imported else item.creator or "unknown"


def _location(item: Item) -> str:
    """On the hub where it came from there; else the registry's own permanent id of the version."""
    if item.source_repo:
        return hub_url(item.source_repo, item.source_revision, dataset=item.dataset)
    return f"urn:uuid:{item.uid}"


def _times_comment(item: Item) -> str:
    if item.withheld:
        return "It lies in a namespace that the reader may not see: supplier, times and licences are withheld."
    if not item.imported:
        return ""
    return "builtTime and releaseTime are those of its registration: the publisher's are not recorded."
