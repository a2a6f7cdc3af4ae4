"""A judge decides last, in one readable form only, and is named."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.teacher.protocol import TeacherReply, TeacherRequest
from distill.verification.judge import (
    UnreadableVerdict,
    Verdict,
    judge,
    judge_batch,
    judges,
    needs_judge,
    read_verdict,
)
from distill.verification.verify import VerificationResult, verify, verify_batch
from tests.distill.playing import DONE, first_scenario, gold_played, one_played


@dataclass
class Judge:
    """A model that always says the same."""

    text: str
    asked: list[TeacherRequest] = field(default_factory=list)

    async def ask(self, request: TeacherRequest) -> TeacherReply:
        self.asked.append(request)
        return TeacherReply(self.text, "acme/judge", "stop", 10, 5)


SCENARIO = first_scenario("parallel")


def judged(model: Judge) -> VerificationResult:
    (episode,) = gold_played([SCENARIO])
    return asyncio.run(judge(episode, verify(episode), model))


def test_an_opinion_is_kept_with_its_model() -> None:
    model = Judge('{"satisfied": true, "reason": "Both were done."}')
    result = judged(model)
    assert result.accepted
    assert (result.details["judge"], result.details["judge_reason"]) == ("acme/judge", "Both were done.")
    assert judges([result]) == {"acme/judge"}
    question = model.asked[0].messages[1].content
    assert SCENARIO.turns[0].message in question
    assert all(f'"name": "{call.name}"' in question for call in SCENARIO.gold_calls)
    assert all(f"[result of {call.name}]" in question for call in SCENARIO.gold_calls)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"satisfied": false, "reason": "The wrong order."}', "not_satisfied"),
        ("Yes, it did.", "judge_unreadable"),
        ('{"satisfied": "true", "reason": ""}', "judge_unreadable"),
        ('{"satisfied": true}', "judge_unreadable"),
        ('{"satisfied": true, "reason": "a", "score": 5}', "judge_unreadable"),
        ('{"satisfied": true, "satisfied": false, "reason": "a"}', "judge_unreadable"),
        ("", "judge_unreadable"),
    ],
)
def test_what_is_not_a_clear_yes_rejects(text: str, reason: str) -> None:
    result = judged(Judge(text))
    assert (result.accepted, result.stage, result.reason) == (False, "semantic", reason)
    assert result.details["judge"] == "acme/judge"


def test_what_was_rejected_is_not_judged() -> None:
    episode = one_played(SCENARIO, DONE)
    model = Judge('{"satisfied": true, "reason": ""}')
    before = verify(episode)
    assert asyncio.run(judge(episode, before, model)) == before
    assert model.asked == []
    assert judges([before]) == set()


def test_only_what_no_state_decides_is_judged() -> None:
    decided, open_ended = gold_played([SCENARIO, SCENARIO])
    open_ended = replace(open_ended, scenario=replace(SCENARIO, expected_state=""))
    wrong = replace(open_ended, messages=open_ended.messages[:2])
    model = Judge('{"satisfied": false, "reason": "The wrong order."}')
    episodes = [decided, open_ended, wrong]
    before = verify_batch(episodes)
    assert [needs_judge(*one) for one in zip(episodes, before, strict=True)] == [False, True, False]
    after = asyncio.run(judge_batch(episodes, before, model))
    assert [result.reason for result in after] == ["", "not_satisfied", "not_reproduced"]
    assert len(model.asked) == 1
    assert judges(after) == {"acme/judge"}


def test_without_an_expected_state_any_calls_that_run_are_for_the_judge() -> None:
    scenario = replace(SCENARIO, expected_state="", turns=tuple(replace(turn, steps=()) for turn in SCENARIO.turns))
    (gold,) = gold_played([SCENARIO])
    assert verify(replace(gold, scenario=scenario)).accepted


def test_reasoning_and_a_fence_are_allowed() -> None:
    text = '<think>{"satisfied": false}</think>\n```json\n{"satisfied": true, "reason": "ok"}\n```'
    assert read_verdict(text) == Verdict(True, "ok")


@given(st.text())
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    try:
        read_verdict(text)
    except UnreadableVerdict:
        return
    pytest.fail("hypothesis wrote a verdict")
