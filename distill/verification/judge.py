"""A judge model as the last resort: whether an episode that executed answers what its user asked for.

Only where nothing better decides: a scenario with an expected state is judged by that state. What a judge says is an
opinion of another model, so its id is kept with the verdict, and the dataset gets a ``judged_by`` edge.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from distill.rollouts.episode import Episode
from distill.teacher.protocol import ChatMessage, Sampling, Teacher, TeacherRequest
from distill.trajectories.calls import CallError, call_to_json, loads, tool_to_json
from distill.trajectories.types import Message
from distill.verification.verify import VerificationResult

RUBRIC = """You check transcripts of an assistant that calls tools. Decide whether it did what the user asked for.

It did, if every request of the user was served by calls with the right arguments, or was rightly declined or asked back
about; if nothing was done that nobody asked for; and if what it says to the user agrees with what the tools returned.
The style of its words does not matter.

Answer with one JSON object and nothing else: {"satisfied": true or false, "reason": "one sentence"}"""
_SAMPLING = Sampling(temperature=0.0, max_tokens=256)


class UnreadableVerdict(ValueError):
    """A judge's text that is no verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said."""

    satisfied: bool
    reason: str


def judge_request(episode: Episode) -> TeacherRequest:
    """What a judge is asked about an episode."""
    tools = json.dumps([tool_to_json(tool) for tool in episode.scenario.tools], ensure_ascii=False)
    transcript = "\n".join(map(_line, episode.messages))
    question = f"# Tools\n{tools}\n\n# Transcript\n{transcript}\n\n# Verdict"
    return TeacherRequest((ChatMessage("system", RUBRIC), ChatMessage("user", question)), _SAMPLING)


def read_verdict(text: str) -> Verdict:
    """Read a judge's answer; reasoning before it, up to ``</think>``, and a fence around it are allowed.

    Raises:
        UnreadableVerdict: anything else than one object with exactly these two fields.
    """
    body = text.rpartition("</think>")[2].strip()
    if body.startswith("```") and body.endswith("```"):
        body = body.strip("`").removeprefix("json").strip()
    try:
        value = loads(body)
    except CallError as error:
        raise UnreadableVerdict(str(error)) from error
    if not isinstance(value, dict) or set(value) != {"satisfied", "reason"}:
        raise UnreadableVerdict("it is no object with satisfied and reason")
    satisfied, reason = value["satisfied"], value["reason"]
    if not isinstance(satisfied, bool) or not isinstance(reason, str):
        raise UnreadableVerdict("satisfied must be true or false, and reason a text")
    return Verdict(satisfied, reason)


async def judge(episode: Episode, result: VerificationResult, teacher: Teacher) -> VerificationResult:
    """The result with a judge's opinion in it. What was rejected before is not judged.

    New reasons: ``not_satisfied``, and ``judge_unreadable`` where the judge's text is no verdict.
    """
    if not result.accepted:
        return result
    reply = await teacher.ask(judge_request(episode))
    details = {**result.details, "judge": reply.model}
    try:
        verdict = read_verdict(reply.text)
    except UnreadableVerdict as error:
        return VerificationResult(False, "semantic", "judge_unreadable", {**details, "message": str(error)})
    if verdict.satisfied:
        return VerificationResult(True, "semantic", details={**details, "judge_reason": verdict.reason})
    return VerificationResult(False, "semantic", "not_satisfied", {**details, "message": verdict.reason})


def needs_judge(episode: Episode, result: VerificationResult) -> bool:
    """Whether only a judge can decide: everything else was passed, and nothing was expected of the state."""
    return result.accepted and not (episode.scenario.expected_state or episode.scenario.assertions)


async def judge_batch(
    episodes: Sequence[Episode], results: Sequence[VerificationResult], teacher: Teacher
) -> list[VerificationResult]:
    """The results in their order, with a judge's opinion where only a judge can decide; all are asked for at once."""

    async def decided(episode: Episode, result: VerificationResult) -> VerificationResult:
        return await judge(episode, result, teacher) if needs_judge(episode, result) else result

    return await asyncio.gather(*(decided(*one) for one in zip(episodes, results, strict=True)))


def judges(results: Sequence[VerificationResult]) -> set[str]:
    """The ids of the models that had a say in these results."""
    return {cast("str", result.details["judge"]) for result in results if "judge" in result.details}


def _line(message: Message) -> str:
    if message.role == "tool":
        return f"[result of {message.name}] {message.content}"
    calls = [call_to_json(call) for call in message.tool_calls]
    called = f" [calls] {json.dumps(calls, ensure_ascii=False)}" if calls else ""
    return f"[{message.role}] {message.content}{called}"
