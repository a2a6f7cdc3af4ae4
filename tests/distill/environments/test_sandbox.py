"""The sandbox process."""

import pytest

from distill.environments.execution import Execution, Job, execute
from distill.environments.sandbox import NotExecuted, run_jobs
from distill.environments.support_desk.scenarios import generate
from distill.errors import SandboxLost
from distill.trajectories.types import ToolCall

JOBS = [
    Job(scenario.environment, scenario.env_seed, scenario.gold_calls) for scenario in generate("train", "single", 20, 9)
]


def test_the_child_finds_what_the_same_process_finds() -> None:
    failing = Job("support_desk", 3, (ToolCall("fly", {}), ToolCall("close_ticket", {"ticket_id": "T-0"})))
    jobs = [*JOBS, failing]
    assert run_jobs(jobs, 60) == [execute(job) for job in jobs]


def test_no_jobs_need_no_process() -> None:
    assert run_jobs([], 0) == []


def test_a_job_that_cannot_run_does_not_stop_the_others() -> None:
    results = run_jobs([JOBS[0], Job("moon_base", 1, ()), JOBS[1]], 60)
    assert [type(result) for result in results] == [Execution, NotExecuted, Execution]
    assert isinstance(results[1], NotExecuted)
    assert "UnknownEnvironmentError: there is no tool environment named 'moon_base'" in results[1].reason


def test_the_time_limit_holds_for_the_batch() -> None:
    many = [Job("support_desk", seed, ()) for seed in range(100_000)]
    with pytest.raises(SandboxLost, match=r"finished [0-9]+ of 100000 jobs: its time of 2 s was up"):
        run_jobs(many, 2.0)


def test_a_child_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(SandboxLost, match="finished 0 of 2 jobs: it ended with exit code 1: no message"):
        run_jobs(JOBS[:2], 60)
