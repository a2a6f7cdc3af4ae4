"""``spiritsafe environment``: built-in worlds and one's own, in the sandbox."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

WORLDS = Path(__file__).parents[1] / "distill" / "environments"
UNRULY = f"{WORLDS / 'unruly.py'}:create"
LEDGER = f"{sys.executable} {WORLDS / 'servers' / 'ledger.py'}"


def written(tool: str, **arguments: object) -> str:
    return json.dumps({"name": tool, "arguments": arguments})


def test_the_built_in_worlds_are_listed(spiritsafe: Command) -> None:
    rows = spiritsafe("environment", "list", "--format", "json").data["environments"]
    assert [row["name"] for row in rows] == ["support_desk", "calendar_mail", "workspace", "shop"]
    assert rows[0]["tools"] == 13
    assert "workspace" in spiritsafe("environment", "list").out


def test_tools_are_shown_with_their_schemas(spiritsafe: Command) -> None:
    shown = spiritsafe("environment", "show", "shop", "--format", "json").data
    assert shown["environment"] == "shop"
    assert shown["tools"][0]["parameters"]["type"] == "object"
    assert "look_around" in spiritsafe("environment", "show", "--module", UNRULY).out
    given = ("--mcp", LEDGER, "--state-tool", "snapshot", "--format", "json")
    ledger = spiritsafe("environment", "show", *given).data
    assert [tool["name"] for tool in ledger["tools"]][:2] == ["book", "balance"]


def test_calls_are_run_in_the_world_of_a_seed(spiritsafe: Command) -> None:
    calls = written("add", value=3), written("add", value=-3)
    ran = spiritsafe("environment", "call", *calls, "--module", UNRULY, "--seed", 5, "--format", "json")
    assert ran.code == exits.DONE
    assert ran.data["outcomes"] == [
        {"value": {"count": 2}},
        {"code": "limit_exceeded", "message": "no negative numbers"},
    ]
    assert len(ran.data["final_state"]) == 64
    found = spiritsafe("environment", "call", written("get_ticket", ticket_id="T-0"), "--environment", "support_desk")
    assert '"code": "not_found"' in found.out


def test_an_environment_that_fails_is_told_with_its_reason(spiritsafe: Command) -> None:
    failed = spiritsafe("environment", "call", written("die", value=2), "--module", UNRULY, "--format", "json")
    assert failed.code == exits.FAILED
    assert failed.data == {"failure": "exited", "reason": "it ended with exit code 2: last words"}
    slow = spiritsafe("environment", "call", written("hang", value=60), "--module", UNRULY, "--seconds", 1)
    assert (slow.code, "timed_out" in slow.out) == (exits.FAILED, True)


@pytest.mark.parametrize(
    "given",
    [
        ("show",),
        ("show", "shop", "--module", UNRULY),
        ("show", "--mcp-url", "ftp://a"),
        ("show", "--mcp-url", "http://a", "--header", "Authorization"),
        ("call", "add", "--module", UNRULY),
    ],
)
def test_what_is_wrong_with_the_options_is_an_error_of_usage(spiritsafe: Command, given: tuple[str, ...]) -> None:
    refused = spiritsafe("environment", *given, "--format", "json")
    assert (refused.code, refused.error["reason"]) == (exits.USAGE, "INVALID_OPTION")
