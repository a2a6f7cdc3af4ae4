"""Exit codes that scripts can use, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

NO_SERVER = "127.0.0.1:1"


@pytest.fixture
def restricted(spiritsafe: Command, weights: Path) -> str:
    """A registered version under a non-commercial licence."""
    spiritsafe("model", "create", "tool")
    done = spiritsafe("model", "register", "tool", weights, "--kind", "full", "--license", "cc-by-nc-4.0")
    assert done.code == exits.DONE, done.err
    return "tool@1"


def test_usage(spiritsafe: Command) -> None:
    assert spiritsafe("model", "list", "--nonsense").code == exits.USAGE
    assert spiritsafe("model", "show", "Not An Id").code == exits.USAGE
    assert spiritsafe("nonsense").code == exits.USAGE


def test_usage_as_json(spiritsafe: Command) -> None:
    done = spiritsafe("model", "list", "--nonsense", "--format", "json")
    assert (done.code, done.out, done.error["reason"]) == (exits.USAGE, "", "USAGE")


def test_not_found(spiritsafe: Command) -> None:
    done = spiritsafe("model", "show", "nobody", "--format=json")
    assert done.code == exits.NOT_FOUND
    assert done.error["code"] == "NOT_FOUND"
    assert done.error["remedy"]


def test_denied_by_the_gate(spiritsafe: Command, restricted: str) -> None:
    promote = ("promote", restricted, "commercial/production", "--outbound", "cc-by-nc-4.0", "--format", "json")
    done = spiritsafe(*promote)
    assert done.code == exits.DENIED
    assert done.data["state"] == "denied"
    assert [reason["code"] for reason in done.data["evaluation"]["reasons"]] == ["NC_LIMITATION"]
    assert spiritsafe("channel", "list", "tool", "--format", "json").data["channels"][0]["version"] == ""


def test_a_commercial_channel_without_an_outbound_licence(spiritsafe: Command, restricted: str) -> None:
    done = spiritsafe("promote", restricted, "commercial/production", "--format", "json")
    assert done.code == exits.USAGE
    assert done.error["violations"][0]["field"] == "outbound_license"
    assert spiritsafe("channel", "history", "tool", "--format", "json").data["promotions"] == []


def test_denied_for_want_of_a_role(spiritsafe: Command, restricted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = spiritsafe("token", "create", "eve", "--role", "reader", "--format", "json").data
    monkeypatch.setenv("SPIRITSAFE_TOKEN", token["secret"])
    assert spiritsafe("model", "show", "tool").code == exits.DONE
    done = spiritsafe("promote", restricted, "research/production", "--format", "json")
    assert done.code == exits.DENIED
    assert done.error["code"] == "PERMISSION_DENIED"


def test_a_revoked_token(spiritsafe: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    token = spiritsafe("token", "create", "eve", "--role", "reader", "--format", "json").data
    assert spiritsafe("token", "revoke", token["token"]["name"]).code == exits.DONE
    monkeypatch.setenv("SPIRITSAFE_TOKEN", token["secret"])
    done = spiritsafe("model", "list", "--format", "json")
    assert (done.code, done.error["code"]) == (exits.DENIED, "UNAUTHENTICATED")


def test_unavailable(spiritsafe: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIRITSAFE_SERVER", NO_SERVER)
    done = spiritsafe("model", "list")
    assert done.code == exits.UNAVAILABLE
    assert "What to do:" in done.err


def test_a_home_that_cannot_be_used(spiritsafe: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = spiritsafe("--home", tmp_path / "file" / "home", "model", "list")
    assert done.code == exits.UNAVAILABLE


def test_a_demo_refuses_an_ordinary_home(spiritsafe: Command, home: Path) -> None:
    assert spiritsafe("model", "list").code == exits.DONE
    done = spiritsafe("demo", "--home", home, "--format", "json")
    assert done.code == exits.FAILED
    assert done.error["reason"] == "HOME_OF_OTHER_KIND"


def test_a_demo_refuses_unknown_students(spiritsafe: Command) -> None:
    assert spiritsafe("demo", "--students", "qwen3,gpt").code == exits.USAGE
