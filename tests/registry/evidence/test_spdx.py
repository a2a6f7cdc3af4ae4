"""SPDX documents, judged by the classes that spdx-python-model generates from the official SHACL model."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from spdx_python_model.bindings import v3_0_1 as spdx

from tests.registry.evidence.conftest import COMMERCIAL, SUBJECTS, Archive

MANDATORY = ("name", "suppliedBy", "releaseTime", "software_packageVersion", "software_downloadLocation")
PACKAGES = {"ai_AIPackage", "dataset_DatasetPackage"}


def check(text: str) -> Any:
    """Reads it strictly, then writes it: reading checks types and values, writing that nothing mandatory is absent."""
    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    objects.create_index()
    assert objects.link() == set()
    spdx.JSONLDSerializer().write(objects, io.BytesIO())
    return objects


def elements(archive: Archive, key: str, *types: str, **fields: Any) -> list[Any]:
    return [one for one in archive.data(key, "spdx", **fields)["@graph"] if one["type"] in types]


@pytest.mark.parametrize("key", SUBJECTS)
def test_the_official_model_accepts_it(archive: Archive, key: str) -> None:
    objects = check(archive.text(key, "spdx"))
    assert len(list(objects.foreach_type(spdx.SpdxDocument))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [('"relationshipType": "contains"', '"relationshipType": "holds"'), ('"specVersion": "3.0.1",', "")],
)
def test_the_model_would_refuse_a_slip(archive: Archive, old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check(archive.text("student", "spdx").replace(old, new, 1))


@pytest.mark.parametrize("key", SUBJECTS)
def test_each_package_has_exactly_one_licence_of_each_kind(archive: Archive, key: str) -> None:
    """The AI profile's own rule, which the model's classes do not know."""
    packages = [one["spdxId"] for one in elements(archive, key, *PACKAGES)]
    relations = elements(archive, key, "Relationship")
    for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
        counted = Counter(one["from"] for one in relations if one["relationshipType"] == kind)
        assert counted == dict.fromkeys(packages, 1)


@pytest.mark.parametrize("key", SUBJECTS)
def test_mandatory_fields_of_the_profiles_are_there(archive: Archive, key: str) -> None:
    for package in elements(archive, key, *PACKAGES):
        assert all(package[field] for field in MANDATORY)
        data = package["type"] == "dataset_DatasetPackage"
        assert package["software_primaryPurpose"] == ("data" if data else "model")
        assert not data or (package["dataset_datasetType"] and package["originatedBy"] and package["builtTime"])


def test_ids_are_unique_and_every_element_is_listed(archive: Archive) -> None:
    graph = archive.data("student", "spdx")["@graph"]
    ids = [one["spdxId"] for one in graph if "spdxId" in one]
    assert len(ids) == len(set(ids))
    (document,) = (one for one in graph if one["type"] == "SpdxDocument")
    assert {*document["element"], document["spdxId"]} == set(ids)


def test_two_licences_with_one_outside_of_the_list(archive: Archive) -> None:
    (expression,) = (
        one
        for one in elements(archive, "teacher", "simplelicensing_LicenseExpression")
        if "AND" in one["simplelicensing_licenseExpression"]
    )
    custom = "LicenseRef-spiritsafe-salesforce-xlam-research"
    assert expression["simplelicensing_licenseExpression"] == f"CC-BY-NC-4.0 AND {custom}"
    (entry,) = expression["simplelicensing_customIdToUri"]
    (licence,) = elements(archive, "teacher", "expandedlicensing_CustomLicense")
    assert (entry["key"], entry["value"]) == (custom, licence["spdxId"])
    assert "confidence of the profile: secondary" in licence["comment"]


def test_edges_become_relationships_with_our_word_in_the_comment(archive: Archive) -> None:
    found = {
        one["comment"].partition(":")[0]: one
        for one in elements(archive, "student", "Relationship")
        if "comment" in one
    }
    kinds = {edge: one["relationshipType"] for edge, one in found.items()}
    assert kinds == {
        "merge": "descendantOf",
        "adapter": "descendantOf",
        "finetune": "descendantOf",
        "trained_on": "trainedOn",
        "generated_by": "generates",
    }
    assert found["generated_by"]["from"].endswith(archive.names["demo_teacher"])


def test_nothing_known_is_no_assertion(archive: Archive) -> None:
    relations = elements(archive, "nothing", "Relationship")
    targets = {one["relationshipType"]: one["to"] for one in relations if "License" in one["relationshipType"]}
    assert all(
        to == ["https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"] for to in targets.values()
    )


def test_verdicts_and_reviews_are_annotations(archive: Archive) -> None:
    annotations = elements(archive, "student", "Annotation", **COMMERCIAL)
    statements = [json.loads(one["statement"]) for one in annotations]
    verdicts = {one["context"]: one["verdict"] for one in statements if "verdict" in one}
    assert verdicts["commercial"] == "allowed_with_obligations"
    (review,) = (one for one in statements if "reviewer" in one)
    assert (review["reviewer"], review["state"]) == ("rob", "approved")
