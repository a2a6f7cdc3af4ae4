"""Policies, profile revisions, their impact and what followed, as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cli import exits
from tests.cli.conftest import Command
from tests.registry.reevaluation.documents import policy_document, profile_document


def written(folder: Path, value: Any) -> Path:
    file = folder / "document.json"
    file.write_text(json.dumps(value))
    return file


def register(spiritsafe: Command, weights: Path) -> None:
    """A non-commercial base and a tune of it."""
    for slug in ("base", "tune"):
        spiritsafe("model", "create", slug)
    base = ("model", "register", "base", weights, "--kind", "base", "--imported", "--license", "cc-by-nc-4.0")
    assert spiritsafe(*base).code == exits.DONE
    tune = ("model", "register", "tune", weights, "--kind", "full", "--no-license", "--edge", "finetune:base@1")
    done = spiritsafe(*tune)
    assert done.code == exits.DONE, done.err


def test_a_policy_is_shown_set_and_listed(spiritsafe: Command, tmp_path: Path) -> None:
    shown = spiritsafe("policy", "show", "--format", "json").data
    assert (shown["revision"], shown["settings"]) == (0, policy_document())
    file = written(tmp_path, shown["settings"] | {"nc_output_reach": "deny"})
    made = spiritsafe("policy", "set", file, "--reason", "a memo", "--format", "json").data
    assert (made["name"], made["reason"]) == ("policies/1", "a memo")
    assert spiritsafe("policy", "show", "1", "--format", "json").data == made
    listed = spiritsafe("policy", "list", "--format", "json").data["policies"]
    assert [one["revision"] for one in listed] == [1, 0]
    assert "a memo" in spiritsafe("policy", "list").out


def test_a_bad_policy_names_the_setting(spiritsafe: Command, tmp_path: Path) -> None:
    file = written(tmp_path, policy_document(nc_internal_use="maybe"))
    for command in (("policy", "set", file, "--reason", "a memo"), ("license", "impact", "--policy", file)):
        done = spiritsafe(*command, "--format", "json")
        assert done.code == exits.USAGE
        assert done.error["violations"][0]["field"].endswith(".nc_internal_use")
    assert spiritsafe("policy", "set", tmp_path / "none.json", "--reason", "x").code == exits.USAGE
    assert spiritsafe("license", "impact").code == exits.USAGE
    assert spiritsafe("policy", "show", "7").code == exits.NOT_FOUND


def test_a_profile_is_tried_revised_and_followed(spiritsafe: Command, weights: Path, tmp_path: Path) -> None:
    register(spiritsafe, weights)
    file = written(tmp_path, profile_document("apache-2.0", id="cc-by-nc-4.0"))
    foreseen = spiritsafe("license", "impact", "--profile", file, "--format", "json").data
    assert foreseen["reached"] == 2
    assert {one["version"].split("/")[3] for one in foreseen["changes"]} == {"base", "tune"}
    made = spiritsafe("license", "revise", file, "--reason", "read again", "--format", "json").data
    assert (made["id"], made["revision"], made["revision_reason"]) == ("cc-by-nc-4.0", 1, "read again")
    # The command's own server ran the re-evaluation before it ended.
    (job,) = spiritsafe("license", "reevaluations", "--format", "json").data["reevaluations"]
    assert (job["state"], job["changed"]) == ("done", len(foreseen["changes"]))
    found = spiritsafe("license", "changes", "--format", "json").data["changes"]
    kept = [{key: one[key] for key in foreseen["changes"][0]} for one in found]
    assert sorted(kept, key=str) == sorted(foreseen["changes"], key=str)
    assert {one["cause"] for one in found} == {"license.revised"}
    for command in (("license", "changes"), ("license", "reevaluations"), ("license", "impact", "--profile", file)):
        assert spiritsafe(*command).code == exits.DONE
    log = spiritsafe("audit", "log", "--filter", 'actor = "system"', "--format", "json").data["events"]
    assert {event["type"] for event in log} == {"verdict.changed"}


def test_a_bad_profile_names_the_field(spiritsafe: Command, tmp_path: Path) -> None:
    file = written(tmp_path, profile_document("mit", limitations=[{"code": "NO_FUN"}]))
    done = spiritsafe("license", "revise", file, "--reason", "x", "--format", "json")
    assert done.code == exits.USAGE
    assert "limitations[0].code" in done.error["message"]
