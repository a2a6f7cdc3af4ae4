"""Completeness against the elements of the G7's SBOM for AI."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence.completeness import CHECKS, assess, load_elements
from registry.evidence.facts import Dossier, Item
from tests.registry.evidence.conftest import SUBJECTS, Archive

CLUSTERS = {
    "Metadata": 10,
    "System Level Properties": 9,
    "Models": 13,
    "Dataset Properties": 10,
    "Infrastructure": 2,
    "Security Properties": 4,
    "Key Performance Indicators": 2,
}
HUMAN = sorted(one.id for one in load_elements() if not one.check)


def dossier(**fields: object) -> Dossier:
    item = Item(name="n", short="n", uid="u", public_name="n", number=1, dataset=False, kind="full", imported=True)
    return Dossier(subject="n", items={"n": item}, links=(), licences={}, evaluations=(), **fields)  # type: ignore[arg-type]


def test_the_seven_clusters() -> None:
    elements = load_elements()
    assert {name: sum(one.cluster == name for one in elements) for name in CLUSTERS} == CLUSTERS
    assert len(elements) == sum(CLUSTERS.values()) == len({one.id for one in elements})
    assert {one.check for one in elements} - {""} == set(CHECKS)
    assert {one.confidence for one in elements} == {"secondary"}


@pytest.mark.parametrize("key", SUBJECTS)
def test_the_report_says_what_is_missing(archive: Archive, key: str) -> None:
    found = archive.data(key, "json")["completeness"]
    present = [one for one in found["elements"] if one["present"]]
    assert (
        found["score"]
        == 100 * len(present) // len(found["elements"])
        == archive.fetch(archive.names[key], "json").completeness
    )
    assert found["missing"] == [one["id"] for one in found["elements"] if not one["present"]]
    assert {one["determined"] for one in found["elements"]} == {"automatic", "human"}
    assert ("Models" in {one["cluster"] for one in found["elements"]}) == (key != "traces")


def test_what_is_not_known_costs(archive: Archive) -> None:
    scores = {key: archive.data(key, "json")["completeness"] for key in SUBJECTS}
    assert scores["nothing"]["score"] < scores["student"]["score"]
    assert {"model_license", "model_producer", "sbom_dependency_relationship"} <= set(scores["nothing"]["missing"])
    assert "operational_performance_kpis" not in scores["student"]["missing"]
    assert "Dataset Properties" not in {one["cluster"] for one in scores["nothing"]["elements"]}


@given(st.sets(st.sampled_from(HUMAN)))
def test_each_tag_answers_its_element_and_no_other(ids: set[str]) -> None:
    before = {one.id for one in assess(dossier()).missing}
    after = {one.id for one in assess(dossier(node_tags={f"sbom.{one}": "said" for one in ids})).missing}
    assert before - after == ids & before
    assert after <= before


def test_a_blank_tag_answers_nothing() -> None:
    assert assess(dossier(node_tags={"sbom.system_name": " "})) == assess(dossier())


def test_a_description_of_the_version_or_its_model_counts() -> None:
    plain = dossier()
    described = replace(plain, node_description="What it is for.")
    assert {one.id for one in assess(plain).missing} - {one.id for one in assess(described).missing} == {
        "model_description"
    }
