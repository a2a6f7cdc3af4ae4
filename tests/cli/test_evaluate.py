"""``spiritsafe license evaluate`` on the worked cases, with and without their expectations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.conftest import Command

CASES = Path(__file__).parents[1] / "registry" / "licensing" / "data" / "cases.json"


NODE = '{"id": "a", "kind": "model", "name": "acme/a", "licenses": []}'


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(CASES.read_text("utf-8"))["cases"]
    return found


def without_answers(case: dict[str, Any]) -> dict[str, Any]:
    hidden = ("expect", "reasons_must_include", "obligations_must_include", "why", "remediation", "title")
    return {key: value for key, value in case.items() if key not in hidden}


@pytest.mark.parametrize("hide", [False, True])
def test_every_must_is_met(spiritsafe: Command, tmp_path: Path, hide: bool) -> None:
    file = tmp_path / "cases.json"
    given = [without_answers(case) if hide else case for case in cases()]
    file.write_text(json.dumps({"cases": given}))
    done = spiritsafe("license", "evaluate", file, "--format", "json")
    assert done.code == exits.DONE, done.err
    answers = {case["id"]: case["contexts"] for case in done.data["cases"]}
    assert len(answers) == len(given)
    wrong = [
        (case["id"], context, answers[case["id"]][context]["verdict"])
        for case in cases()
        for context, expected in case["expect"].items()
        if expected["strength"] == "must"
        and answers[case["id"]][context]["verdict"] not in (expected["verdict"], *expected["also_acceptable"])
    ]
    assert wrong == []


def test_output_has_exactly_the_documented_fields(spiritsafe: Command) -> None:
    data = spiritsafe("license", "evaluate", CASES, "--format", "json").data
    assert data.keys() == {"cases"}
    for case in data["cases"]:
        assert case.keys() == {"id", "contexts"}
        assert list(case["contexts"]) == ["research", "education", "internal", "commercial"]
        for found in case["contexts"].values():
            assert found.keys() == {"verdict", "explanation", "reasons", "obligations"}
            for reason in found["reasons"]:
                assert reason.keys() == {"code", "licenses", "path", "clause", "remedy"}


def test_explanations_are_told_in_paragraphs(spiritsafe: Command) -> None:
    done = spiritsafe("license", "evaluate", CASES, "--explain")
    assert done.code == exits.DONE
    told = " ".join(done.out.split())
    assert (
        "C02 commercial: Denied for commercial use, released as Apache-2.0: acme/tool-adapter is an adapter on" in told
    )
    assert "Salesforce/xLAM-7b-fc-r, whose CC-BY-NC-4.0 (sections 1(i) and 2(a)(1)) permits non-commercial use" in told
    assert told.count(" commercial: ") == len(cases())


def test_nothing_is_registered(spiritsafe: Command) -> None:
    assert spiritsafe("license", "evaluate", CASES).code == exits.DONE
    assert spiritsafe("model", "list", "--format", "json").data == {"models": []}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"nodes": [{"id": "a"}], "edges": [], "subject": "a"}', "nodes[0].kind"),
        (f'{{"nodes": [{NODE}], "edges": [], "subject": "b"}}', "subject"),
        (f'{{"nodes": [{NODE}], "edges": [{{"child": "a", "type": "x", "parent": "a"}}], "subject": "a"}}', "type"),
        ('{"nodes": [{"id": "a", "licenses": NaN}], "subject": "a"}', "NaN"),
    ],
)
def test_malformed_scenarios_name_the_field(spiritsafe: Command, tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(text)
    done = spiritsafe("license", "evaluate", file, "--format", "json")
    assert done.code == exits.USAGE
    assert named in json.dumps(done.error)


def test_a_missing_file(spiritsafe: Command, tmp_path: Path) -> None:
    assert spiritsafe("license", "evaluate", tmp_path / "absent.json").code == exits.USAGE
