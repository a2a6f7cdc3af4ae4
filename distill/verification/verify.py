"""APIGen's three stages: format, execution, semantic (Liu et al. 2024, arXiv:2406.18518), for whole episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from distill.environments.base import ToolError, ToolOutcome, ToolSuccess, UserTurn
from distill.environments.execution import Execution, Job, outcome_to_json, result_message
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

    ``reason`` is empty or one of: malformed, unknown_tool, invalid_arguments, not_executed, not_finished,
    not_reproduced, tool_error, wrong_state, wrong_calls, not_asked. ``details`` hold a message, and after execution the
    outcomes and the final state digest.
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


def verify(episode: Episode, time_limit_s: float = 30.0) -> VerificationResult:
    """Verify one episode."""
    return verify_batch([episode], time_limit_s)[0]


def verify_batch(episodes: Sequence[Episode], time_limit_s: float = 300.0) -> list[VerificationResult]:
    """Verify episodes; the calls of all of them are run anew, in one child process, and so are the right ones."""
    rejections = [check_format(episode) for episode in episodes]
    formed = [episode for episode, rejected in zip(episodes, rejections, strict=True) if rejected is None]
    jobs = [_job(episode, gold) for gold in (False, True) for episode in formed]
    executions = run_jobs(jobs, time_limit_s)
    judged = map(_judge, formed, executions[: len(formed)], executions[len(formed) :])
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


def _job(episode: Episode, gold: bool) -> Job:
    scenario = episode.scenario
    return Job(scenario.environment, scenario.env_seed, scenario.gold_calls if gold else calls_in(episode.messages))


def _judge(episode: Episode, ran: Execution | NotExecuted, gold: Execution | NotExecuted) -> VerificationResult:
    """The second and third stage, on what has been executed."""
    if isinstance(ran, NotExecuted):
        return _rejected("execution", "not_executed", ran.reason)
    if isinstance(gold, NotExecuted):
        return _rejected("execution", "not_executed", gold.reason)
    if episode.ending == "not_executed":
        return _rejected("execution", "not_executed", episode.problem)
    if episode.ending != "finished":
        return _rejected("execution", "not_finished", episode.problem)
    recorded: dict[str, JsonValue] = {
        "outcomes": [outcome_to_json(outcome) for outcome in ran.outcomes],
        "final_state": ran.final_state,
    }
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


def _semantic_problems(episode: Episode, ran: Execution, gold: Execution) -> Iterator[_Problem]:
    """Another final state, or a user turn that was not served.

    As in BFCL's multi-turn rule, all that the right calls return must have been returned by then, and where nothing is
    to be called nothing may be. So a detour that changes nothing is accepted. Where no state is expected nobody knows
    the right calls, so that a judge must decide.
    """
    scenario = episode.scenario
    if not scenario.expected_state:
        return
    if ran.final_state != scenario.expected_state:
        yield "semantic", "wrong_state", "the calls lead to another state than was asked for"
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
