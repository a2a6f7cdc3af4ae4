"""What a card means, together with what the catalogue knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.hub.knowledge import Known, Origin, known
from registry.hub.resolution import resolve
from registry.licensing.entries import Confidence, KnownDataset
from registry.licensing.hub_vocabulary import profile_ids
from registry.licensing.vocabulary import UNKNOWN, EdgeType, NodeKind
from registry.wire import enum_text
from spiritsafe.registry.v1 import import_pb2, version_pb2
from spiritsafe.registry.v1.import_pb2 import HubCard, PlanImportResponse
from tests.registry.shipped import find_entry, load_models

SURE, UNSURE = Confidence.VERIFIED, Confidence.UNVERIFIED
MODEL, DATASET = import_pb2.HUB_REPO_KIND_MODEL, import_pb2.HUB_REPO_KIND_DATASET
Edges = list[tuple[str, str]]


def card(repo: str = "acme/tool", **fields: Any) -> HubCard:
    return HubCard(**({"hub_repo": repo, "kind": MODEL} | fields))


def entry(confidence: Confidence, licenses: Sequence[str] = (), base: str = "") -> Known:
    """An entry of the catalogue that is equally sure of everything."""
    parents = (Origin(EdgeType.FINETUNE, base, NodeKind.MODEL),) if base else ()
    fields = dict.fromkeys(("licenses", "parents", "nature"), confidence)
    return Known(tuple(licenses), parents, "", False, "partial", fields)


def plan(given_card: HubCard, of: Known | None = None) -> PlanImportResponse:
    return resolve(given_card, of, profile_ids)


def shipped(repo: str, kind: NodeKind = NodeKind.MODEL, **fields: Any) -> PlanImportResponse:
    number = DATASET if kind is NodeKind.DATASET else MODEL
    return plan(card(repo, kind=number, **fields), known(repo, kind, find_entry))


def licenses(found: PlanImportResponse) -> list[str] | None:
    return list(found.declared_licenses.ids) if found.HasField("declared_licenses") else None


def edges(found: PlanImportResponse) -> Edges:
    return [(enum_text(version_pb2.EdgeType, one.type), one.hub_repo) for one in found.parents]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"license": ["mit"]}, ["mit"]),
        ({"license": ["MIT", "cc-by-4.0"]}, ["mit", "cc-by-4.0"]),
        ({"license": ["other"], "license_name": "qwen-research"}, ["qwen-research"]),
        ({"license": ["other"], "license_name": "our-own-terms"}, [UNKNOWN]),
    ],
)
def test_the_card_alone(fields: dict[str, Any], expected: list[str] | None) -> None:
    found = plan(card(**fields))
    assert licenses(found) == expected
    assert len(found.warnings) == (expected is None or UNKNOWN in expected)


@pytest.mark.parametrize(
    ("said", "recorded", "confidence", "expected", "warned"),
    [
        (["mit"], ["mit"], SURE, ["mit"], False),
        ([], ["mit"], UNSURE, ["mit"], False),
        (["mit"], ["mit", "gemma"], UNSURE, ["mit", "gemma"], False),
        (["llama3"], ["llama3.1"], SURE, ["llama3.1"], True),
        (["mit"], ["cc-by-nc-4.0"], UNSURE, ["cc-by-nc-4.0", "mit"], True),
        (["our-own-terms"], ["gemma"], SURE, ["gemma"], True),
        (["mit"], [], SURE, ["mit"], False),
    ],
)
def test_the_card_and_the_catalogue(
    said: list[str], recorded: list[str], confidence: Confidence, expected: list[str], warned: bool
) -> None:
    found = plan(card(license=said), entry(confidence, recorded))
    assert (licenses(found), bool(found.warnings)) == (expected, warned)


@given(
    st.lists(st.sampled_from(["mit", "gemma", "cc-by-nc-4.0", "strange"]), max_size=3),
    st.lists(st.sampled_from(["mit", "gemma", "cc-by-nc-4.0"]), max_size=3, unique=True),
    st.sampled_from(list(Confidence)),
)
def test_only_a_verified_entry_takes_a_licence_away(
    said: list[str], recorded: list[str], confidence: Confidence
) -> None:
    found = plan(card(license=said), entry(confidence, recorded))
    counting = set(licenses(found) or ())
    named = {one for one in said if one != "strange"}
    assert set(recorded) <= counting
    if not named <= counting:
        assert confidence is SURE
        assert found.warnings
    assert counting or (not said and not recorded)


@pytest.mark.parametrize(
    ("fields", "edge"),
    [
        ({"base_model_relation": "adapter"}, "adapter"),
        ({"base_model_relation": "quantized", "paths": ["adapter_config.json"]}, "quantize"),
        ({"tags": ["base_model:merge:a/b", "base_model:a/b"]}, "merge"),
        ({"paths": ["sub/adapter_config.json"]}, "adapter"),
        ({"library_name": "peft"}, "adapter"),
        ({"paths": ["tool-Q4_K_M.GGUF"]}, "quantize"),
        ({"tags": ["base_model:a/b"], "paths": ["model.safetensors"]}, "finetune"),
        ({}, "finetune"),
    ],
)
def test_how_a_model_was_made_from_its_base(fields: dict[str, Any], edge: str) -> None:
    found = plan(card(license=["mit"], base_model=["a/b"], **fields))
    assert edges(found) == [(edge, "a/b")]
    adapter = version_pb2.VERSION_KIND_ADAPTER if edge == "adapter" else version_pb2.VERSION_KIND_BASE
    assert found.kind == adapter


def test_several_bases_are_merged() -> None:
    found = plan(card(license=["mit"], base_model=["a/b", "c/d", "A/b"]))
    assert edges(found) == [("merge", "A/b"), ("merge", "c/d")]


def test_a_relation_that_the_hub_does_not_know() -> None:
    found = plan(card(license=["mit"], base_model=["a/b"], base_model_relation="distill"))
    assert edges(found) == [("finetune", "a/b")]
    assert "'distill' is none of adapter, merge, quantized, finetune" in found.warnings[0]


def test_parents_that_are_no_repositories() -> None:
    found = plan(card(license=["mit"], base_model=["http://a/b", "acme/Tool"], datasets=["my own", "squad"]))
    assert edges(found) == [("trained_on", "squad")]
    assert len(found.warnings) == 3
    assert found.lineage_completeness == version_pb2.LINEAGE_COMPLETENESS_PARTIAL


@pytest.mark.parametrize(
    ("said", "recorded", "confidence", "expected"),
    [
        ([], "a/b", UNSURE, ["a/b"]),
        (["c/d"], "", SURE, ["c/d"]),
        (["A/B"], "a/b", SURE, ["a/b"]),
        (["c/d"], "a/b", Confidence.DERIVED, ["a/b"]),
        (["c/d"], "a/b", UNSURE, ["c/d"]),
    ],
)
def test_whose_base_counts(said: list[str], recorded: str, confidence: Confidence, expected: list[str]) -> None:
    found = plan(card(license=["mit"], base_model=said), entry(confidence, ["mit"], recorded))
    assert [repo for _, repo in edges(found)] == expected
    assert bool(found.warnings) == (said == ["c/d"] and recorded == "a/b")


def test_every_xlam_gets_the_base_that_its_card_leaves_out() -> None:
    teachers = [model for model in load_models().values() if "xlam" in model.hub_id.lower()]
    assert len(teachers) > 10
    for model in teachers:
        found = shipped(model.hub_id, license=["cc-by-nc-4.0"])
        assert model.base is not None
        assert edges(found) == [(model.base.edge, model.base.hub_id)]
        assert set(licenses(found) or ()) >= set(model.licenses)
        assert found.lineage_completeness == version_pb2.LINEAGE_COMPLETENESS_PARTIAL


def test_a_licensor_s_own_release_keeps_to_itself() -> None:
    repo = "meta-llama/Meta-Llama-3-8B-Instruct"
    found = shipped(repo, license=["llama3"], base_model=["meta-llama/Meta-Llama-3-8B", "acme/other"])
    assert edges(found) == [("merge", "acme/other")]
    assert (found.base_family, "own release" in found.warnings[0]) == ("llama3", True)


def test_who_wrote_a_dataset() -> None:
    found = shipped("Salesforce/xlam-function-calling-60k", NodeKind.DATASET, license=["cc-by-4.0"])
    assert ("generated_by", "mistralai/Mixtral-8x22B-Instruct-v0.1") in edges(found)
    assert any("DeepSeek-V2" in repo for _, repo in edges(found))
    kinds = {one.kind for one in shipped("Salesforce/APIGen-MT-5k", NodeKind.DATASET).parents}
    assert kinds == {import_pb2.HUB_REPO_KIND_SERVICE, MODEL}


def test_a_dataset_made_from_a_part_of_another() -> None:
    whole = find_entry("Salesforce/xlam-function-calling-60k")
    assert isinstance(whole, KnownDataset)
    repo, part = whole.hub_id, whole.parts[0].name
    made = replace(whole, hub_id="acme/rows", generated_by=(), parts=(), derived_from=(f"{repo}#{part}", repo))
    entries = {"acme/rows": made, repo: whole}
    found = plan(card("acme/rows", kind=DATASET), known("acme/rows", NodeKind.DATASET, entries.get))
    assert edges(found) == [("derived_from", repo)]
    assert [one.kind for one in found.parents] == [DATASET]


def test_facts_keep_their_confidence() -> None:
    found = shipped("Salesforce/xLAM-2-1b-fc-r", license=["cc-by-nc-4.0"])
    facts = {(one.field, one.value): (one.origin, one.confidence) for one in found.facts}
    base = ("edges", "finetune Qwen/Qwen2.5-1.5B-Instruct")
    assert facts[base] == (import_pb2.FACT_ORIGIN_CATALOG, "unverified")
    folder = plan(card(license=["mit"], from_folder=True))
    assert [one.origin for one in folder.facts] == [import_pb2.FACT_ORIGIN_FOLDER]


def test_files_that_a_version_cannot_take() -> None:
    found = plan(card(paths=["model.safetensors", "pytorch_model.bin", "x.py", "a:b.json", ".gitattributes"]))
    assert [(one.path, one.reason) for one in found.left_out] == [
        ("pytorch_model.bin", "UNSAFE_FORMAT"),
        ("x.py", "UNSUPPORTED_FORMAT"),
        ("a:b.json", "UNSAFE_PATH"),
        (".gitattributes", "UNSUPPORTED_FORMAT"),
    ]


def test_what_takes_more_than_text() -> None:
    assert plan(card(tags=["image-text-to-text"])).multimodal
    assert not plan(card(tags=["text-generation"])).multimodal
    assert shipped("google/gemma-3-4b-it").multimodal
