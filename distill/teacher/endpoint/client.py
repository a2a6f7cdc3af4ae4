"""A teacher behind one or several OpenAI-compatible servers: vLLM, llama.cpp's server, ``transformers serve``.

A request goes to the server with the fewest at the time. A failure that may pass (a lost connection, a timeout, a cut
body, 408, 409, 425, 429 and 5xx) sets the server aside for a while and is tried again, on another one if there is one.
What would fail again ends the work with an error that says what to do.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from distill.errors import TeacherChanged, TeacherRefused, TeacherUnavailable, TeacherUnreadable
from distill.teacher.endpoint.pacing import Budget, Replica, least_busy, pause_before
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.endpoint.wire import UnreadableReply, read_reply, request_json, served_models, told
from distill.teacher.protocol import TeacherReply, TeacherRequest
from spiritsafe.errors import InvalidArgument

MOST_BYTES = 32 << 20
"""Of one body. A reply with 64 alternatives for each of 8,000 tokens has about 20 MB."""
_PASSING = frozenset({408, 409, 425, 429, *range(500, 600)})
# What servers without a list of models say when they are asked for one.
_CANNOT_LIST = (500, 501)
_POLL_SECONDS = 0.05


class _Passed(Exception):
    """An attempt failed in a way that may pass, for this module alone.

    ``status`` is the answer's, 0 where none came; ``asked_for`` is how long to wait at least.
    """

    def __init__(self, cause: str, status: int = 0, asked_for: float = 0.0) -> None:
        super().__init__(cause)
        self.status = status
        self.asked_for = asked_for


@dataclass(slots=True)
class Usage:
    """What has been asked for so far. ``seconds`` are wall-clock, from the first request on."""

    requests: int = 0
    failed_attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Written tokens, over all requests at a time."""
        return self.completion_tokens / self.seconds if self.seconds else 0.0


