"""Running calls in a fresh world, in the calling process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from distill.environments.assertions import Assertion, failed_assertions
from distill.environments.base import ErrorCode, ToolEnvironment, ToolError, ToolOutcome, ToolSuccess, digest_of
from distill.environments.registry import get_environment
from distill.trajectories.calls import call_from_json, call_to_json
from distill.trajectories.types import JsonValue, Message, ToolCall


@dataclass(frozen=True, slots=True)
class Job:
    """Calls to be run one after the other in the world of a seed, and what is to hold then."""

    environment: str
    seed: int
    calls: tuple[ToolCall, ...]
    assertions: tuple[Assertion, ...] = ()


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of a job: one outcome a call, the state digests before and after, and assertions that do not hold.

    Digests are empty where the environment does not tell its state.
    """

    outcomes: tuple[ToolOutcome, ...]
    initial_state: str
    final_state: str
    failed_assertions: tuple[str, ...] = ()


def execute(job: Job, create: Callable[[str], ToolEnvironment] = get_environment) -> Execution:
    """Run every call in a new environment; a refused one does not stop the rest. It is closed, if it can be.

    Raises:
        UnknownEnvironmentError: the job names no known environment.
    """
    environment = create(job.environment)
    try:
        environment.reset(job.seed)
        initial = environment.state()
        outcomes = tuple(environment.call(call) for call in job.calls)
        final = environment.state()
    finally:
        close(environment)
    return Execution(outcomes, _digest(initial), _digest(final), failed_assertions(job.assertions, final))


def close(environment: Any) -> None:
    """Close an environment that can be closed."""
    if hasattr(environment, "close"):
        environment.close()


def _digest(state: Mapping[str, JsonValue]) -> str:
    return digest_of(state) if state else ""


def job_to_json(job: Job) -> dict[str, JsonValue]:
    """For a message to another process."""
    return {
        "environment": job.environment,
        "seed": job.seed,
        "calls": [call_to_json(call) for call in job.calls],
        "assertions": [assertion.to_json() for assertion in job.assertions],
    }


def job_from_json(row: Mapping[str, JsonValue]) -> Job:
    """Read what ``job_to_json`` wrote."""
    calls = cast("list[JsonValue]", row["calls"])
    return Job(
        cast("str", row["environment"]),
        cast("int", row["seed"]),
        tuple(call_from_json(call) for call in calls),
        tuple(map(Assertion.from_json, cast("list[dict[str, JsonValue]]", row["assertions"]))),
    )


def execution_to_json(execution: Execution) -> dict[str, JsonValue]:
    """For a message to another process."""
    return {
        "outcomes": [outcome_to_json(outcome) for outcome in execution.outcomes],
        "initial_state": execution.initial_state,
        "final_state": execution.final_state,
        "failed_assertions": list(execution.failed_assertions),
    }


def execution_from_json(row: Mapping[str, JsonValue]) -> Execution:
    """Read what ``execution_to_json`` wrote."""
    outcomes = cast("list[dict[str, JsonValue]]", row["outcomes"])
    return Execution(
        tuple(_outcome_from_json(outcome) for outcome in outcomes),
        cast("str", row["initial_state"]),
        cast("str", row["final_state"]),
        tuple(cast("list[str]", row["failed_assertions"])),
    )


def result_message(call: ToolCall, outcome: ToolOutcome) -> Message:
    """What a model reads of an outcome: the value as JSON, or the error's code and message."""
    value = outcome.value if isinstance(outcome, ToolSuccess) else {"error": outcome.code, "message": outcome.message}
    return Message("tool", json.dumps(value, ensure_ascii=False), name=call.name)


def outcome_to_json(outcome: ToolOutcome) -> dict[str, JsonValue]:
    """``{"value"}`` or ``{"code", "message"}``."""
    if isinstance(outcome, ToolSuccess):
        return {"value": outcome.value}
    return {"code": outcome.code, "message": outcome.message}


def _outcome_from_json(row: Mapping[str, JsonValue]) -> ToolOutcome:
    if "value" in row:
        return ToolSuccess(row["value"])
    return ToolError(cast("ErrorCode", row["code"]), cast("str", row["message"]))
