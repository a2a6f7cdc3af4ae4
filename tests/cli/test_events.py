"""``spiritsafe watch``."""

from __future__ import annotations

import json

from cli import exits
from tests.cli.conftest import Command


def test_events_are_printed_one_a_line(spiritsafe: Command) -> None:
    for name in ("tool", "helper"):
        assert spiritsafe("model", "create", name).code == exits.DONE
    condition = ("--filter", 'type = "model.*"')
    printed = spiritsafe("watch", "--after", 0, *condition, "--limit", 2, "--format", "json")
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert [event["resource"] for event in events] == [f"namespaces/default/models/{it}" for it in ("tool", "helper")]
    after = events[0]["sequence"]
    shown = spiritsafe("watch", "--after", after, *condition, "--limit", 1)
    assert shown.code == exits.DONE
    assert shown.out.split()[-2:] == ["model.created", "helper"]


def test_a_cursor_that_was_never_given_out_is_refused(spiritsafe: Command) -> None:
    refused = spiritsafe("watch", "--after", 1000, "--format", "json")
    assert (refused.code, refused.error["reason"]) == (exits.USAGE, "INVALID_CURSOR")