class EndpointTeacher:
    """A ``Teacher``, for the length of an asynchronous context. ``usage`` may be read at any time."""

    def __init__(
        self, settings: EndpointSettings, environment: Mapping[str, str] = os.environ, served: str = ""
    ) -> None:
        """Connects to nothing yet. ``served`` is the model that answered before, where one did.

        Raises:
            InvalidArgument: a setting is wrong, or the key's variable is not set.
        """
        self._settings = settings.check()
        self._headers = _authorization(settings, environment)
        self._model = settings.model
        self._served = served
        self._replicas = [Replica(url.rstrip("/")) for url in settings.urls]
        self._requests = Budget(settings.requests_per_minute)
        self._tokens = Budget(settings.tokens_per_minute)
        self._chance = random.Random()  # noqa: S311 - spreads attempts, guards nothing
        self._room = asyncio.Semaphore(settings.concurrency)
        self._looking = asyncio.Lock()
        self._started: float | None = None
        self.usage = Usage()

    async def __aenter__(self) -> Self:
        settings = self._settings
        timeout = aiohttp.ClientTimeout(total=settings.reply_seconds, sock_connect=settings.connect_seconds)
        # The system's proxy settings are left alone: a teacher is addressed directly.
        connector = aiohttp.TCPConnector(limit=settings.concurrency)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def ask(self, request: TeacherRequest) -> TeacherReply:
        """One assistant turn.

        Raises:
            TeacherUnavailable: no server answered in all attempts.
            TeacherRefused: a server does not take the request.
            TeacherUnreadable: what came is no reply.
            TeacherChanged: another model answered than before.
        """
        async with self._room:
            for attempt in range(1, self._settings.attempts + 1):
                try:
                    return await self._attempt(request)
                except _Passed as passed:
                    self.usage.failed_attempts += 1
                    if attempt == self._settings.attempts:
                        raise TeacherUnavailable(attempt, str(passed)) from passed
                    # Another server may be ready at once: only the last one standing is waited for.
                    waits = 0.0 if self._others_ready() else pause_before(attempt + 1, self._chance, passed.asked_for)
                    await asyncio.sleep(waits)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, request: TeacherRequest) -> TeacherReply:
        await self._within_budget()
        replica = await self._ready()
        replica.busy += 1
        began = time.monotonic()
        try:
            await self._look_at(replica)
            body = await self._call("POST", f"{replica.url}/chat/completions", request_json(self._model, request))
            reply = self._read(replica, body)
        except _Passed as passed:
            replica.failed(began, time.monotonic(), passed.asked_for)
            raise
        finally:
            replica.busy -= 1
        replica.answered()
        self._count(reply)
        return reply

    async def _within_budget(self) -> None:
        while pause := max(self._requests.pause(time.monotonic()), self._tokens.pause(time.monotonic())):
            await asyncio.sleep(pause)
        self._requests.spend(time.monotonic(), 1)

    async def _ready(self) -> Replica:
        """A server that is not set aside; waits for the first one where all are."""
        while (replica := least_busy(self._replicas, time.monotonic())) is None:
            await asyncio.sleep(_POLL_SECONDS)
        return replica

    def _others_ready(self) -> bool:
        return least_busy(self._replicas, time.monotonic()) is not None

    async def _look_at(self, replica: Replica) -> None:
        """Learn what a server serves: before its first request, and after each time that it was set aside."""
        if replica.known:
            return
        async with self._looking:
            # Whoever waited here finds that it has been done.
            if not replica.known:
                await self._learn(replica)

    async def _learn(self, replica: Replica) -> None:
        url = f"{replica.url}/models"
        models: list[str] = []
        try:
            models = served_models(await self._call("GET", url, None))
        except UnreadableReply as error:
            raise TeacherUnreadable(url, str(error)) from error
        except (TeacherRefused, _Passed) as error:
            # Not every server can list; where the model is named, the replies tell what it serves.
            if not self._model or (isinstance(error, _Passed) and error.status not in _CANNOT_LIST):
                raise
        if not self._model:
            if len(models) != 1:
                raise InvalidArgument(
                    f"{replica.url} serves {len(models)} models: {', '.join(models) or 'none'}",
                    reason="TEACHER_AMBIGUOUS",
                    remedy="name one of them as the endpoint's model",
                )
            self._model = models[0]
        # A server may load what it does not list (transformers serve), but not while it lists something else only.
        if models and self._model not in models:
            raise TeacherChanged(replica.url, self._model, ", ".join(models))
        replica.known = True

    def _read(self, replica: Replica, body: bytes) -> TeacherReply:
        try:
            reply = read_reply(body)
        except UnreadableReply as error:
            raise TeacherUnreadable(f"{replica.url}/chat/completions", str(error)) from error
        self._served = self._served or reply.model
        if reply.model != self._served:
            raise TeacherChanged(replica.url, self._served, reply.model)
        return reply

    async def _call(self, method: str, url: str, body: Any) -> bytes:
        """The body of a successful answer.

        Raises:
            _Passed: it failed in a way that may pass.
            TeacherRefused: it would fail again.
            TeacherUnreadable: it has no end.
        """
        # Servers close a connection on which a look failed (uvicorn does), and the next request would run into that.
        headers = {"Connection": "close"} if method == "GET" else {}
        try:
            async with self._http.request(method, url, json=body, headers=headers, allow_redirects=False) as answer:
                content = await _bounded(answer, url)
                if answer.status == 200:
                    return content
                if answer.status in _PASSING:
                    raise _Passed(
                        f"{url} answered HTTP {answer.status}: {told(content)}", answer.status, _asked_for(answer)
                    )
                raise TeacherRefused(url, answer.status, told(content) or answer.headers.get("Location", ""))
        except TimeoutError as error:
            raise _Passed(f"{url} did not answer within {self._settings.reply_seconds:g} s") from error
        except aiohttp.ClientPayloadError as error:
            raise _Passed(f"{url} cut its answer off") from error
        except aiohttp.InvalidURL as error:
            raise TeacherUnreadable(url, "the address cannot be used") from error
        except aiohttp.ClientError as error:
            raise _Passed(f"{url} could not be reached or broke off ({type(error).__name__})") from error

    def _count(self, reply: TeacherReply) -> None:
        now = time.monotonic()
        self._started = self._started or now
        usage = self.usage
        usage.requests += 1
        usage.prompt_tokens += reply.prompt_tokens
        usage.completion_tokens += reply.completion_tokens
        usage.seconds = now - self._started
        self._tokens.spend(now, reply.prompt_tokens + reply.completion_tokens)


def _authorization(settings: EndpointSettings, environment: Mapping[str, str]) -> dict[str, str]:
    if not settings.api_key_env:
        return {}
    key = environment.get(settings.api_key_env, "").strip()
    if not key:
        raise InvalidArgument(
            f"the environment variable {settings.api_key_env} holds no key",
            reason="TEACHER_KEY_MISSING",
            remedy="set it, or leave api_key_env empty for a server that asks for none",
        )
    return {"Authorization": f"Bearer {key}"}


async def _bounded(answer: aiohttp.ClientResponse, url: str) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            raise TeacherUnreadable(url, f"its answer is longer than {MOST_BYTES >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


def _asked_for(answer: aiohttp.ClientResponse) -> float:
    """Seconds of ``Retry-After``; its other form, a date, counts as nothing asked for."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 600.0) if text.isdigit() else 0.0
