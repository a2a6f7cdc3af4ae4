"""Training rows with the right answers, for fine-tuning a teacher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from distill.environments.base import Scenario, ToolOutcome
from distill.environments.definitions import Setup
from distill.environments.execution import Job, result_message
from distill.environments.sandbox import NotExecuted, run_jobs
from distill.trajectories.formats.ertas import write_ertas
from distill.trajectories.types import Message, Provenance, Trajectory


def gold_trajectories(
    scenarios: Sequence[Scenario], time_limit_s: float = 300.0, setup: Setup | None = None
) -> list[Trajectory]:
    """The conversation of each scenario as it should be: right calls, what the tools return, and the answers.

    Raises:
        RuntimeError: the environment could not run a scenario.
    """
    jobs = [Job(scenario.environment, scenario.env_seed, scenario.gold_calls) for scenario in scenarios]
    trajectories = []
    for scenario, execution in zip(scenarios, run_jobs(jobs, time_limit_s, setup or Setup()), strict=True):
        if isinstance(execution, NotExecuted):
            raise RuntimeError(f"scenario {scenario.id} could not be run: {execution.reason}")
        messages = tuple(_messages(scenario, iter(execution.outcomes)))
        provenance = Provenance(scenario_id=scenario.id, category=scenario.category)
        trajectories.append(Trajectory(scenario.id, scenario.tools, messages, provenance))
    return trajectories


def _messages(scenario: Scenario, outcomes: Iterator[ToolOutcome]) -> Iterator[Message]:
    for turn in scenario.turns:
        yield Message("user", turn.message)
        for step in turn.steps:
            yield Message("assistant", tool_calls=step.calls, reasoning=step.reasoning or None)
            yield from (result_message(call, next(outcomes)) for call in step.calls)
        yield Message("assistant", turn.answer)


def write_gold(path: Path, scenarios: Sequence[Scenario], setup: Setup | None = None) -> str:
    """Write the gold trajectories as Ertas JSONL and return the file's SHA-256 (hex)."""
    return write_ertas(path, gold_trajectories(scenarios, setup=setup))


def with_expected_state(
    scenarios: Sequence[Scenario], time_limit_s: float = 300.0, setup: Setup | None = None
) -> list[Scenario]:
    """The scenarios with the state that their right calls lead to, where the environment tells its state.

    Raises:
        ValueError: the right calls of a scenario cannot be run, or do not lead to what it asserts.
    """
    jobs = [Job(one.environment, one.env_seed, one.gold_calls, one.assertions) for one in scenarios]
    found = []
    for scenario, execution in zip(scenarios, run_jobs(jobs, time_limit_s, setup or Setup()), strict=True):
        if isinstance(execution, NotExecuted):
            raise ValueError(f"scenario {scenario.id} could not be run: {execution.reason}")
        if execution.failed_assertions:
            raise ValueError(f"the right calls of scenario {scenario.id} break {execution.failed_assertions[0]}")
        found.append(replace(scenario, expected_state=execution.final_state))
    return found
