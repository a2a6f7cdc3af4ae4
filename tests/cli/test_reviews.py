"""``spiritsafe review`` against an embedded registry. One identity holds every token, so decisions here are refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def distil(spiritsafe: Command, weights: Path) -> str:
    """A student trained on the outputs of a non-commercial teacher; its version."""
    teacher = ("--kind", "base", "--imported", "--license", "cc-by-nc-4.0")
    student = ("--kind", "full", "--no-license", "--edge", "distill_outputs:xlam@1")
    for model, options in (("xlam", teacher), ("student", student)):
        assert spiritsafe("model", "create", model).code == 0
        registered = spiritsafe("model", "register", model, weights, *options)
        assert registered.code == 0, registered.err
    return "student@1"


def test_a_review_is_shown_with_its_path_and_listed_as_mine_once_assigned(spiritsafe: Command, weights: Path) -> None:
    version = distil(spiritsafe, weights)
    asked = spiritsafe("review", "request", version, "--context", "internal", "--format", "json")
    (review,) = asked.data["reviews"]
    assert [each for each in review["path"] if "/" not in each] == ["distill_outputs"]
    own = spiritsafe("review", "assign", review["name"], review["requester"], "--format", "json")
    assert (own.code, own.error["reason"]) == (3, "FOUR_EYES")
    assert spiritsafe("review", "assign", review["name"], "bob", "--format", "json").data["assignee"] == "bob"
    assert spiritsafe("review", "list", "--mine", "--format", "json").data == {"reviews": []}
    shown = spiritsafe("review", "show", review["name"])
    assert "distill_outputs" in shown.out
    assert "bob" in shown.out


def test_a_group_is_shown_before_it_is_decided(
    spiritsafe: Command, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = distil(spiritsafe, weights)
    (review,) = spiritsafe("review", "request", version, "--context", "internal", "--format", "json").data["reviews"]
    decision = ("decide-group", review["group"], "approve", "--rationale", "memo", "--answer", "no", "--answer", "no")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    declined = spiritsafe("review", *decision)
    assert declined.code == 1
    assert version in declined.err
    refused = spiritsafe("review", *decision, "--yes", "--format", "json")
    assert (refused.code, refused.error["reason"]) == (3, "FOUR_EYES")
    unknown = spiritsafe("review", "decide-group", "none", "reject", "--rationale", "no", "--yes", "--format", "json")
    assert unknown.code == 2
