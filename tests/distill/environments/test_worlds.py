"""What holds in every built-in world: complete schemas, refusals that change nothing, and determinism."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.environments.base import ToolEnvironment, ToolError, ToolSuccess, state_digest
from distill.environments.execution import Job, execute
from distill.environments.registry import ENVIRONMENTS, get_environment
from distill.environments.seeds import is_unsteady
from distill.trajectories.types import ToolCall
from tests.distill.environments.worlds import NAMES, drawn_calls

ROOT = Path(__file__).parents[3]
SEEDS = st.integers(0, 2**20)


def in_world(name: str, seed: int) -> ToolEnvironment:
    environment = get_environment(name)
    environment.reset(seed)
    return environment


def test_worlds_go_from_easy_to_hard_and_the_support_desk_is_the_usual_one() -> None:
    assert NAMES == ("support_desk", "calendar_mail", "workspace", "shop")


@pytest.mark.parametrize("name", NAMES)
def test_a_world_has_a_dozen_tools_with_described_parameters(name: str) -> None:
    tools = get_environment(name).tools()
    assert len(tools) >= 12
    assert len({tool.name for tool in tools}) == len(tools)
    for tool in tools:
        schema = cast("dict[str, Any]", tool.parameters)
        assert set(schema["required"]) <= set(schema["properties"])
        assert tool.description.count(".") == 1
        assert len(tool.description) < 70
        assert all(inner.keys() & {"description", "enum"} for inner in schema["properties"].values()), tool.name


@pytest.mark.parametrize("name", NAMES[1:])
def test_the_harder_worlds_have_every_kind_of_parameter(name: str) -> None:
    """Enums, bounds, defaults, patterns, and in two of them arrays and objects."""
    text = json.dumps([dict(tool.parameters) for tool in get_environment(name).tools()])
    wanted = ["enum", "minimum", "default", "pattern"] + ["items", "additionalProperties"] * (name != "workspace")
    assert all(f'"{keyword}"' in text for keyword in wanted)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_any_call_is_answered_and_a_refused_one_changes_nothing(name: str, seed: int) -> None:
    world = in_world(name, seed)
    before = state_digest(world)
    for call in drawn_calls(name, seed, 40):
        outcome = world.call(call)
        after = state_digest(world)
        if isinstance(outcome, ToolError):
            assert after == before, call
        else:
            json.dumps(outcome.value)
        before = after


@pytest.mark.parametrize("name", NAMES)
def test_drawn_calls_succeed_often_and_fail_in_many_ways(name: str) -> None:
    """Or the properties above would hold of nothing."""
    found: set[str] = set()
    succeeded: set[str] = set()
    for seed in range(60):
        world = in_world(name, seed)
        for call in drawn_calls(name, seed, 40):
            outcome = world.call(call)
            if isinstance(outcome, ToolError):
                found.add(outcome.code)
            else:
                succeeded.add(call.name)
    assert found >= {"invalid_arguments", "not_found", "conflict", "unavailable"}
    assert name == "support_desk" or found >= {"permission_denied", "limit_exceeded"}
    assert len(succeeded) > 10


@pytest.mark.parametrize("name", NAMES)
def test_results_and_states_are_copies(name: str) -> None:
    world, other = in_world(name, 4), in_world(name, 4)
    calls = list(drawn_calls(name, 4, 60))
    for call in calls:
        outcome = world.call(call)
        if isinstance(outcome, ToolSuccess):
            _spoil(outcome.value)
        _spoil(world.state())
        other.call(call)
    assert state_digest(world) == state_digest(other)


def _spoil(value: Any) -> None:
    for inner in list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()):
        _spoil(inner)
    if isinstance(value, dict | list):
        value.clear()


def digests() -> list[str]:
    """States after drawn calls in several worlds."""
    jobs = [Job(name, seed, tuple(drawn_calls(name, seed, 30))) for name in NAMES for seed in range(8)]
    return [execute(job).final_state for job in jobs]


def test_the_same_seed_and_calls_give_the_same_state_in_processes_that_hash_differently() -> None:
    code = "import json; from tests.distill.environments.test_worlds import digests; print(json.dumps(digests()))"
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "client")))
    found = []
    for hash_seed in ("1", "2"):
        environment = {"PYTHONPATH": paths, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
        found.append(json.loads(ran.stdout))
    assert found == [digests(), digests()]


@pytest.mark.parametrize("name", NAMES)
def test_each_tool_of_an_unsteady_world_is_unavailable_once(name: str) -> None:
    seed = 6
    assert is_unsteady(seed)
    world = in_world(name, seed)
    for call in drawn_calls(name, seed, 60):
        first = world.call(call)
        if isinstance(first, ToolError) and first.code == "unavailable":
            again = world.call(call)
            assert not isinstance(again, ToolError) or again.code != "unavailable"


@pytest.mark.parametrize("name", NAMES)
def test_other_seeds_give_other_worlds(name: str) -> None:
    assert len({state_digest(in_world(name, seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_tool_is_named_with_the_known_ones(name: str) -> None:
    outcome = get_environment(name).call(ToolCall("fly", {}))
    assert isinstance(outcome, ToolError)
    assert outcome.code == "unknown_tool"
    assert all(tool.name in outcome.message for tool in ENVIRONMENTS[name].create().tools())
