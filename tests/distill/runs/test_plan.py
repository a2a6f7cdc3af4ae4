"""The lineage of a planned run as a what-if scenario."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from distill.environments.definitions import McpServer, PythonModule
from distill.environments.limits import Limits
from distill.recipe import Checkpoint, Recipe
from distill.recipe_parts import Judge
from distill.runs.plan import CONTEXTS, plan_scenario, plan_warnings, read_outcomes
from distill.teacher.endpoint.settings import EndpointSettings
from spiritsafe.registry.v1 import catalog_pb2
from tests.distill.recipes import tiny_recipe

RECIPE = tiny_recipe()
ENTRIES = {
    "Salesforce/xLAM-7b-fc-r": catalog_pb2.CatalogEntry(
        licenses=["cc-by-nc-4.0"],
        parents=[catalog_pb2.CatalogParent(edge_type="finetune", hub_repo="deepseek-ai/base")],
    ),
    "Qwen/Qwen3-8B": catalog_pb2.CatalogEntry(licenses=["apache-2.0"], base_family="qwen3"),
}


def graph(
    entries: dict[str, catalog_pb2.CatalogEntry], recipe: Recipe = RECIPE
) -> tuple[dict[str, Any], set[tuple[str, str, str]]]:
    case = plan_scenario(recipe, entries)["cases"][0]
    edges = {(edge["child"], edge["type"], edge["parent"]) for edge in case["edges"]}
    return {node["id"]: node for node in case["nodes"]}, edges


def test_the_graph_is_what_registration_writes() -> None:
    nodes, edges = graph(ENTRIES)
    assert edges == {
        ("Salesforce/xLAM-7b-fc-r", "finetune", "deepseek-ai/base"),
        ("teacher", "adapter", "Salesforce/xLAM-7b-fc-r"),
        ("teacher", "trained_on", "teacher-data"),
        ("traces", "generated_by", "teacher"),
        ("student-adapter", "adapter", "Qwen/Qwen3-8B"),
        ("student-adapter", "trained_on", "traces"),
        ("student", "merge", "Qwen/Qwen3-8B"),
        ("student", "merge", "student-adapter"),
        ("student", "trained_on", "traces"),
    }
    assert nodes["teacher"]["licenses"] == ["cc-by-nc-4.0"]
    assert nodes["student"]["licenses"] == ["apache-2.0"]
    assert nodes["traces"]["licenses"] == nodes["teacher-data"]["licenses"] == []
    assert nodes["Qwen/Qwen3-8B"]["base_family"] == "qwen3"


def test_an_ancestor_outside_of_the_catalogue_is_unknown_not_free() -> None:
    nodes, _ = graph(ENTRIES)
    assert "licenses" not in nodes["deepseek-ai/base"]


def test_bases_and_data_that_nobody_knows_are_unknown() -> None:
    nodes, edges = graph({})
    assert "licenses" not in nodes["teacher-base"]
    assert "licenses" not in nodes["student-base"]
    assert ("teacher", "adapter", "teacher-base") in edges
    own = replace(RECIPE, teacher=replace(RECIPE.teacher, dataset_path="/rows.jsonl"))
    case = plan_scenario(own, ENTRIES)["cases"][0]
    assert "licenses" not in next(node for node in case["nodes"] if node["id"] == "teacher-data")


def test_judge_and_replay_reach_the_traces() -> None:
    judge = Judge(EndpointSettings(("http://judge/v1",)), "Qwen/Qwen3-8B")
    curation = replace(RECIPE.curation, replay_path="/general.jsonl")
    nodes, edges = graph(ENTRIES, replace(RECIPE, judge=judge, curation=curation))
    assert {edge for edge in edges if edge[0] == "traces"} == {
        ("traces", "generated_by", "teacher"),
        ("traces", "judged_by", "Qwen/Qwen3-8B"),
        ("traces", "derived_from", "replay"),
    }
    assert "licenses" not in nodes["replay"]
    unknown = replace(RECIPE, judge=replace(judge, catalog_entry=""))
    nodes, edges = graph(ENTRIES, unknown)
    assert ("traces", "judged_by", "judge") in edges
    assert "licenses" not in nodes["judge"]
    assert any("judge" in warning for warning in plan_warnings(unknown, ENTRIES))


def test_a_teacher_behind_an_endpoint_is_its_base() -> None:
    teacher = replace(RECIPE.teacher, endpoint=EndpointSettings(("http://teacher/v1",)))
    case = plan_scenario(replace(RECIPE, teacher=teacher), ENTRIES)["cases"][0]
    assert (case["id"], case["subject"]) == ("teacher", "Salesforce/xLAM-7b-fc-r")
    assert not {"teacher", "teacher-data"} & {node["id"] for node in case["nodes"]}
    assert {"child": "traces", "type": "generated_by", "parent": case["subject"]} in case["edges"]


def test_the_three_subjects_share_one_graph() -> None:
    cases = plan_scenario(RECIPE, ENTRIES)["cases"]
    assert [case["subject"] for case in cases] == ["teacher", "traces", "student"]
    assert all(case["nodes"] == cases[0]["nodes"] for case in cases)


def test_outcomes_name_each_reason_once() -> None:
    verdict = {"verdict": "denied", "reasons": [{"code": "A"}, {"code": "B"}, {"code": "A"}]}
    (outcome,) = read_outcomes({"cases": [{"id": "student", "contexts": {"commercial": verdict}}]})
    assert (outcome.subject, outcome.context, outcome.verdict) == ("student", "commercial", "denied")
    assert list(outcome.reasons) == ["A", "B"]


def test_outcomes_have_one_order_however_they_come() -> None:
    contexts = {context: {"verdict": "allowed", "reasons": []} for context in sorted(CONTEXTS)}
    told = read_outcomes({"cases": [{"id": "student", "contexts": contexts}]})
    assert [one.context for one in told] == ["research", "education", "internal", "commercial"]


def test_warnings() -> None:
    real = Checkpoint("path", "/weights", "", "")
    base = replace(RECIPE.student, base=real, licenses=())
    told = " ".join(plan_warnings(replace(RECIPE, student=base), ENTRIES))
    assert "stand-in" in told
    assert "student base /weights is not in the catalogue" in told
    assert "outbound licence" in told
    both = replace(RECIPE, student=replace(base, licenses=("mit",)), teacher=replace(RECIPE.teacher, base=real))
    assert "stand-in" not in " ".join(plan_warnings(both, ENTRIES))


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"mcp": McpServer(url="https://tools.example/mcp")}, "at https://tools.example/mcp runs elsewhere"),
        ({"module": PythonModule("shop.world")}, "changes of the module shop.world are not noticed"),
        ({"module": PythonModule("a.py"), "limits": Limits(network=True)}, "may use the network"),
        ({"limits": Limits(network=True)}, ""),
    ],
)
def test_what_a_limit_does_not_hold_is_told(changes: dict[str, Any], warning: str) -> None:
    recipe = replace(RECIPE, environment=replace(RECIPE.environment, **changes))
    told = [one for one in plan_warnings(recipe, ENTRIES) if "environment" in one or "module" in one]
    assert [warning in one for one in told] == ([True] if warning else [])
