"""Profiles, the catalogue and what-ifs over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from registry.licensing import evaluate_scenarios, load_profiles
from registry.licensing.vocabulary import ReachKey
from spiritsafe.errors import InvalidArgument, NotFound
from spiritsafe.registry.v1 import licensing_pb2
from tests.registry.builders import Story

CASES = Path(__file__).parents[1] / "licensing" / "data" / "cases.json"


def evaluate(story: Story, scenario: dict[str, Any]) -> dict[str, Any]:
    struct = json_format.ParseDict(scenario, struct_pb2.Struct())
    response = story.ada.licenses.EvaluateScenario(licensing_pb2.EvaluateScenarioRequest(scenario=struct))
    result: dict[str, Any] = json_format.MessageToDict(response.result)
    return result


def scenario(**facts: Any) -> dict[str, Any]:
    node = {"id": "m", "kind": "model", "name": "m", "licenses": ["llama3.1"], "base_family": "llama3.1"}
    return {"id": "case", "nodes": [node], "edges": [], "subject": "m", "facts": facts}


def codes(result: dict[str, Any], context: str = "commercial") -> list[str]:
    return [each["code"] for each in result["cases"][0]["contexts"][context]["reasons"]]


def test_every_profile_is_listed_page_by_page(shared_story: Story) -> None:
    found: list[str] = []
    token = ""
    while True:
        request = licensing_pb2.ListLicensesRequest(page_size=7, page_token=token)
        response = shared_story.ada.licenses.ListLicenses(request)
        assert len(response.licenses) <= 7
        found += [each.id for each in response.licenses]
        token = response.next_page_token
        if not token:
            break
    assert found == sorted(profile.id for profile in load_profiles())


def test_profile_shows_codes_reach_and_evidence(shared_story: Story) -> None:
    request = licensing_pb2.GetLicenseRequest(name="licenses/cc-by-nc-4.0")
    found = shared_story.ada.licenses.GetLicense(request).license
    assert found.spdx_id == "CC-BY-NC-4.0"
    assert [each.code for each in found.limitations] == ["NC"]
    assert {each.key: each.status for each in found.reach}["distill_outputs"] == "contested"
    assert found.purposes["commercial"] == "deny"
    assert found.evidence
    assert found.confidence == "verified"


@pytest.mark.parametrize("name", ["licenses/beer-ware", "licenses/CC-BY-NC-4.0"])
def test_unknown_profile_is_not_answered_with_another(shared_story: Story, name: str) -> None:
    with pytest.raises(NotFound):
        shared_story.ada.licenses.GetLicense(licensing_pb2.GetLicenseRequest(name=name))


def test_malformed_licence_name_names_the_field(shared_story: Story) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shared_story.ada.licenses.GetLicense(licensing_pb2.GetLicenseRequest(name="mit"))
    assert [each.field for each in caught.value.violations] == ["name"]


def test_the_shipped_cases_come_out_as_in_process(shared_story: Story) -> None:
    cases = json.loads(CASES.read_text())
    assert evaluate(shared_story, cases) == evaluate_scenarios(cases)


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (True, ["MAU_THRESHOLD_EXCEEDED"]),
        (False, []),
        (["llama3.1"], ["MAU_THRESHOLD_EXCEEDED"]),
        (["qwen"], []),
    ],
)
def test_user_caps_survive_the_wire(shared_story: Story, over: bool | list[str], expected: list[str]) -> None:
    given = scenario(mau_over_threshold=over, outbound_license="other")
    assert codes(evaluate(shared_story, given)) == expected


def test_whole_numbers_of_a_files_own_profile_survive_the_wire(shared_story: Story) -> None:
    """A Struct turns 700 into 700.0, which a profile's threshold would not take."""
    reach = {key.value: {"status": "binding"} for key in ReachKey}
    profile = {
        "id": "house",
        "reach": reach,
        "outbound_relicense": "any",
        "limitations": [{"code": "MAU_CAP", "threshold": 700}],
    }
    given = scenario(mau_over_threshold=["house"]) | {"profiles": [profile]}
    given["nodes"][0]["licenses"] = ["house"]
    assert codes(evaluate(shared_story, given)) == ["MAU_THRESHOLD_EXCEEDED"]


def test_malformed_scenario_is_refused_with_the_field(shared_story: Story) -> None:
    with pytest.raises(InvalidArgument, match="case case: facts has no field 'outbound'") as caught:
        evaluate(shared_story, scenario(outbound="mit"))
    assert caught.value.reason == "INVALID_SCENARIO"
    assert [each.field for each in caught.value.violations] == ["scenario"]
