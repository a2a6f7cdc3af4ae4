"""Asking a teacher over HTTP: what passes is tried again, what does not ends with a reason, and nothing is mixed up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from distill.errors import TeacherChanged, TeacherRefused, TeacherUnavailable, TeacherUnreadable
from distill.teacher.endpoint import pacing
from distill.teacher.endpoint.client import EndpointTeacher
from distill.teacher.endpoint.pacing import Budget, Replica, least_busy, pause_before
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.protocol import ChatMessage, Sampling, TeacherReply, TeacherRequest
from spiritsafe.errors import InvalidArgument
from tests.distill.teacher.serving import (
    MODEL,
    Chat,
    Fault,
    answering,
    cut,
    endless,
    hang_up,
    reply,
    serving,
    slow,
)

REQUEST = TeacherRequest(
    (ChatMessage("system", "You call tools."), ChatMessage("user", "Where is order 7?")),
    Sampling(temperature=0.7, top_p=0.9, max_tokens=64, seed=11),
)
PAGE = "<html><head><title>502 Bad\n Gateway</title></head></html>"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 0.05)


def ask(
    chats: Sequence[Chat], requests: int = 1, environment: dict[str, str] | None = None, **settings: Any
) -> tuple[list[TeacherReply], EndpointTeacher]:
    """So many requests at once."""

    async def run() -> tuple[list[TeacherReply], EndpointTeacher]:
        given = EndpointSettings(tuple(chat.url for chat in chats), **settings)
        async with EndpointTeacher(given, environment or {}) as teacher:
            return await asyncio.gather(*(teacher.ask(REQUEST) for _ in range(requests))), teacher

    return asyncio.run(run())


def test_a_request_says_what_the_api_knows_and_its_reply_is_kept_as_it_is() -> None:
    with serving() as chat:
        chat.faults.append(
            answering(
                200,
                '{"model": "acme/teacher", "choices": [{"message": {"content": " [ {\\n"}, '
                '"finish_reason": "length"}], "usage": {"prompt_tokens": 7, "completion_tokens": 64}}',
            )
        )
        (got,), teacher = ask([chat], model=MODEL)
    assert got == TeacherReply(" [ {\n", MODEL, "length", 7, 64)
    assert chat.bodies == [
        {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "You call tools."},
                {"role": "user", "content": "Where is order 7?"},
            ],
            "temperature": 0.7,
            "top_p": 0.9,
            "max_tokens": 64,
            "stream": False,
            "seed": 11,
        }
    ]
    assert (teacher.usage.requests, teacher.usage.prompt_tokens, teacher.usage.completion_tokens) == (1, 7, 64)


@pytest.mark.parametrize(
    "fault",
    [
        answering(503, '{"error": {"message": "loading"}}'),
        answering(500, PAGE, "text/html"),
        answering(429, '{"error": "slow down"}'),
        answering(408, ""),
        cut,
        hang_up,
        slow(5),
    ],
    ids=["503", "page", "429", "408", "cut", "hang-up", "slow"],
)
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    with serving(Chat(faults=[fault, fault])) as chat:
        (got,), teacher = ask([chat], reply_seconds=0.3)
    assert got.model == MODEL
    assert teacher.usage.failed_attempts == 2
    assert len(chat.bodies) == 3


@pytest.mark.parametrize(
    ("fault", "limit", "cause"),
    [
        (answering(503, '{"error": {"message": "out of memory"}}'), 30.0, "HTTP 503: out of memory"),
        (answering(502, PAGE, "text/html"), 30.0, "HTTP 502: 502 Bad Gateway"),
        (cut, 30.0, "cut its answer off"),
        (slow(5), 0.1, "within 0.1 s"),
    ],
)
def test_a_server_that_stays_away_is_named_with_its_last_words(fault: Fault, limit: float, cause: str) -> None:
    with serving(Chat(faults=[fault] * 3)) as chat, pytest.raises(TeacherUnavailable, match=cause) as caught:
        ask([chat], attempts=3, reply_seconds=limit)
    assert caught.value.metadata == {"attempts": "3"}


def test_a_server_that_is_not_there() -> None:
    with serving() as chat:
        pass
    with pytest.raises(TeacherUnavailable, match="could not be reached"):
        ask([chat], attempts=2)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (answering(400, '{"error": {"message": "too long"}}'), TeacherRefused, "HTTP 400: too long"),
        (answering(401, '{"detail": "who?"}'), TeacherRefused, "who.*api_key_env"),
        (answering(302, "", Location="http://elsewhere/"), TeacherRefused, "HTTP 302: http://elsewhere/"),
        (answering(200, "<html>Welcome</html>", "text/html"), TeacherUnreadable, "begins with '<html>Welcome"),
        (answering(200, '{"answer": 42}'), TeacherUnreadable, "KeyError"),
        (
            answering(200, '{"choices": [{"message": {"content": [1]}, "finish_reason": null}], "model": "m"}'),
            TeacherUnreadable,
            "no text",
        ),
        (endless, TeacherUnreadable, "longer than 32 MiB"),
    ],
)
def test_what_would_fail_again_ends_the_work(fault: Fault, error: type[Exception], words: str) -> None:
    with serving(Chat(faults=[fault])) as chat, pytest.raises(error, match=words):
        ask([chat])
    assert len(chat.bodies) == 1


def test_another_model_midway_is_a_stop() -> None:
    with serving(Chat(faults=[answering(200, str(reply("acme/other")).replace("'", '"'))])) as chat:
        chat.faults.insert(0, slow(0))

        async def run() -> None:
            async with EndpointTeacher(EndpointSettings((chat.url,)), {}) as teacher:
                await teacher.ask(REQUEST)
                await teacher.ask(REQUEST)

        with pytest.raises(TeacherChanged, match=r"'acme/other'.*'acme/teacher'"):
            asyncio.run(run())


def test_a_server_of_another_model_is_not_asked() -> None:
    with serving(Chat(model="acme/other")) as chat, pytest.raises(TeacherChanged):
        ask([chat], model=MODEL)
    assert chat.bodies == []


def test_of_several_models_one_must_be_named() -> None:
    with serving(Chat(listed=["a", "b"])) as chat:
        with pytest.raises(InvalidArgument, match=r"2 models: a, b"):
            ask([chat])
        assert ask([chat], model="a")[0][0].model == MODEL


def test_no_more_than_so_many_at_a_time() -> None:
    with serving() as chat:
        replies, _ = ask([chat], 40, concurrency=5)
    assert chat.most_at_once == 5
    assert len({got.text for got in replies}) == 40


def test_requests_go_to_all_servers_and_those_of_one_that_dies_to_the_others() -> None:
    with ExitStack() as stack:
        first, second = (stack.enter_context(serving()) for _ in range(2))
        ask([first, second], 40, concurrency=8)
        assert min(len(first.bodies), len(second.bodies)) >= 10
    with serving() as alive:
        replies, teacher = ask([first, alive], 40, concurrency=8)
    assert len(replies) == len(alive.bodies) == 40
    assert teacher.usage.failed_attempts <= 20


def test_a_server_that_comes_back_is_asked_again() -> None:
    with serving(Chat(faults=[hang_up] * 8)) as ailing, serving() as well:

        async def run() -> int:
            settings, rounds = EndpointSettings((ailing.url, well.url), concurrency=4), 0
            async with EndpointTeacher(settings, {}) as teacher:
                while len(ailing.bodies) < 20 and rounds < 1000:
                    await asyncio.gather(*(teacher.ask(REQUEST) for _ in range(4)))
                    rounds += 1
            return rounds

        rounds = asyncio.run(run())
        assert len(ailing.bodies) - 8 + len(well.bodies) == 4 * rounds
        assert len(ailing.bodies) >= 20


def test_a_key_comes_from_its_variable_and_is_told_to_nobody_else() -> None:
    environment = {"TEACHER_KEY": "sk-secret\n"}
    with serving(Chat(faults=[answering(401, '{"error": "no"}')])) as chat, pytest.raises(TeacherRefused) as caught:
        ask([chat], environment=environment, api_key_env="TEACHER_KEY")
    assert chat.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    with pytest.raises(InvalidArgument, match="OTHER_KEY holds no key"):
        ask([chat], environment=environment, api_key_env="OTHER_KEY")


def test_the_servers_own_pause_is_kept() -> None:
    with serving(Chat(faults=[answering(429, "", **{"Retry-After": "1"})])) as chat:
        loop = asyncio.new_event_loop()
        started = loop.time()
        ask([chat])
        assert loop.time() - started >= 1
        loop.close()


def test_alternatives_are_asked_for_and_read() -> None:
    logprobs = {
        "content": [
            {
                "token": "token_id:5",
                "logprob": -0.1,
                "top_logprobs": [{"token": "token_id:5", "logprob": -0.1}, {"token": "token_id:9", "logprob": -3.0}],
            }
        ]
    }
    with serving() as chat:
        body = reply(MODEL)
        body["choices"][0]["logprobs"] = logprobs

        async def with_logprobs(_: Any) -> Any:
            from aiohttp import web

            return web.json_response(body)

        chat.faults.append(with_logprobs)

        async def run() -> TeacherReply:
            async with EndpointTeacher(EndpointSettings((chat.url,)), {}) as teacher:
                return await teacher.ask(TeacherRequest(REQUEST.messages, REQUEST.sampling, top_logprobs=2))

        (token,) = asyncio.run(run()).tokens
    assert (token.token, token.logprob) == ("token_id:5", -0.1)
    assert token.alternatives == (("token_id:5", -0.1), ("token_id:9", -3.0))
    assert (chat.bodies[0]["logprobs"], chat.bodies[0]["top_logprobs"]) == (True, 2)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"urls": ()}, "urls"),
        ({"urls": ("localhost:8000",)}, "urls"),
        ({"urls": ("http://me:secret@host/v1",)}, "urls"),
        ({"concurrency": 0}, "concurrency"),
        ({"attempts": 0}, "attempts"),
        ({"tokens_per_minute": -1}, "tokens_per_minute"),
        ({"reply_seconds": 0}, "reply_seconds"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        EndpointSettings(**{"urls": ("http://localhost/v1",), **settings}).check("teacher.endpoint")
    assert [one.field for one in caught.value.violations] == [f"teacher.endpoint.{field}"]
    assert "secret" not in str(caught.value)


class TestPacing:
    def test_pauses_grow_and_are_never_shorter_than_asked(self) -> None:
        chance = random.Random(1)
        drawn = [[pause_before(attempt, chance) for _ in range(200)] for attempt in (2, 3, 4, 9)]
        bounds = [min(pacing.LONGEST_PAUSE, pacing.FIRST_PAUSE * factor) for factor in (1, 2, 4, 128)]
        for pauses, bound in zip(drawn, bounds, strict=True):
            assert 0.8 * bound < max(pauses) <= bound
            assert min(pauses) < 0.2 * bound
        assert pause_before(2, chance, 7.0) == 7.0

    def test_a_budget_lets_through_what_it_says(self) -> None:
        budget, now, spent = Budget(per_minute=120), 1000.0, 0
        end = now + 30
        while now < end:
            if pause := budget.pause(now):
                now += pause
            else:
                budget.spend(now, 1)
                spent += 1
        assert 60 <= spent <= 63
        assert Budget(0).pause(now) == 0

    def test_what_a_large_request_cost_is_waited_for_afterwards(self) -> None:
        budget = Budget(per_minute=600)
        assert budget.pause(5.0) == 0
        budget.spend(5.0, 110)
        assert budget.pause(5.0) == pytest.approx(10.0)
        assert budget.pause(15.1) == 0

    def test_requests_that_fail_together_are_one_failure(self) -> None:
        replica = Replica("http://a")
        for _ in range(50):
            replica.failed(began=1.0, now=2.0)
        assert (replica.failures, replica.aside_until) == (1, 2.0 + pacing.FIRST_PAUSE)
        replica.failed(began=3.0, now=4.0)
        assert (replica.failures, replica.aside_until) == (2, 4.0 + 2 * pacing.FIRST_PAUSE)
        assert least_busy([replica, other := Replica("http://b", busy=9)], 4.0) is other
        assert least_busy([replica], 4.0) is None
        replica.answered()
        assert least_busy([replica, other], 4.0) is replica
