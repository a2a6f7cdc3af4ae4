"""``model|dataset|version delete`` and ``undelete``."""

from __future__ import annotations

from pathlib import Path

from cli import exits
from tests.cli.conftest import Command

JSON = ("--format", "json")


def names(spiritsafe: Command, *arguments: str) -> list[str]:
    (found,) = spiritsafe(*arguments, *JSON).data.values()
    return [one["name"].removeprefix("namespaces/default/") for one in found]


def test_a_version_goes_and_comes_back(spiritsafe: Command, weights: Path) -> None:
    assert spiritsafe("model", "create", "tool").code == exits.DONE
    assert spiritsafe("model", "register", "tool", weights, "--kind", "full", "--license", "mit").code == exits.DONE
    tried = spiritsafe("version", "delete", "tool@1", "--dry-run", *JSON).data
    assert tried["delete_time"] < tried["purge_time"]
    assert names(spiritsafe, "version", "list", "tool") == ["models/tool/versions/1"]
    assert spiritsafe("version", "delete", "tool@1").code == exits.DONE
    assert names(spiritsafe, "version", "list", "tool") == []
    assert names(spiritsafe, "version", "list", "tool", "--show-deleted") == ["models/tool/versions/1"]
    assert "delete time" in spiritsafe("version", "show", "tool@1").out
    again = spiritsafe("version", "delete", "tool@1", *JSON)
    assert (again.code, again.error["reason"]) == (exits.FAILED, "RESOURCE_DELETED")
    assert spiritsafe("version", "undelete", "tool@1").code == exits.DONE
    assert names(spiritsafe, "version", "list", "tool") == ["models/tool/versions/1"]


def test_models_and_datasets_go_and_come_back(spiritsafe: Command) -> None:
    for noun in ("model", "dataset"):
        assert spiritsafe(noun, "create", "x").code == exits.DONE
        assert "purge_time" in spiritsafe(noun, "delete", "x", *JSON).data
        assert names(spiritsafe, noun, "list") == []
        assert names(spiritsafe, noun, "list", "--show-deleted") == [f"{noun}s/x"]
        assert spiritsafe(noun, "undelete", "x").code == exits.DONE
        assert names(spiritsafe, noun, "list") == [f"{noun}s/x"]
