"""Scenario files: what they may say, and the message when they do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from registry.licensing import ScenarioError, evaluate_scenarios

Case = dict[str, Any]
BASE: Case = {
    "nodes": [
        {"id": "student", "kind": "model", "name": "acme/student", "licenses": ["apache-2.0"]},
        {"id": "base", "kind": "model", "name": "Qwen/Qwen3-8B", "licenses": ["apache-2.0"], "base_family": "qwen3"},
    ],
    "edges": [{"child": "student", "type": "finetune", "parent": "base"}],
    "subject": "student",
}
STRICT: dict[str, Any] = {
    "id": "strict",
    "outbound_relicense": "noncommercial",
    "limitations": [{"code": "NC", "detail": "clause 9"}],
    "reach": {
        key: {"status": "binding"}
        for key in ("weights", "distill_logits", "distill_outputs", "generated_by", "judged_by", "trained_on")
    },
}


def changed(**fields: Any) -> Case:
    return {**copy.deepcopy(BASE), **fields}


def with_node(**fields: Any) -> Case:
    case = copy.deepcopy(BASE)
    case["nodes"][1].update(fields)
    return case


def with_edge(**fields: Any) -> Case:
    case = copy.deepcopy(BASE)
    case["edges"][0].update(fields)
    return case


def test_the_exact_output() -> None:
    case = {**with_node(licenses=["strict"]), "profiles": [STRICT], "id": "one"}
    duties = ["LICENSE_COPY:apache-2.0", "RETAIN_NOTICES:apache-2.0", "STATE_CHANGES:apache-2.0"]

    def reason(code: str, remedy: str) -> Case:
        path = ["student", "base"]
        return {"code": code, "licenses": ["strict"], "path": path, "clause": "clause 9", "remedy": remedy}

    agreement = "get an agreement with the licensor, or choose another teacher or base"
    ask = "ask for a review of this reason, get an agreement with the licensor, or choose another teacher or base"
    relabel = "relabel it: release it under a licence that passes these terms on"
    denials = [reason("NC_LIMITATION", agreement), reason("OUTBOUND_LICENSE_INCOMPATIBLE", relabel)]
    internal = [reason("NC_INTERNAL_USE_AMBIGUOUS", ask)]
    result = evaluate_scenarios(case)
    for context in result["cases"][0]["contexts"].values():
        assert context.pop("explanation")  # tests/registry/licensing/test_explanation.py
    assert result == {
        "cases": [
            {
                "id": "one",
                "contexts": {
                    "research": {"verdict": "allowed", "reasons": [], "obligations": []},
                    "education": {"verdict": "allowed", "reasons": [], "obligations": []},
                    "internal": {"verdict": "needs_review", "reasons": internal, "obligations": []},
                    "commercial": {"verdict": "denied", "reasons": denials, "obligations": duties},
                },
            }
        ]
    }


def verdicts(document: Case) -> list[str]:
    (case,) = evaluate_scenarios(document)["cases"]
    return [case["contexts"][context]["verdict"] for context in ("research", "education", "internal", "commercial")]


def test_an_absent_licence_field_is_unknown_and_an_empty_one_is_none() -> None:
    absent = copy.deepcopy(BASE)
    del absent["nodes"][1]["licenses"]
    assert verdicts(absent) == ["needs_review"] * 4
    assert verdicts(with_node(licenses=["never-heard-of"])) == ["needs_review"] * 4
    assert verdicts(with_node(licenses=[])) == ["allowed", "allowed", "allowed", "allowed_with_obligations"]


def test_alerts_are_raised_for_the_subject() -> None:
    assert verdicts(changed(facts={"alerts": ["UNDECLARED_PARENT_SUSPECTED"]})) == ["needs_review"] * 4


@pytest.mark.parametrize("outbound", [None, "", " ", [], [""], " MIT ", ["other", "mit "]])
def test_no_spelling_of_the_outbound_licence_hides_a_permissive_release(outbound: object) -> None:
    case = {**with_node(licenses=["gemma"]), "facts": {"outbound_license": outbound}}
    assert verdicts(case)[3] == "denied"


def test_a_message_names_some_nodes_of_a_large_file() -> None:
    nodes = [{"id": f"n{number}", "kind": "model", "licenses": []} for number in range(1000)]
    with pytest.raises(ScenarioError, match=r"name one of: n0, n1, .*, n9, …$"):
        evaluate_scenarios({"nodes": nodes, "subject": "nobody"})


def test_distribution_may_be_named_by_context() -> None:
    case = changed(facts={"distribute_in": ["research"]})
    assert verdicts(case) == ["allowed_with_obligations", "allowed", "allowed", "allowed_with_obligations"]


def test_profiles_of_the_file_and_of_a_case_are_used() -> None:
    case = with_node(licenses=["strict"])
    for document in ({"cases": [case], "profiles": [STRICT]}, {"cases": [{**case, "profiles": [STRICT]}]}):
        assert verdicts(document) == ["allowed", "allowed", "needs_review", "denied"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the file must be an object"),
        ({"cases": {}}, "cases must be a list"),
        ({"cases": [3]}, r"cases\[0\] must be an object"),
        ({"cases": [changed(id="C9", subject="nobody")]}, "case C9: subject 'nobody' is not the id of a node"),
        ({}, "nodes must be a list"),
        (changed(subject=["student"]), "subject .* is not the id of a node"),
        (with_node(id=""), r"nodes\[1\].id must be a non-empty string"),
        (with_node(id="student"), r"nodes\[1\].id 'student' is used twice"),
        (with_node(kind="llm"), r"nodes\[1\].kind is 'llm'; use one of: model, dataset, service"),
        (with_node(licenses="mit"), r"nodes\[1\].licenses must be a list of strings"),
        (with_node(licenses=None), r"nodes\[1\].licenses must be a list of strings"),
        (with_node(waived="mit"), r"nodes\[1\].waived must be a list of strings"),
        (with_node(multimodal="no"), r"nodes\[1\].multimodal must be true or false"),
        (with_node(base_family=3), r"nodes\[1\].base_family must be a non-empty string"),
        (with_edge(parent="ghost"), r"edges\[0\].parent 'ghost' is not the id of a node"),
        (with_edge(child={}), r"edges\[0\].child {} is not the id of a node"),
        (with_edge(type="inspired_by"), r"edges\[0\].type is 'inspired_by'; use one of: finetune"),
        (with_edge(parent="student"), r"edges form a cycle \(student > student\)"),
        (
            changed(edges=[*BASE["edges"], {"child": "base", "type": "evaluated_against", "parent": "student"}]),
            "edges form a cycle",
        ),
        (changed(facts={"outbound": "mit"}), "facts has no field 'outbound'"),
        (changed(facts={"outbound_license": 3}), "facts.outbound_license, if not a string, must be a list of strings"),
        (changed(facts={"distribute_in": ["sales"]}), "facts.distribute_in is 'sales'; use one of: research"),
        (changed(facts={"policy": {"nc": "deny"}}), "policy has no setting 'nc'"),
        (changed(facts={"policy": {"unknown_license": "allow"}}), "policy unknown_license is 'allow'; use one of"),
        (changed(facts={"policy": {"adapter_alone_is_derivative": 1}}), "use one of: true, false"),
        (changed(facts={"approvals": "ALL"}), "facts.approvals must be a list of strings"),
        (changed(facts={"licensee_in_eu": "yes"}), "facts.licensee_in_eu must be true or false"),
        (
            changed(facts={"mau_over_threshold": 5}),
            "facts.mau_over_threshold, if not true or false, must be a list of strings",
        ),
        (changed(profiles=[{"id": "x"}]), "profile 'x' lacks the field 'outbound_relicense'"),
        (with_node(licenses=["a OR b"]), r"nodes\[1\].licenses\[0\] is 'a OR b', which is not one licence id"),
        (with_node(licenses=["mit", "(mit)"]), r"nodes\[1\].licenses\[1\] is '\(mit\)', which is not one"),
        (with_node(licenses=[""]), r"nodes\[1\].licenses\[0\] is '', which is not one licence id"),
        (with_node(waived=["a AND b"]), r"nodes\[1\].waived\[0\] is 'a AND b', which is not one licence id"),
        (changed(facts={"outbound_license": "mit OR gemma"}), "facts.outbound_license is 'mit OR gemma', which is not"),
        (changed(facts={"outbound_license": ["mit", "a b"]}), "facts.outbound_license is 'a b', which is not one"),
        (changed(facts={"mau_over_threshold": ["a b"]}), r"mau_over_threshold, .*\[0\] is 'a b', which is not one"),
        (changed(facts=[]), "facts must be an object"),
        (changed(facts={"policy": []}), "facts.policy must be an object"),
        (changed(facts={"alerts": "LICENSE_CONFLICT"}), "facts.alerts must be a list of strings"),
        (changed(profiles=[{**STRICT, "limitations": [{"code": "NO_FUN"}]}]), r"limitations\[0\].code is 'NO_FUN'"),
        (
            changed(profiles=[{**STRICT, "reach": {**STRICT["reach"], "osmosis": {"status": "none"}}}]),
            "profile 'strict' reach is 'osmosis'; use one of",
        ),
        (changed(profiles=[{**STRICT, "confidence": "sure"}]), "confidence is 'sure'; use one of: verified"),
        (
            changed(profiles=[{**STRICT, "limitations": [{"code": "NC", "exept_base": []}]}]),
            r"limitations\[0\] has an unknown field 'exept_base'",
        ),
    ],
)
def test_malformed_files_name_the_field(document: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        evaluate_scenarios(document)
