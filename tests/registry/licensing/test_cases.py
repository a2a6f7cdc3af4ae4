"""The worked lineage cases, whose expectations stand beside them in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.licensing import evaluate_scenarios

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("data").joinpath("cases.json").read_text())["cases"]
EXPECTATIONS = ("expect", "reasons_must_include", "obligations_must_include", "why", "remediation", "title")


def contexts_of(case: dict[str, Any]) -> dict[str, Any]:
    """The result for a case of which only the input is left."""
    stripped = {name: value for name, value in case.items() if name not in EXPECTATIONS}
    (result,) = evaluate_scenarios({"cases": [stripped]})["cases"]
    assert result["id"] == case["id"]
    contexts: dict[str, Any] = result["contexts"]
    return contexts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_verdicts_are_the_first_choice_of_every_must_and_should(case: dict[str, Any]) -> None:
    expected = {context: expectation["verdict"] for context, expectation in case["expect"].items()}
    assert {context: result["verdict"] for context, result in contexts_of(case).items()} == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reasons_and_obligations_are_included(case: dict[str, Any]) -> None:
    results = contexts_of(case).values()
    codes = {reason["code"] for result in results for reason in result["reasons"]}
    obligations = {each for result in results for each in result["obligations"]}
    assert set(case["reasons_must_include"]) <= codes
    for wanted in case["obligations_must_include"]:
        assert any(each == wanted or each.split(":")[0] == wanted for each in obligations)


def test_the_file_evaluates_the_same_with_its_expectations() -> None:
    assert [case["contexts"] for case in evaluate_scenarios({"cases": CASES})["cases"]] == [
        contexts_of(case) for case in CASES
    ]


def test_the_explanation_shows_the_full_path_to_the_root() -> None:
    chain = next(case for case in CASES if case["id"] == "C24")
    paths = [reason["path"] for reason in contexts_of(chain)["commercial"]["reasons"]]
    assert ["aw", "mg", "f1", "x1"] in paths
