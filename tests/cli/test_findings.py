"""``spiritsafe finding`` and ``spiritsafe version rescan``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli import exits
from registry.home import open_home
from tests.cli.conftest import Command
from tests.registry.detection.files import APACHE
from tests.registry.serving import serve

JSON = ("--format", "json")


@pytest.fixture
def other(home: Path, registered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From here on, commands speak to a server over the same home, as somebody else."""
    registry = open_home(home)
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        served = serve(home, registry, f"unix:{tmp_path}/s", stack)
        monkeypatch.setenv("SPIRITSAFE_SERVER", served.address)
        monkeypatch.setenv("SPIRITSAFE_TOKEN", served.token("rob", ["reviewer"]).secret)
        yield


@pytest.fixture
def registered(spiritsafe: Command, tmp_path: Path) -> str:
    """A model declared under MIT with the text of Apache-2.0."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "LICENSE").write_bytes(APACHE)
    for command in (
        ("model", "create", "tool"),
        ("model", "register", "tool", folder, "--kind", "base", "--license", "mit", "--imported"),
    ):
        done = spiritsafe(*command)
        assert done.code == exits.DONE, done.err
    return "tool@1"


def test_listed_and_shown(spiritsafe: Command, registered: str) -> None:
    found = spiritsafe("finding", "list", *JSON).data["findings"]
    assert [(one["code"], one["alert"], one["state"]) for one in found] == [
        ("LICENSE_TEXT_MISSING", False, "open"),
        ("LICENSE_CONFLICT", True, "open"),
    ]
    conflict = found[1]
    assert conflict["detail"]["declared"] == ["mit"]
    assert conflict["detail"]["detected"] == ["apache-2.0"]
    identifier = conflict["name"].rpartition("/")[2]
    assert spiritsafe("finding", "show", identifier, *JSON).data == conflict
    shown = spiritsafe("finding", "show", identifier).out
    assert "LICENSE_CONFLICT" in shown
    assert "spiritsafe text digests 1" in " ".join(shown.split())
    listed = spiritsafe("finding", "list", "--version", registered, "--filter", 'code = "LICENSE_CONFLICT"').out
    assert identifier in listed
    assert "LICENSE_TEXT_MISSING" not in listed
    assert spiritsafe("finding", "list", "--state", "concluded", *JSON).data == {"findings": []}
    verdicts = spiritsafe("license", "check", registered, *JSON).data["evaluations"]
    assert [one["verdict"] for one in verdicts] == ["needs_review"] * 4


def test_nobody_concludes_their_own(spiritsafe: Command, registered: str) -> None:
    found = spiritsafe("finding", "list", *JSON).data["findings"]
    refused = spiritsafe("finding", "conclude", found[0]["name"], "--rationale", "mine", *JSON)
    assert refused.code == exits.DENIED
    assert refused.error["reason"] == "FOUR_EYES"


def test_somebody_else_concludes(spiritsafe: Command, registered: str, other: None) -> None:
    conflict = spiritsafe("finding", "list", *JSON).data["findings"][1]["name"].rpartition("/")[2]
    command = ("finding", "conclude", conflict, "--rationale", "a leftover", *JSON)
    assert spiritsafe(*command, "--dry-run").data["state"] == "concluded"
    assert spiritsafe("finding", "show", conflict, *JSON).data["state"] == "open"
    done = spiritsafe(*command).data
    assert (done["state"], done["reviewer"], done["rationale"]) == ("concluded", "rob", "a leftover")
    verdicts = spiritsafe("license", "check", registered, "--context", "research", *JSON).data["evaluations"]
    assert [one["verdict"] for one in verdicts] == ["allowed"]


def test_rescan(spiritsafe: Command, registered: str) -> None:
    tried = spiritsafe("version", "rescan", registered, "--dry-run", *JSON).data
    done = spiritsafe("version", "rescan", registered, *JSON).data
    assert done == tried
    assert [one["code"] for one in done["findings"]] == ["LICENSE_CONFLICT", "LICENSE_TEXT_MISSING"]
    assert done["detected_licenses"] == {"ids": ["apache-2.0"]}
    assert "LICENSE_CONFLICT" in spiritsafe("version", "rescan", registered).out
    assert spiritsafe("version", "rescan", "tool").code == exits.USAGE
    missing = spiritsafe("version", "rescan", "tool@7", *JSON)
    assert (missing.code, missing.error["reason"]) == (exits.NOT_FOUND, "RESOURCE_NOT_FOUND")
