"""A real MCP server as an environment: over its standard input and output, and over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill.environments.base import ToolError, ToolSuccess, digest_of
from distill.environments.definitions import McpServer, Setup
from distill.environments.execution import Execution, Job
from distill.environments.limits import Limits
from distill.environments.sandbox import NotExecuted, Sandbox, run_jobs
from distill.errors import SandboxRefused
from distill.trajectories.types import JsonValue, ToolCall

LEDGER = str(Path(__file__).parent / "servers" / "ledger.py")
STDIO = McpServer((sys.executable, LEDGER), env={"COLOUR": "red"}, env_from=("LEDGER_KEY",), state_tool="snapshot")
TOOLS = ["book", "balance", "receipt", "environment", "crash", "connect"]


def setup(server: McpServer, **limits: float) -> Setup:
    return Setup({"ledger": server}, Limits(seconds=60, **limits))  # type: ignore[arg-type]  # numbers of their fields


def job(*calls: tuple[str, dict[str, JsonValue]], seed: int = 5) -> Job:
    return Job("ledger", seed, tuple(ToolCall(*call) for call in calls))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that the server is to be started with, and one that is none of its business."""
    monkeypatch.setenv("LEDGER_KEY", "k-1")
    monkeypatch.setenv("OTHER_KEY", "k-2")


@pytest.fixture
def listening() -> Iterator[int]:
    """A free port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_program_is_a_world_of_its_own_for_each_job(listening: int) -> None:
    booked = ("book", {"account": "rent", "cents": 5})
    calls: list[tuple[str, dict[str, JsonValue]]] = [
        booked,
        booked,
        ("balance", {"account": "rent"}),
        ("receipt", {"account": "rent"}),
        ("book", {"account": "rent", "cents": -5}),
        ("book", {"account": "rent"}),
        ("fly", {}),
        ("snapshot", {}),
        ("environment", {}),
        ("connect", {"port": listening}),
    ]
    with Sandbox(setup(STDIO)) as sandbox:
        tools = sandbox.tools("ledger")
        crashed, found = sandbox.run([job(booked, ("crash", {})), job(*calls)], 0)
    assert not isinstance(tools, NotExecuted)
    assert [tool.name for tool in tools] == TOOLS
    assert tools[0].description == "Book an amount to an account."
    assert tools[0].parameters["required"] == ["account", "cents"]
    assert crashed == NotExecuted("the server ended during a call of crash", "exited")
    assert isinstance(found, Execution)
    picture = {"type": "image", "mime_type": "image/png", "base64_characters": 12}
    assert found.outcomes[:5] == (
        ToolSuccess({"balance": 5}),
        ToolSuccess({"balance": 10}),
        ToolSuccess("rent has 10 cents"),
        ToolSuccess(["receipt of rent", picture]),
        ToolError("failed", "Error executing tool book: an amount is positive"),
    )
    assert found.final_state == digest_of({"opening": 5, "rent": 10})
    assert found.initial_state == digest_of({"opening": 5})
    malformed, unknown, hidden, seen, connected = found.outcomes[5:]
    assert isinstance(malformed, ToolError)
    assert unknown == ToolError("unknown_tool", f"there is no tool 'fly'; use one of: {', '.join(TOOLS)}")
    assert isinstance(hidden, ToolError)
    assert isinstance(seen, ToolSuccess)
    assert {"COLOUR", "LEDGER_KEY", "SPIRITSAFE_SEED"} <= set(str(seen.value).split())
    assert not {"OTHER_KEY", "PYTHONPATH"} & set(str(seen.value).split())
    assert isinstance(connected, ToolError)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a running server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, LEDGER, str(port)], stderr=subprocess.DEVNULL) as server:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
        server.kill()


def test_a_server_at_an_address_is_one_too(url: str) -> None:
    server = McpServer(url=url, headers_from={"Authorization": "LEDGER_KEY"})
    with Sandbox(setup(server)) as sandbox:
        tools = sandbox.tools("ledger")
        (found,) = sandbox.run([job(("book", {"account": "food", "cents": 3}), ("balance", {"account": "food"}))], 0)
    assert not isinstance(tools, NotExecuted)
    assert [tool.name for tool in tools] == [*TOOLS, "snapshot"]
    assert isinstance(found, Execution)
    assert found.outcomes == (ToolSuccess({"balance": 3}), ToolSuccess("food has 3 cents"))
    assert (found.initial_state, found.final_state) == ("", "")


def test_a_server_that_is_not_there_fails_its_jobs() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/mcp"
        both = Setup({"gone": McpServer(url=address), "missing": McpServer(("/no/such/program",))})
        jobs = [Job(name, 1, (ToolCall("balance", {"account": "a"}),)) for name in both.definitions]
        for found in run_jobs(jobs, 0, both):
            assert isinstance(found, NotExecuted)
            assert (found.code, "the server cannot be reached" in found.reason) == ("exited", True), found


def test_a_variable_that_is_not_set_stops_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGER_KEY")
    with pytest.raises(SandboxRefused, match="the variable LEDGER_KEY, which the environment needs, is not set"):
        run_jobs([job()], 0, setup(STDIO))
