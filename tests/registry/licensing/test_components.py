"""Components of the catalogue: lineage, sizes, licensors, and what stands in for what."""

from __future__ import annotations

import math

import pytest

from registry.licensing import Context
from registry.licensing.vocabulary import EdgeType, NodeKind
from tests.registry.licensing.planned import find, made_up, shelf


@pytest.mark.parametrize(
    ("hub_id", "billions"),
    [
        ("Salesforce/xLAM-7b-fc-r", 7),
        ("Qwen/Qwen3-0.6B", 0.6),
        ("Salesforce/xLAM-8x7b-r", 56),
        ("google/gemma-4-E4B-it", 4),
        ("Qwen/Qwen3-30B-A3B", 30),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 17),
        ("openai/gpt-4o", None),
    ],
)
def test_names_tell_sizes(hub_id: str, billions: float | None) -> None:
    assert find(hub_id).billions == billions


def test_distance_is_a_ratio() -> None:
    small, middle, large = (made_up(f"acme/m-{size}b", ["mit"]) for size in (2, 8, 32))
    assert middle.distance(small) == pytest.approx(middle.distance(large)) == pytest.approx(math.log(4))
    assert middle.distance(find("openai/gpt-4o")) == math.inf


def test_a_component_carries_what_is_upstream() -> None:
    xlam = find("salesforce/XLAM-7b-fc-r")
    base = "deepseek-ai/deepseek-coder-7b-instruct-v1.5"
    assert xlam.exposures.origins == {"Salesforce/xLAM-7b-fc-r", base}
    assert xlam.licenses() == {"cc-by-nc-4.0", "deepseek-model-1.0"}
    assert xlam.licensors == {"Salesforce/xLAM-7b-fc-r": "Salesforce", base: "deepseek-ai"}
    assert xlam.facts[Context.COMMERCIAL].keys() == xlam.exposures.origins


def test_parts_of_a_dataset_have_generators_of_their_own() -> None:
    whole, part = find("Salesforce/xlam-function-calling-60k"), find("Salesforce/xlam-function-calling-60k#mixtral")
    assert "deepseek-model-1.0" in whole.licenses()
    assert part.licenses() == {"cc-by-4.0", "apache-2.0"}
    assert {each.path.edges for each in part.exposures} == {(), (EdgeType.GENERATED_BY,)}
    names = [each.name for each in shelf().datasets()]
    assert names.index(part.name) > names.index(whole.name)


def test_the_shelf_offers_no_copies_of_weights() -> None:
    teachers = {each.name for each in shelf().teachers()}
    assert {"Salesforce/xLAM-7b-fc-r", "openai/gpt-4o"} <= teachers
    assert not [each for each in teachers if each.endswith("-gguf")]
    students = shelf().students()
    assert {each.kind for each in students} == {NodeKind.MODEL}
    assert "Salesforce/xLAM-7b-fc-r" not in {each.name for each in students}
    assert shelf().find("nobody/nothing") is None


def test_equal_signatures_mean_equal_terms_of_one_licensor() -> None:
    nobody = frozenset[str]()
    assert find("Qwen/Qwen3-8B").signature(nobody) == find("Qwen/Qwen3-32B").signature(nobody)
    assert find("Qwen/Qwen2.5-7B").signature(nobody) != find("Qwen/Qwen2.5-3B").signature(nobody)
    assert made_up("acme/a", ["mit"]).signature(nobody) != made_up("bolt/a", ["mit"]).signature(nobody)
    llama = made_up("acme/a", ["mit"], base=made_up("acme/l", ["llama3"], base_family="llama3"))
    other = made_up("acme/b", ["mit"], base=made_up("acme/o", ["llama3"], base_family="other"))
    assert llama.signature(nobody) == other.signature(nobody)
    assert llama.signature(frozenset({"llama3"})) != other.signature(frozenset({"llama3"}))
