"""``spiritsafe license plan``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

PLAN = ("license", "plan", "--student", "Qwen/Qwen3-8B", "--outbound", "apache-2.0")
XLAM = ("--teacher", "Salesforce/xLAM-7b-fc-r")
ROWS = "Salesforce/xlam-function-calling-60k"


def test_the_table_tells_verdicts_reasons_and_the_cheapest_way(spiritsafe: Command) -> None:
    done = spiritsafe(*PLAN, *XLAM, "--name", "acme/support", "--context", "commercial")
    assert done.code == exits.DONE, done.err
    told = " ".join(done.out.split())
    for text in (
        "acme/support: Qwen/Qwen3-8B trained on outputs of Salesforce/xLAM-7b-fc-r, released under apache-2.0",
        "Denied, OUTBOUND_LICENSE_INCOMPATIBLE: deepseek-model-1.0 of deepseek-ai/deepseek-coder-7b-instruct-v1.5",
        "Cheapest way to clear commercial:",
        "1. outbound licence: openrail-m instead of apache-2.0",
        "would then be needs_review, and allowed_with_obligations once decided",
        "would need an approved review of NC_OUTPUT_REACH_CONTESTED, cc-by-nc-4.0 of Salesforce/xLAM-7b-fc-r",
        "open: Was the non-commercial model, as teacher or judge, run to build a commercial product",
        "2. teacher: Salesforce/xLAM-2-32b-fc-r instead of Salesforce/xLAM-7b-fc-r",
        "rests on facts that are not verified: Salesforce/xLAM-7b-fc-r base (secondary)",
    ):
        assert text in told
    assert "Cheapest way to clear internal" not in told


def test_json_is_complete(spiritsafe: Command) -> None:
    options = ("--judge", "Qwen/Qwen3-32B", "--method", "logits", "--eu", "--distributed", "--plans", "1")
    data = spiritsafe(*PLAN, *XLAM, *options, "--dataset", f"{ROWS}#mixtral", "--format", "json").data
    assert data["recipe"]["method"] == "logits"
    assert data["recipe"]["datasets"] == [f"{ROWS}#mixtral"]
    assert [each["context"] for each in data["evaluations"]] == ["research", "education", "internal", "commercial"]
    searches = {each["context"]: each for each in data["searches"]}
    assert set(searches) == {
        each["context"] for each in data["evaluations"] if each["verdict"] in ("needs_review", "denied")
    }
    for search in searches.values():
        assert search["complete"]
        assert len(search["plans"]) == 1
        assert search["plans"][0]["verdict"].startswith("allowed")


def test_the_clean_route_needs_no_plan(spiritsafe: Command) -> None:
    done = spiritsafe(*PLAN, "--dataset", f"{ROWS}#mixtral")
    assert done.code == exits.DONE
    assert "Cheapest way" not in done.out
    assert "denied" not in done.out


def test_versions_of_the_registry_are_named_in_short(spiritsafe: Command, weights: Path) -> None:
    spiritsafe("model", "create", "ours")
    spiritsafe("model", "register", "ours", weights, "--kind", "base", "--license", "cc-by-nc-4.0")
    done = spiritsafe(*PLAN, "--teacher", "ours@1", "--context", "commercial", "--plans", "10")
    told = " ".join(done.out.split())
    assert "trained on outputs of ours@1, released under apache-2.0" in told
    assert "an agreement with ours@1 that waives cc-by-nc-4.0 on ours@1" in told


def test_a_name_without_a_number_is_the_newest_version(spiritsafe: Command, weights: Path) -> None:
    spiritsafe("dataset", "create", "rows")
    spiritsafe("dataset", "register", "rows", weights, "--kind", "trajectories", "--no-license")
    done = spiritsafe(*PLAN, "--dataset", "rows", "--format", "json")
    assert done.data["recipe"]["datasets"] == ["namespaces/default/datasets/rows/versions/1"]


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ((), exits.USAGE, "name a teacher with --teacher, or data to train on with --dataset"),
        (("--teacher", "Salesforce/xLAM-7b"), exits.NOT_FOUND, "nearest known: Salesforce/xLAM-7b-r"),
        (("--teacher", "nothing@1"), exits.NOT_FOUND, "is not in the registry"),
        ((*XLAM, "--method", "osmosis"), exits.USAGE, "osmosis"),
    ],
)
def test_errors_say_what_to_do(spiritsafe: Command, options: tuple[str, ...], code: int, text: str) -> None:
    done = spiritsafe(*PLAN, *options)
    assert done.code == code
    assert text in " ".join(done.err.split())
