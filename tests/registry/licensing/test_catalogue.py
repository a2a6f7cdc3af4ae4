"""The shipped data: licence profiles and known models."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

from registry.licensing import (
    Catalogue,
    EdgeType,
    Policy,
    ProfileError,
    find_model,
    load_models,
    load_profiles,
    parse_profile,
    upstream_licenses,
)
from registry.licensing.entries import Confidence, LineageCompleteness
from registry.licensing.vocabulary import ReachKey, ReachStatus, TermCode

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


def test_every_model_names_known_licences_bases_and_confidence() -> None:
    for model in load_models().values():
        assert model.licenses
        assert all(each in load_profiles() for each in model.licenses)
        assert model.base is None or model.base.hub_id in load_models()
        assert set(model.confidence) == {"hub_id", "licenses"} | ({"base"} if model.base else set())
        assert model.source
        assert (model.lineage_completeness is LineageCompleteness.ROOT) == (model.base is None)


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
    assert (model.licenses, upstream_licenses(hub_id)) == (own, upstream)
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
