"""The shipped data: licence profiles and known models."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.licensing import (
    Catalogue,
    Context,
    EdgeType,
    Policy,
    Profile,
    ProfileError,
    evaluate_scenarios,
    load_entries,
    load_profiles,
    parse_profile,
    upstream_licenses,
)
from registry.licensing.entries import Confidence, LineageCompleteness
from registry.licensing.entry_links import check_links
from registry.licensing.vocabulary import (
    OutboundRelicense,
    ReachKey,
    ReachStatus,
    TermCode,
    is_open_outbound,
    is_permissive_outbound,
)
from tests.registry.shipped import find_dataset, find_entry, find_model, load_datasets, load_models, load_services

CATALOG = Path(__file__).parents[3] / "registry" / "licensing" / "data" / "catalog"

VALID: dict[str, Any] = {
    "id": "x",
    "outbound_relicense": "any",
    "limitations": [{"code": "MAU_CAP", "threshold": 5}],
    "conditions": [{"code": "NAME_PREFIX", "trigger": "distribute", "prefix": "X"}],
    "purposes": {"research": "allow"},
    "reach": {key.value: {"status": "contested", "carries": ["NAME_PREFIX"]} for key in ReachKey},
}


def test_the_catalogue_has_every_profile_and_answers_unknown_ids_with_unknown() -> None:
    catalogue = load_profiles()
    assert len(catalogue) == 74
    assert catalogue.get("Apache").id == "unknown"
    assert catalogue.get("llama3").except_base == {"llama3"}
    assert catalogue.get("gemma").reach[ReachKey.GENERATED_BY].status is ReachStatus.BINDING


def test_a_catalogue_without_unknown_is_refused() -> None:
    with pytest.raises(ProfileError, match="no profile 'unknown'"):
        Catalogue([parse_profile(VALID)])


def test_a_profile_is_read_in_full() -> None:
    profile = parse_profile(VALID)
    assert profile.codes == {TermCode.MAU_CAP, TermCode.NAME_PREFIX}
    assert profile.limitations[0].threshold == 5
    assert profile.clause(TermCode.MAU_CAP) == "no clause recorded"
    assert load_profiles().extended([profile]).get("x") is profile


def _set(path: list[Any], value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(VALID)
    target: Any = raw
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("mit", "profile must be an object"),
        ({"id": "x"}, "profile 'x' lacks the field 'outbound_relicense'"),
        (_set(["id"], ""), "id must not be empty"),
        (_set(["limitatons"], []), "unknown field 'limitatons'"),
        (_set(["spdx"], 3), "spdx must be a string"),
        (_set(["outbound_relicense"], "some"), "outbound_relicense is 'some'; use one of: any, flowdown"),
        (_set(["purposes"], {"sales": "allow"}), "purposes is 'sales'"),
        (_set(["purposes"], {"research": "maybe"}), "purposes.research is 'maybe'"),
        (_set(["reach"], {}), "reach lacks 'weights'"),
        (_set(["reach", "adapter"], {"status": "none"}), "reach is 'adapter'; use one of"),
        (_set(["reach", "weights"], {"status": "perhaps"}), "reach.weights.status is 'perhaps'"),
        (_set(["reach", "weights"], {"status": "none", "carries": ["X"]}), "reach.weights.carries is 'X'"),
        (_set(["limitations", 0, "code"], "AUP"), r"limitations\[0\].code is 'AUP', which is a condition"),
        (_set(["limitations", 0, "code"], "NOPE"), r"limitations\[0\].code is 'NOPE'"),
        (_set(["limitations", 0, "threshold"], -1), r"limitations\[0\].threshold must be a positive number"),
        (_set(["limitations"], "NC"), "limitations must be a list of objects"),
        (_set(["conditions", 0, "code"], "NC"), r"conditions\[0\].code is 'NC', which is a limitation"),
        (_set(["conditions", 0, "trigger"], "sale"), r"conditions\[0\].trigger is 'sale'; use one of: distribute, use"),
        (_set(["conditions", 0, "prefix"], " "), r"conditions\[0\].prefix must give the prefix"),
        (_set(["evidence"], "s.4"), "evidence must be a list of strings"),
    ],
)
def test_malformed_profiles_name_the_field(raw: Any, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        parse_profile(raw)


def test_policy_round_trip() -> None:
    policy = Policy.from_mapping({"nc_output_reach": "deny", "adapter_alone_is_derivative": False})
    assert Policy.from_mapping(policy.to_mapping()) == policy
    assert Policy.from_mapping({}) == Policy()


def test_every_profile_is_complete_and_says_what_it_rests_on() -> None:
    for profile in load_profiles():
        assert set(profile.reach) == set(ReachKey)
        assert set(profile.purposes) == set(Context) or profile.id == "unknown"
        assert profile.evidence, profile.id
        assert profile.confidence in {"verified", "secondary", "unverified", "n/a"}
        read = not any("background knowledge" in each for each in profile.evidence)
        assert read or profile.confidence != "verified", profile.id


@pytest.mark.parametrize(
    ("license_id", "confidence"),
    [
        ("cc-by-sa-4.0", "verified"),
        ("gpl-3.0", "verified"),
        ("odbl", "verified"),
        ("creativeml-openrail-m", "verified"),
        ("cc-by-nd-4.0", "secondary"),
        ("llama2", "secondary"),
        ("bigcode-openrail-m", "unverified"),
        ("agpl-3.0", "unverified"),
        ("cdla-sharing-1.0", "unverified"),
        ("openmdw-1.0", "unverified"),
    ],
)
def test_a_text_that_nobody_read_is_unverified(license_id: str, confidence: str) -> None:
    assert load_profiles().get(license_id).confidence == confidence


def test_apache_passes_the_notice_file_on() -> None:
    apache = load_profiles().get("apache-2.0")
    assert "s.4(d) the NOTICE file" in apache.clause(TermCode.RETAIN_NOTICES)


OPENRAIL = (
    *("creativeml-openrail-m", "openrail++", "openrail", "bigscience-openrail-m"),
    *("bigscience-bloom-rail-1.0", "bigcode-openrail-m", "openrail-m"),
)


@pytest.mark.parametrize("license_id", OPENRAIL)
def test_the_openrail_family_passes_its_restrictions_on_to_students(license_id: str) -> None:
    profile = load_profiles().get(license_id)
    assert TermCode.USE_RESTRICTIONS in profile.codes
    assert profile.reach[ReachKey.DISTILL_OUTPUTS].status is ReachStatus.BINDING
    assert profile.outbound_relicense is OutboundRelicense.FLOWDOWN


def scenario_of(license_id: str, edge: str, outbound: str) -> dict[str, Any]:
    nodes = [
        {"id": "m", "kind": "model", "name": "m", "licenses": []},
        {"id": "p", "kind": "model", "name": "p", "licenses": [license_id]},
    ]
    edges = [{"child": "m", "type": edge, "parent": "p"}]
    return {"nodes": nodes, "edges": edges, "subject": "m", "facts": {"outbound_license": outbound}}


@pytest.mark.parametrize(
    ("license_id", "edge", "outbound", "context", "verdict"),
    [
        ("cc-by-sa-4.0", "finetune", "apache-2.0", "commercial", "denied"),
        ("cc-by-sa-4.0", "finetune", "cc-by-sa-4.0", "commercial", "allowed_with_obligations"),
        ("cc-by-sa-4.0", "distill_outputs", "apache-2.0", "commercial", "needs_review"),
        ("cc-by-nc-sa-4.0", "finetune", "cc-by-nc-sa-4.0", "commercial", "denied"),
        ("cc-by-nc-sa-4.0", "finetune", "cc-by-nc-sa-4.0", "research", "allowed"),
        ("cc-by-nd-4.0", "finetune", "apache-2.0", "commercial", "denied"),
        ("cc-by-nd-4.0", "finetune", "apache-2.0", "internal", "allowed"),
        ("cc-by-nd-4.0", "finetune", "cc-by-nd-4.0", "commercial", "denied"),
        ("cc-by-nd-4.0", "quantize", "cc-by-nd-4.0", "commercial", "denied"),
        ("cc-by-nd-4.0", "convert", "cc-by-nd-4.0", "commercial", "allowed_with_obligations"),
        ("cc-by-nd-4.0", "convert", "gpl-3.0", "commercial", "denied"),
        ("cc-by-nd-4.0", "adapter", "cc-by-nd-4.0", "commercial", "denied"),
        ("cc-by-nd-4.0", "distill_outputs", "cc-by-nd-4.0", "commercial", "needs_review"),
        ("cc-by-nc-nd-4.0", "finetune", "cc-by-nc-nd-4.0", "research", "allowed"),
        ("cc-by-nc-nd-3.0", "merge", "cc-by-nc-nd-3.0", "commercial", "denied"),
        ("gpl-3.0", "quantize", "mit", "commercial", "denied"),
        ("gpl-3.0", "distill_outputs", "mit", "commercial", "allowed"),
        ("bigcode-openrail-m", "distill_outputs", "apache-2.0", "commercial", "denied"),
        ("bigcode-openrail-m", "distill_outputs", "openrail-m", "commercial", "allowed_with_obligations"),
        ("llama2", "distill_outputs", "apache-2.0", "research", "denied"),
        ("openmdw-1.0", "finetune", "apache-2.0", "commercial", "allowed_with_obligations"),
        ("cc-by-3.0", "finetune", "apache-2.0", "commercial", "allowed_with_obligations"),
    ],
)
def test_what_the_added_profiles_come_to(license_id: str, edge: str, outbound: str, context: str, verdict: str) -> None:
    (case,) = evaluate_scenarios(scenario_of(license_id, edge, outbound))["cases"]
    assert case["contexts"][context]["verdict"] == verdict


def test_every_entry_fits_the_others() -> None:
    for entry in load_entries().values():
        check_links(entry, find_entry, load_profiles().__contains__)


def test_no_id_is_given_twice_and_files_are_in_order() -> None:
    ids = []
    for file in sorted(CATALOG.iterdir()):
        ids += [each["hub_id"].casefold() for each in json.loads(file.read_text("utf-8"))["entries"]]
    assert len(ids) == len(set(ids)) == len(load_entries())
    assert list(load_entries()) == sorted(load_entries(), key=str.casefold)


def test_only_a_licensors_own_release_has_no_base() -> None:
    for model in load_models().values():
        assert (model.lineage_completeness is LineageCompleteness.ROOT) == (model.base is None)
        assert (model.base_family is None) == (model.base is not None)


def test_every_public_xlam_is_here() -> None:
    """The model table of the xLAM README, and the GGUF repositories that it names."""
    dense = {"1b-fc-r", "7b-fc-r", "7b-r", "8x7b-r", "8x22b-r", "v0.1-r", "2-1b-fc-r", "2-3b-fc-r", "2-32b-fc-r"}
    gguf = {f"{name}-gguf" for name in ("1b-fc-r", "7b-fc-r", "2-1b-fc-r", "2-3b-fc-r")}
    llama = {f"Llama-xLAM-2-{name}" for name in ("8b-fc-r", "70b-fc-r", "8b-fc-r-gguf")}
    expected = {f"Salesforce/xLAM-{name}" for name in dense | gguf} | {f"Salesforce/{name}" for name in llama}
    assert {hub_id for hub_id in load_models() if hub_id.startswith("Salesforce/")} == expected


def test_no_profile_is_given_twice() -> None:
    files = (CATALOG.parent / "profiles").glob("*.json")
    ids = [each["id"] for file in files for each in json.loads(file.read_text("utf-8"))["profiles"]]
    assert sorted(ids) == sorted(profile.id for profile in load_profiles())


def test_background_knowledge_is_never_called_verified() -> None:
    for entry in load_entries().values():
        for name, fact in entry.facts.items():
            assert fact.source != "background knowledge" or fact.confidence is Confidence.UNVERIFIED, (entry, name)


@pytest.mark.parametrize(
    ("hub_id", "license_id", "upstream"),
    [
        (
            "Salesforce/xlam-function-calling-60k",
            "cc-by-4.0",
            ("deepseek-model-1.0", "apache-2.0"),
        ),
        ("Salesforce/xlam-function-calling-60k#deepseek", "cc-by-4.0", ("deepseek-model-1.0",)),
        ("Salesforce/xlam-function-calling-60k#mixtral", "cc-by-4.0", ("apache-2.0",)),
        ("Salesforce/APIGen-MT-5k", "cc-by-nc-4.0", ("openai-terms", "deepseek-model-1.0")),
        ("SalesforceAIResearch/xLAM-actionstudio", "cc-by-nc-4.0", ()),
    ],
)
def test_datasets_carry_the_licences_of_who_wrote_them(hub_id: str, license_id: str, upstream: tuple[str, ...]) -> None:
    dataset = find_dataset(hub_id)
    assert dataset is not None
    assert (dataset.licenses, upstream_licenses(hub_id, find_entry)) == ((license_id,), upstream)


def test_the_parts_of_the_60k_dataset_are_all_of_it() -> None:
    dataset = load_datasets()["Salesforce/xlam-function-calling-60k"]
    rows = [row for part in dataset.parts for row in (part.first_row, part.last_row)]
    assert rows == [0, 33_658, 33_659, 59_999]
    assert dataset.confidence["parts"] is Confidence.VERIFIED


def test_services_are_had_under_terms() -> None:
    assert {each.licenses for each in load_services().values()} == {("openai-terms",)}
    assert {each.weakest_confidence for each in load_services().values()} <= {
        Confidence.SECONDARY,
        Confidence.DERIVED,
        Confidence.UNVERIFIED,
    }


@pytest.mark.parametrize(
    ("hub_id", "own", "upstream"),
    [
        ("Salesforce/xLAM-1b-fc-r", ("cc-by-nc-4.0",), ("deepseek-model-1.0",)),
        ("Salesforce/xLAM-7b-fc-r", ("cc-by-nc-4.0",), ("deepseek-model-1.0",)),
        ("Salesforce/xLAM-7b-r", ("cc-by-nc-4.0",), ("apache-2.0",)),
        ("Salesforce/xLAM-8x7b-r", ("cc-by-nc-4.0", "salesforce-xlam-research"), ("apache-2.0",)),
        ("Salesforce/xLAM-8x22b-r", ("cc-by-nc-4.0", "salesforce-xlam-research"), ("apache-2.0",)),
        ("Salesforce/xLAM-2-1b-fc-r", ("cc-by-nc-4.0",), ("apache-2.0",)),
        ("Salesforce/xLAM-2-3b-fc-r", ("cc-by-nc-4.0",), ("qwen-research",)),
        ("Salesforce/xLAM-2-32b-fc-r", ("cc-by-nc-4.0",), ("apache-2.0",)),
        ("Salesforce/Llama-xLAM-2-8b-fc-r", ("cc-by-nc-4.0",), ("llama3.1",)),
        ("Salesforce/Llama-xLAM-2-70b-fc-r", ("cc-by-nc-4.0",), ("llama3.1",)),
        ("Salesforce/xLAM-7b-fc-r-gguf", ("cc-by-nc-4.0",), ("cc-by-nc-4.0", "deepseek-model-1.0")),
    ],
)
def test_every_xlam_carries_its_own_and_its_upstream_licence(
    hub_id: str, own: tuple[str, ...], upstream: tuple[str, ...]
) -> None:
    model = load_models()[hub_id]
    assert (model.licenses, upstream_licenses(hub_id, find_entry)) == (own, upstream)
    assert model.lineage_completeness is LineageCompleteness.PARTIAL


@pytest.mark.parametrize(
    ("hub_id", "license_id", "multimodal"),
    [
        ("google/gemma-4-E4B-it", "apache-2.0", True),
        ("google/gemma-3-4b-it", "gemma", True),
        ("Qwen/Qwen2.5-3B-Instruct", "qwen-research", False),
        ("Qwen/Qwen2.5-7B-Instruct", "apache-2.0", False),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen", False),
        ("Qwen/Qwen3-8B", "apache-2.0", False),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama3", False),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1", False),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", "llama3.2", True),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3.3", False),
        ("google/functiongemma-270m-it", "gemma", False),
        ("Qwen/Qwen3-8B-Base", "apache-2.0", False),
        ("Qwen/Qwen2.5-Coder-3B", "qwen-research", False),
        ("deepseek-ai/DeepSeek-V3", "deepseek-model-1.0", False),
        ("deepseek-ai/DeepSeek-V3-0324", "mit", False),
    ],
)
def test_neighbours_in_a_family_keep_their_own_licences(hub_id: str, license_id: str, multimodal: bool) -> None:
    model = find_model(hub_id.upper())
    assert model is not None
    assert (model.hub_id, model.licenses, model.multimodal) == (hub_id, (license_id,), multimodal)


def test_only_llama_3_is_of_the_exempt_family() -> None:
    exempt = {model.licenses for model in load_models().values() if model.base_family == "llama3"}
    assert exempt == {("llama3",)}


def test_confidence_is_that_of_the_least_sure_field() -> None:
    assert load_models()["Salesforce/xLAM-7b-r"].weakest_confidence is Confidence.UNVERIFIED
    gguf = load_models()["Salesforce/xLAM-7b-fc-r-gguf"]
    assert gguf.weakest_confidence is Confidence.VERIFIED
    assert gguf.base is not None
    assert gguf.base.edge is EdgeType.QUANTIZE


@pytest.mark.parametrize(
    ("hub_id", "field"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", "hub_id"),
        ("Qwen/Qwen2.5-32B", "hub_id"),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", "hub_id"),
        ("meta-llama/Llama-3.1-8B-Instruct", "hub_id"),
        ("Salesforce/xLAM-8x7b-r", "base"),
        ("Salesforce/xLAM-8x22b-r", "base"),
        ("Salesforce/xLAM-2-1b-fc-r", "base"),
    ],
)
def test_what_no_source_says_is_unverified(hub_id: str, field: str) -> None:
    assert load_models()[hub_id].confidence[field] is Confidence.UNVERIFIED


def test_an_unlisted_model_is_not_guessed() -> None:
    assert find_model("Salesforce/Llama-xLAM-2-3b-fc-r") is None


def test_importing_the_core_loads_nothing_heavy() -> None:
    script = "import sys, registry.licensing; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "sqlmodel", "sqlalchemy", "grpc", "google", "dbos", "pydantic"} & set(loaded)


@pytest.mark.parametrize("profile", load_profiles(), ids=lambda one: one.id)
def test_what_a_release_permits_follows_from_the_category(profile: Profile) -> None:
    """A restricted work under a permissive licence that the decision table does not know would pass unnoticed."""
    permissive = profile.category in ("permissive", "attribution")
    assert is_permissive_outbound(profile.id) == permissive
    assert is_open_outbound(profile.id) == (permissive or profile.category in ("copyleft", "share-alike"))
