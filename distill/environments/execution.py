"""Running calls in a fresh world, in the calling process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from distill.environments.base import ErrorCode, ToolError, ToolOutcome, ToolSuccess, state_digest
from distill.environments.registry import get_environment
from distill.trajectories.calls import call_from_json, call_to_json
from distill.trajectories.types import JsonValue, Message, ToolCall


@dataclass(frozen=True, slots=True)
class Job:
    """Calls to be run one after the other in the world of a seed."""

    environment: str
    seed: int
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of a job: one outcome a call, and the state digests before and after."""

    outcomes: tuple[ToolOutcome, ...]
    initial_state: str
    final_state: str


def execute(job: Job) -> Execution:
    """Run every call; a refused one does not stop the rest.

    Raises:
        UnknownEnvironmentError: the job names no known environment.
    """
    environment = get_environment(job.environment)
    environment.reset(job.seed)
    initial = state_digest(environment)
    outcomes = tuple(environment.call(call) for call in job.calls)
    return Execution(outcomes, initial, state_digest(environment))


def job_to_json(job: Job) -> dict[str, JsonValue]:
    """For a message to another process."""
    return {
        "environment": job.environment,
        "seed": job.seed,
        "calls": [call_to_json(call) for call in job.calls],
    }


def job_from_json(row: Mapping[str, JsonValue]) -> Job:
    """Read what ``job_to_json`` wrote."""
    calls = cast("list[JsonValue]", row["calls"])
    return Job(cast("str", row["environment"]), cast("int", row["seed"]), tuple(call_from_json(call) for call in calls))


def execution_to_json(execution: Execution) -> dict[str, JsonValue]:
    """For a message to another process."""
    return {
        "outcomes": [outcome_to_json(outcome) for outcome in execution.outcomes],
        "initial_state": execution.initial_state,
        "final_state": execution.final_state,
    }


def execution_from_json(row: Mapping[str, JsonValue]) -> Execution:
    """Read what ``execution_to_json`` wrote."""
    outcomes = cast("list[dict[str, JsonValue]]", row["outcomes"])
    return Execution(
        tuple(_outcome_from_json(outcome) for outcome in outcomes),
        cast("str", row["initial_state"]),
        cast("str", row["final_state"]),
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
