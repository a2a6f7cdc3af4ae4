"""``model`` and ``dataset`` alike, each on its own collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

JSON = ("--format", "json")


@pytest.mark.parametrize(("noun", "kind"), [("model", "full"), ("dataset", "prompts")])
def test_create_list_and_show(spiritsafe: Command, weights: Path, noun: str, kind: str) -> None:
    options = ("--display-name", "acme/Thing", "--description", "text", "--tag", "team=support", *JSON)
    made = spiritsafe(noun, "create", "thing", *options).data
    assert made["name"] == f"namespaces/default/{noun}s/thing"
    assert (made["display_name"], made["description"], made["tags"]) == ("acme/Thing", "text", {"team": "support"})
    spiritsafe(noun, "create", "other")
    spiritsafe(noun, "create", "tried", "--dry-run")
    listed = spiritsafe(noun, "list", *JSON).data[f"{noun}s"]
    assert [one["name"].rpartition("/")[2] for one in listed] == ["other", "thing"]
    assert spiritsafe(noun, "list", "--filter", 'tags.team = "support"', *JSON).data == {f"{noun}s": [made]}
    assert spiritsafe(noun, "show", "thing", *JSON).data == made
    spiritsafe(noun, "register", "thing", weights, "--kind", kind, "--no-license")
    assert spiritsafe(noun, "show", "thing@1", *JSON).data["name"] == f"{made['name']}/versions/1"


@pytest.mark.parametrize(("noun", "other"), [("model", "dataset"), ("dataset", "model")])
def test_the_collections_are_apart(spiritsafe: Command, noun: str, other: str) -> None:
    spiritsafe(noun, "create", "thing")
    assert spiritsafe(other, "list", *JSON).data == {f"{other}s": []}
    assert spiritsafe(other, "show", "thing").code == exits.NOT_FOUND


@pytest.mark.parametrize("noun", ["model", "dataset"])
def test_update_changes_what_is_given(spiritsafe: Command, noun: str) -> None:
    spiritsafe(noun, "create", "thing", "--description", "text", "--tag", "team=support", "--tag", "old=yes")
    assert spiritsafe(noun, "update", "thing", "--display-name", "acme/Tried", "--dry-run").code == exits.DONE
    assert spiritsafe(noun, "show", "thing", *JSON).data["display_name"] == "thing"
    changed = spiritsafe(noun, "update", "thing", "--display-name", "acme/Thing", "--tag", "team=sales", *JSON).data
    assert (changed["display_name"], changed["description"], changed["tags"]) == (
        "acme/Thing",
        "text",
        {"team": "sales"},
    )
    assert spiritsafe(noun, "show", "thing", *JSON).data == changed
    assert spiritsafe(noun, "update", "thing").code == exits.USAGE
    assert spiritsafe(noun, "update", "missing", "--description", "text").code == exits.NOT_FOUND
