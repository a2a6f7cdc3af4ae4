"""APIGen's three stages: format, execution, semantic (Liu et al. 2024, arXiv:2406.18518), for whole episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from distill.environments.base import ToolError, ToolOutcome, ToolSuccess, UserTurn
from distill.environments.definitions import Setup
from distill.environments.execution import Execution, Job, outcome_to_json, result_message
from distill.environments.limits import FAILURES
from distill.environments.sandbox import NotExecuted, run_jobs
from distill.environments.schema import argument_problem
from distill.rollouts.episode import Episode
from distill.trajectories.calls import call_to_json
from distill.trajectories.turns import calls_in, user_turns
from distill.trajectories.types import JsonValue, Message, ToolCall

Stage = Literal["format", "execution", "semantic"]


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The verdict on one episode. ``stage`` is the one that rejected it, or the last where it was accepted.

    ``reason`` is empty or one of: malformed, unknown_tool, invalid_arguments, a ``Failure`` of the environment,
    not_finished, not_reproduced, tool_error, wrong_state, failed_assertions, wrong_calls, not_asked. ``details`` hold a
    message, and after execution the outcomes, the final state digest and the assertions that do not hold, if any.
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


def verify(episode: Episode, time_limit_s: float = 30.0, setup: Setup | None = None) -> VerificationResult:
    """Verify one episode."""
    return verify_batch([episode], time_limit_s, setup)[0]


def verify_batch(
    episodes: Sequence[Episode], time_limit_s: float = 300.0, setup: Setup | None = None
) -> list[VerificationResult]:
    """Verify episodes; the calls of all of them are run anew, in one sandbox, and so are the right ones.

    ``time_limit_s`` is for built-in worlds; ``setup`` holds other environments and their limits. An episode whose
    environment fails is rejected with the reason.
    """
    rejections = [check_format(episode) for episode in episodes]
    formed = [episode for episode, rejected in zip(episodes, rejections, strict=True) if rejected is None]
    # Where no state is expected nobody knows the right calls.
    known = [episode for episode in formed if episode.scenario.expected_state]
    executions = run_jobs([*map(_played_job, formed), *map(_gold_job, known)], time_limit_s, setup or Setup())
    gold = iter(executions[len(formed) :])
    judged = (
        _judge(episode, ran, next(gold) if episode.scenario.expected_state else None)
        for episode, ran in zip(formed, executions[: len(formed)], strict=True)
    )
    return [rejected or next(judged) for rejected in rejections]


def check_format(episode: Episode) -> VerificationResult | None:
    """The first stage: the rejection, or None where every call is of an offered tool and fits its schema."""
    if episode.ending == "malformed":
        return _rejected("format", "malformed", episode.problem, position=episode.position)
    offered = {tool.name: tool for tool in episode.scenario.tools}
    for call in calls_in(episode.messages):
        if call.name not in offered:
            return _rejected("format", "unknown_tool", f"{call.name} was not offered; offered: {', '.join(offered)}")
        problem = argument_problem(offered[call.name], call.arguments)
        if problem is not None:
            return _rejected("format", "invalid_arguments", problem)
    return None


def _played_job(episode: Episode) -> Job:
    scenario = episode.scenario
    return Job(scenario.environment, scenario.env_seed, calls_in(episode.messages), scenario.assertions)


def _gold_job(episode: Episode) -> Job:
    scenario = episode.scenario
    return Job(scenario.environment, scenario.env_seed, scenario.gold_calls)


def _judge(episode: Episode, ran: Execution | NotExecuted, gold: Execution | NotExecuted | None) -> VerificationResult:
    """The second and third stage, on what has been executed."""
    if episode.ending in FAILURES:
        return _rejected("execution", episode.ending, episode.problem)
    if isinstance(ran, NotExecuted):
        return _rejected("execution", ran.code, ran.reason)
    if isinstance(gold, NotExecuted):
        return _rejected("execution", gold.code, f"the right calls cannot be run: {gold.reason}")
    if episode.ending != "finished":
        return _rejected("execution", "not_finished", episode.problem)
    recorded: dict[str, JsonValue] = {
        "outcomes": [outcome_to_json(outcome) for outcome in ran.outcomes],
        "final_state": ran.final_state,
    }
    if ran.failed_assertions:
        recorded["failed_assertions"] = list(ran.failed_assertions)
    for stage, reason, message in (*_execution_problems(episode, ran), *_semantic_problems(episode, ran, gold)):
        return _rejected(stage, reason, message, **recorded)
    return VerificationResult(True, "semantic", details=recorded)


_Problem = tuple[Stage, str, str]


def _execution_problems(episode: Episode, ran: Execution) -> Iterator[_Problem]:
    """Results that cannot be had again, and errors that nothing in the same user turn made good."""
    results = [message for message in episode.messages if message.role == "tool"]
    calls = calls_in(episode.messages)
    if results != [result_message(call, outcome) for call, outcome in zip(calls, ran.outcomes, strict=True)]:
        yield "execution", "not_reproduced", "the tools return something else when the calls are run again"
    for outcomes in _by_turn(ran.outcomes, map(calls_in, user_turns(episode.messages))):
        if outcomes and isinstance(outcomes[-1], ToolError):
            yield "execution", "tool_error", outcomes[-1].message


def _semantic_problems(episode: Episode, ran: Execution, gold: Execution | None) -> Iterator[_Problem]:
    """Another final state, assertions that do not hold, or a user turn that was not served.

    As in BFCL's multi-turn rule, all that the right calls return must have been returned by then, and where nothing is
    to be called nothing may be. So a detour that changes nothing is accepted. Where no state is expected nobody knows
    the right calls, so that assertions, or else a judge, must decide.
    """
    scenario = episode.scenario
    if scenario.expected_state and ran.final_state != scenario.expected_state:
        yield "semantic", "wrong_state", "the calls lead to another state than was asked for"
    if ran.failed_assertions:
        yield "semantic", "failed_assertions", "; ".join(ran.failed_assertions)
    if gold is None:
        return
    returned: list[JsonValue] = []
    played = user_turns(episode.messages)
    found = _by_turn(ran.outcomes, map(calls_in, played))
    wanted = _by_turn(gold.outcomes, (turn.calls for turn in scenario.turns))
    for messages, turn, outcomes, right in zip(played, scenario.turns, found, wanted, strict=True):
        returned += _values(outcomes)
        if (outcomes and not right) or any(value not in returned for value in _values(right)):
            yield "semantic", "wrong_calls", _difference(messages, turn)
        if not turn.asked_in(messages[-1].content):
            yield "semantic", "not_asked", f"expected a question for the {turn.asks_for}"


def _by_turn(outcomes: Sequence[ToolOutcome], turns: Iterable[Sequence[ToolCall]]) -> list[list[ToolOutcome]]:
    """Deal outcomes out to the calls of each user turn."""
    rest = iter(outcomes)
    return [[next(rest) for _ in calls] for calls in turns]


def _values(outcomes: Sequence[ToolOutcome]) -> list[JsonValue]:
    return [outcome.value for outcome in outcomes if isinstance(outcome, ToolSuccess)]


def _difference(messages: Sequence[Message], turn: UserTurn) -> str:
    expected, found = ([call_to_json(call) for call in calls] for calls in (turn.calls, calls_in(messages)))
    return f"expected {expected}, found {found}"


def _rejected(stage: Stage, reason: str, message: str, **details: JsonValue) -> VerificationResult:
    return VerificationResult(False, stage, reason, {"message": message, **details})
