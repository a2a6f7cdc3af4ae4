"""CycloneDX documents, judged by the official schema and by what they must say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.registry.evidence.conftest import COMMERCIAL, RATIONALE, SUBJECTS, Archive
from tests.registry.evidence.schemas import CYCLONEDX


def refs(value: Any) -> list[str]:
    """Every bom-ref in the document."""
    if isinstance(value, dict):
        own = [value["bom-ref"]] if "bom-ref" in value else []
        return own + [ref for one in value.values() for ref in refs(one)]
    return [ref for one in value for ref in refs(one)] if isinstance(value, list) else []


def properties(component: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in component["properties"]}


@pytest.mark.parametrize("key", SUBJECTS)
def test_the_official_schema_accepts_it(archive: Archive, key: str) -> None:
    assert CYCLONEDX.validate_str(archive.text(key, "cyclonedx")) is None


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [("student", '"machine-learning-model"', '"model"'), ("teacher", '"url": "https://', '"url": "https:// ')],
)
def test_the_schema_would_refuse_a_slip(archive: Archive, key: str, right: str, wrong: str) -> None:
    text = archive.text(key, "cyclonedx")
    assert right in text
    assert CYCLONEDX.validate_str(text.replace(right, wrong)) is not None


@pytest.mark.parametrize("key", SUBJECTS)
def test_references_are_unique_and_lead_somewhere(archive: Archive, key: str) -> None:
    data = archive.data(key, "cyclonedx")
    known = refs(data)
    assert len(known) == len(set(known))
    declarations = data["declarations"]
    used = [ref for one in data["dependencies"] for ref in (one["ref"], *one["dependsOn"])]
    used += [ref for one in declarations["claims"] for ref in (one["target"], *one.get("evidence", ()))]
    used += [one["assessor"] for one in declarations["attestations"]]
    used += [ref for one in declarations["attestations"] for each in one["map"] for ref in each.get("claims", ())]
    assert set(used) <= set(known)


def test_two_licences_are_one_expression_with_details(archive: Archive) -> None:
    subject = archive.data("teacher", "cyclonedx")["metadata"]["component"]
    (licence,) = subject["licenses"]
    assert licence["expression"] == "CC-BY-NC-4.0 AND LicenseRef-spiritsafe-salesforce-xlam-research"
    assert licence["acknowledgement"] == "declared"
    assert [one["licenseIdentifier"] for one in licence["expressionDetails"]] == licence["expression"].split(" AND ")
    assert {"name": "spiritsafe:confidence", "value": "salesforce-xlam-research: secondary"} in licence["properties"]
    (ancestor,) = subject["pedigree"]["ancestors"]
    assert properties(ancestor) == {"spiritsafe:edge": "finetune", "spiritsafe:ref": archive.names["base"]}


def test_lineage_through_data_is_in_properties(archive: Archive) -> None:
    data = archive.data("student", "cyclonedx")
    traces = next(one for one in data["components"] if one["bom-ref"] == archive.names["traces"])
    assert traces["type"] == "data"
    assert properties(traces)["spiritsafe:generated_by"] == archive.names["demo_teacher"]
    card = data["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": archive.names["traces"]}]
    assert card["quantitativeAnalysis"]["performanceMetrics"][0]["confidenceInterval"]


def test_a_conclusion_stands_beside_the_declaration(archive: Archive) -> None:
    data = archive.data("student", "cyclonedx")
    xlam = next(one for one in data["components"] if one["bom-ref"] == archive.names["xlam"])
    assert [one["license"]["acknowledgement"] for one in xlam["licenses"]] == ["declared", "concluded"]


def test_verdicts_and_reviews_are_declarations(archive: Archive) -> None:
    data = archive.data("student", "cyclonedx", **COMMERCIAL)
    claims = {one["bom-ref"]: one for one in data["declarations"]["claims"]}
    commercial = claims["claim:commercial"]
    assert commercial["predicate"] == "Deployment in commercial as openrail-m: allowed_with_obligations"
    (review,) = data["declarations"]["evidence"]
    assert commercial["evidence"] == [review["bom-ref"]]
    assert review["author"] == {"name": "rob"}
    assert RATIONALE in review["data"][0]["contents"]["attachment"]["content"]
    licences = [
        one for part in (data["metadata"]["component"], *data["components"]) for one in part.get("licenses", ())
    ]
    assert "allowed" not in str(licences)


def test_every_file_has_its_hash(archive: Archive) -> None:
    subject = archive.data("student", "cyclonedx")["metadata"]["component"]
    assert [one["name"] for one in subject["components"]] == ["config.json", "model.safetensors"]
    assert all(len(one["hashes"][0]["content"]) == 64 for one in subject["components"])


def test_the_serial_number_follows_from_subject_and_question(archive: Archive) -> None:
    serial = archive.data("student", "cyclonedx")["serialNumber"]
    again = archive.data("student", "cyclonedx", distributed=True)["serialNumber"]
    assert serial == again
    assert serial != archive.data("student", "cyclonedx", **COMMERCIAL)["serialNumber"]
    assert serial != archive.data("teacher", "cyclonedx")["serialNumber"]


def test_nothing_known_claims_nothing(archive: Archive) -> None:
    data = archive.data("nothing", "cyclonedx")
    assert "licenses" not in data["metadata"]["component"]
    assert data["compositions"] == [{"aggregate": "unknown", "dependencies": [archive.names["nothing"]]}]
