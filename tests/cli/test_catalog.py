"""``spiritsafe catalog`` against a real embedded registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.conftest import Command

TEACHER = "Salesforce/xLAM-7b-fc-r"
FACT = {"source": "contract 7", "as_of": "2026-11-20", "confidence": "verified"}
OURS: dict[str, Any] = {
    "kind": "model",
    "hub_id": "acme/support-base",
    "licenses": ["mit"],
    "facts": {"hub_id": FACT, "licenses": FACT},
}


def written(folder: Path, content: Any) -> Path:
    file = folder / "entries.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_what_is_known_is_listed_and_shown(spiritsafe: Command) -> None:
    datasets = spiritsafe("catalog", "list", "--kind", "dataset", "--format", "json").data["entries"]
    assert {"Salesforce/APIGen-MT-5k", "Salesforce/xlam-function-calling-60k"} <= {one["hub_repo"] for one in datasets}
    nc = spiritsafe("catalog", "list", "--license", "cc-by-nc-4.0", "--format", "json").data["entries"]
    assert TEACHER in {one["hub_repo"] for one in nc}
    entry = spiritsafe("catalog", "show", TEACHER.lower(), "--format", "json").data
    assert (entry["licenses"], entry["upstream_licenses"]) == (["cc-by-nc-4.0"], ["deepseek-model-1.0"])
    assert (entry["kind"], entry["origin"]) == ("model", "shipped")
    shown = spiritsafe("catalog", "show", "Salesforce/xlam-function-calling-60k#mixtral").out
    assert "mistralai/Mixtral-8x22B-Instruct-v0.1" in shown
    assert "DeepSeek-V2-Chat" not in shown.partition("what is stated")[0]
    assert spiritsafe("catalog", "show", "acme/nothing").code == exits.NOT_FOUND


def test_a_shipped_entry_is_changed_and_taken_back(spiritsafe: Command, tmp_path: Path) -> None:
    document = spiritsafe("catalog", "show", TEACHER, "--document").data
    document["entries"][0]["licenses"] = ["salesforce-xlam-research"]
    file = written(tmp_path, document)
    tried = spiritsafe("catalog", "import", file, "--reason", "memo", "--dry-run", "--format", "json").data
    assert [one["licenses"] for one in tried["entries"]] == [["salesforce-xlam-research"]]
    assert spiritsafe("catalog", "list", "--origin", "curated", "--format", "json").data == {"entries": []}

    done = spiritsafe("catalog", "import", file, "--reason", "memo of 12 May", "--format", "json").data
    assert done["entries"][0]["reason"] == "memo of 12 May"
    shown = spiritsafe("catalog", "show", TEACHER).out
    assert "memo of 12 May" in shown
    assert "overrides the shipped entry: cc-by-nc-4.0" in shown
    assert "2 " in spiritsafe("audit", "log").out

    back = spiritsafe("catalog", "withdraw", TEACHER, "--reason", "wrong", "--format", "json").data
    assert back["entry"]["licenses"] == ["cc-by-nc-4.0"]


def test_an_entry_of_ones_own_serves_registration(spiritsafe: Command, tmp_path: Path, weights: Path) -> None:
    assert spiritsafe("catalog", "import", written(tmp_path, OURS), "--reason", "ours").code == exits.DONE
    spiritsafe("model", "create", "base")
    register = ("model", "register", "base", weights, "--kind", "base", "--from-catalog", "acme/support-base")
    version = spiritsafe(*register, "--format", "json").data
    assert version["declared_licenses"] == {"ids": ["mit"]}
    done = spiritsafe("catalog", "withdraw", "acme/support-base", "--reason", "gone")
    assert done.code == exits.DONE
    assert "no longer in the catalogue" in done.err
    assert spiritsafe("catalog", "show", "acme/support-base").code == exits.NOT_FOUND


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{", ""),
        ("[]", ""),
        ([OURS, 3], "entries.json: entries[1]"),
        ([OURS | {"licenses": ["beer-ware"]}], "entries.json: entries[0].licenses[0]"),
        ({"entries": [OURS | {"licence": "mit"}]}, "entries.json: entries[0].licence"),
        (OURS | {"facts": {"hub_id": FACT}}, "entries.json: entries[0].facts.licenses"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_entry_and_field(
    spiritsafe: Command, tmp_path: Path, content: Any, field: str
) -> None:
    file = written(tmp_path, content)
    done = spiritsafe("catalog", "import", file, "--reason", "try", "--format", "json")
    assert done.code == exits.USAGE
    assert done.error["violations"][0]["field"].endswith(field or str(file))
    assert spiritsafe("catalog", "list", "--origin", "curated", "--format", "json").data == {"entries": []}
