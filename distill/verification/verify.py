"""APIGen's three stages: format, execution, semantic (Liu et al. 2024, arXiv:2406.18518)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from distill.environments.base import Scenario, ToolError
from distill.environments.execution import Execution, Job, outcome_to_json
from distill.environments.schema import argument_problem
from distill.teacher.xlam import parse_calls
from distill.trajectories.calls import ParsedCalls, ParseFailure, ParseOutcome, call_to_json, calls_equal
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec, Trajectory
from distill.verification.sandbox import NotExecuted, run_jobs

Stage = Literal["format", "execution", "semantic"]
Output = str | ParseOutcome | Trajectory


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The verdict on one output. ``stage`` is the one that rejected it, or the last where it was accepted.

    ``reason`` is empty or one of: malformed, unknown_tool, invalid_arguments, not_executed, tool_error, wrong_state,
    wrong_calls. ``details`` hold a message, and after execution the outcomes and the final state digest.
    """

    accepted: bool
    stage: Stage
    reason: str = ""
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """For a row's provenance."""
        return {
            "accepted": self.accepted,
            "stage": self.stage,
            "reason": self.reason,
            "details": dict(self.details),
        }


def verify(output: Output, scenario: Scenario, time_limit_s: float = 30.0) -> VerificationResult:
    """Verify one output: raw teacher text, what a reader made of a text, or a trajectory."""
    return verify_batch([output], [scenario], time_limit_s)[0]


def verify_batch(
    outputs: Sequence[Output], scenarios: Sequence[Scenario], time_limit_s: float = 300.0
) -> list[VerificationResult]:
    """Verify outputs against the scenarios at the same places, all executions in one child process.

    Raises:
        ValueError: the two sequences differ in length.
    """
    parsed = [_parsed(output) for output in outputs]
    checks = [check_format(outcome, scenario.tools) for outcome, scenario in zip(parsed, scenarios, strict=True)]
    jobs = [
        Job(scenario.environment, scenario.env_seed, outcome.calls)
        for outcome, scenario, rejected in zip(parsed, scenarios, checks, strict=True)
        if rejected is None and isinstance(outcome, ParsedCalls)
    ]
    ran = zip(jobs, run_jobs(jobs, time_limit_s), strict=True)
    return [rejected or _judge(*next(ran), scenario) for rejected, scenario in zip(checks, scenarios, strict=True)]


def check_format(outcome: ParseOutcome, tools: Sequence[ToolSpec]) -> VerificationResult | None:
    """The first stage: the rejection, or None where every call is of an offered tool and fits its schema."""
    if isinstance(outcome, ParseFailure):
        return _rejected("format", "malformed", outcome.reason, position=outcome.position)
    offered = {tool.name: tool for tool in tools}
    for call in outcome.calls:
        if call.name not in offered:
            return _rejected("format", "unknown_tool", f"{call.name} was not offered; offered: {', '.join(offered)}")
        problem = argument_problem(offered[call.name], call.arguments)
        if problem is not None:
            return _rejected("format", "invalid_arguments", problem)
    return None


def _parsed(output: Output) -> ParseOutcome:
    if isinstance(output, str):
        return parse_calls(output)
    if isinstance(output, Trajectory):
        return ParsedCalls(tuple(call for message in output.messages for call in message.tool_calls))
    return output


def _judge(job: Job, execution: Execution | NotExecuted, scenario: Scenario) -> VerificationResult:
    """The second and third stage, on what has been executed."""
    if isinstance(execution, NotExecuted):
        return _rejected("execution", "not_executed", execution.reason)
    recorded: dict[str, JsonValue] = {
        "outcomes": [outcome_to_json(outcome) for outcome in execution.outcomes],
        "final_state": execution.final_state,
    }
    # With one assistant turn there is no later turn in which an error could be recovered from.
    errors = [outcome.message for outcome in execution.outcomes if isinstance(outcome, ToolError)]
    if errors:
        return _rejected("execution", "tool_error", errors[0], **recorded)
    if execution.final_state != scenario.expected_state:
        return _rejected("semantic", "wrong_state", "the calls lead to another state than was asked for", **recorded)
    # Where the state stays as it was, it says nothing about what was looked up: there the calls must be the right ones.
    unaffected = execution.initial_state == scenario.expected_state
    if unaffected and not calls_equal(job.calls, scenario.gold_calls):
        return _rejected("semantic", "wrong_calls", _difference(job.calls, scenario.gold_calls), **recorded)
    return VerificationResult(True, "semantic", details=recorded)


def _difference(calls: Sequence[ToolCall], gold: Sequence[ToolCall]) -> str:
    return f"expected {[call_to_json(call) for call in gold]}, found {[call_to_json(call) for call in calls]}"


def _rejected(stage: Stage, reason: str, message: str, **details: JsonValue) -> VerificationResult:
    return VerificationResult(False, stage, reason, {"message": message, **details})
