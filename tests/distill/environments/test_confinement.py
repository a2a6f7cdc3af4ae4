"""Environments that do what they should not: each costs its job and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from distill.environments.base import ToolError, ToolSuccess
from distill.environments.definitions import PythonModule, Setup
from distill.environments.execution import Execution, Job
from distill.environments.limits import MEBIBYTE, Failure, Limits
from distill.environments.sandbox import NotExecuted, Sandbox, run_jobs
from distill.errors import SandboxLost
from distill.trajectories.types import ToolCall

UNRULY = PythonModule(str(Path(__file__).parent / "unruly.py"))
# What the unruly environment has its programs sleep.
LOST = "300.25"
LIMITS = Limits(seconds=60, cpu_seconds=20, memory_bytes=512 * MEBIBYTE, file_bytes=4 * MEBIBYTE, processes=4)


def setup(**limits: float) -> Setup:
    return Setup({"unruly": UNRULY}, replace(LIMITS, **limits))  # type: ignore[arg-type]  # numbers of their fields


def job(tool: str, value: int = 0) -> Job:
    return Job("unruly", 7, (ToolCall(tool, {"value": value}),))


def failure(tool: str, value: int = 0, **limits: float) -> tuple[Failure, str]:
    """Why a job fails."""
    (failed,) = run_jobs([job(tool, value)], 0, setup(**limits))
    assert isinstance(failed, NotExecuted), failed
    return failed.code, failed.reason


def running() -> set[int]:
    """Processes below this one, and those that have lost the one above them."""
    every = psutil.process_iter(["pid", "ppid", "cmdline"])
    lost = {one.info["pid"] for one in every if one.info["ppid"] == 1 and LOST in (one.info["cmdline"] or ())}
    return lost | {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process outlives its sandbox, whatever it did."""
    before = running()
    yield
    assert running() <= before


def test_a_module_of_the_user_is_a_world() -> None:
    calls = ToolCall("add", {"value": 4}), ToolCall("add", {"value": -1})
    found, again, other = run_jobs([Job("unruly", seed, calls) for seed in (7, 7, 8)], 0, setup())
    assert isinstance(found, Execution)
    assert found.outcomes == (ToolSuccess({"count": 2}), ToolError("limit_exceeded", "no negative numbers"))
    assert found.initial_state != found.final_state
    assert found == again != other


FAILING: tuple[tuple[str, int, Failure, str], ...] = (
    ("exit", 3, "exited", "it called sys.exit(3)"),
    ("die", 3, "exited", "it ended with exit code 3: last words"),
    ("fork", 12, "forked", "it started more processes than it may"),
    ("print", 1024, "output_limit", "OSError: [Errno 27] File too large"),
    ("answer", 2 * MEBIBYTE, "output_limit", "its results are 2,097,"),
    ("hog", 1 << 30, "out_of_memory", "it asked for more memory than it may use"),
    ("hog_elsewhere", 250 * MEBIBYTE, "out_of_memory", "its processes used more memory than they may"),
    ("raise", 5, "not_executed", "LookupError: no 5"),
    ("nonsense", 5, "not_executed", "call() returned int, and must return ToolSuccess or ToolError"),
)


def test_a_job_that_fails_is_told_with_its_reason_and_the_others_go_on() -> None:
    jobs = [one for tool, value, *_ in FAILING for one in (job(tool, value), job("add", value))]
    found = run_jobs(jobs, 0, setup())
    assert all(isinstance(one, Execution) for one in found[1::2])
    told = [(one.code, one.reason) for one in found[::2] if isinstance(one, NotExecuted)]
    assert [code for code, _ in told] == [code for *_, code, _ in FAILING]
    for (_, reason), (*_, expected) in zip(told, FAILING, strict=True):
        assert expected in reason


@pytest.mark.parametrize(
    ("tool", "limits", "reason"),
    [("hang", {"seconds": 1}, "its time was up"), ("compute", {"cpu_seconds": 1}, "its processor time was up")],
)
def test_time_is_limited(tool: str, limits: dict[str, float], reason: str) -> None:
    assert failure(tool, 60, **limits) == ("timed_out", reason)


def test_what_is_deaf_or_orphaned_ends_as_well() -> None:
    hanging, orphan = Job("unruly", 1, (*job("orphan", 300).calls, *job("hang_deaf", 60).calls)), job("orphan", 301)
    with Sandbox(setup(seconds=2)) as sandbox:
        found = sandbox.run([hanging, orphan], 0)
        assert isinstance(found[0], NotExecuted)
        assert isinstance(found[1], Execution)


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of a server of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network(listening: int) -> None:
    code, reason = failure("connect", listening)
    assert code == "not_executed"
    assert "Network is unreachable" in reason or "Cannot assign" in reason


def test_a_network_can_be_allowed(listening: int) -> None:
    (found,) = run_jobs([job("connect", listening)], 0, setup(network=True))
    assert isinstance(found, Execution)
    assert found.outcomes == (ToolSuccess("connected"),)


REFUSING = """
import ctypes, os, sys
from pathlib import Path

user = os.geteuid()
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == 0
Path("/proc/self/uid_map").write_text(f"0 {user} 1")
Path("/proc/sys/user/max_net_namespaces").write_text("0")

from distill.environments.execution import Execution, Job
from distill.environments.process import network_refusal
from distill.environments.sandbox import run_jobs
from distill.errors import SandboxRefused
from tests.distill.environments.test_confinement import job, setup

told = "the kernel refuses a network namespace: "
assert network_refusal().startswith(told)
try:
    run_jobs([job("add")], 0, setup())
except SandboxRefused as refused:
    assert told in str(refused)
else:
    raise AssertionError("it was run all the same")
for found in run_jobs([job("add")], 0, setup(network=True)) + run_jobs([Job("support_desk", 1, ())], 60):
    assert isinstance(found, Execution), found
"""


def test_where_the_kernel_refuses_a_network_of_its_own_only_our_own_code_runs() -> None:
    """In a user namespace that may have no network namespaces."""
    ended = subprocess.run([sys.executable, "-c", REFUSING], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_variables_and_input_of_the_worker_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    (found,) = run_jobs([job("look_around")], 0, setup())
    assert isinstance(found, Execution)
    (outcome,) = found.outcomes
    assert isinstance(outcome, ToolSuccess)
    assert isinstance(outcome.value, dict)
    assert outcome.value["read"] == ""
    assert set(outcome.value["variables"]) <= {"PATH", "HOME", "LANG", "LC_CTYPE", "PYTHONPATH"}  # type: ignore[arg-type]  # a list


def test_an_environment_that_never_works_is_a_clear_stop() -> None:
    start = time.monotonic()
    with pytest.raises(SandboxLost, match=r"finished 10 of 20 jobs: 11 processes were lost in a row, .* exit code 1"):
        run_jobs([job("die", 1)] * 20, 0, setup())
    assert time.monotonic() - start < 60


def test_a_process_that_does_not_start_is_nobodys_fault_but_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(SandboxLost, match="finished 0 of 2 jobs: it ended with exit code 1: no message"):
        run_jobs([job("add"), job("add")], 0, setup())
