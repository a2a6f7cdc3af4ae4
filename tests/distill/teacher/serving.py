"""A server that speaks the chat completions API over HTTP, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "acme/teacher"
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Chat:
    """What the server does. ``faults`` are taken one a request, before it answers as it should.

    It writes what ``answer`` makes of a request's body, else the number of the request.
    """

    model: str = MODEL
    answer: Callable[[dict[str, Any]], str] | None = None
    faults: list[Fault] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    listed: list[str] | None = None
    address: str = ""
    busy: int = 0

    @property
    def url(self) -> str:
        return f"{self.address}/v1"


def reply(model: str, text: str = "[]", **fields: Any) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {"id": "x", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage, **fields}


def _with_logprobs(answer: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The reply with two tokens by id, as vLLM names them, where alternatives were asked for."""
    if "top_logprobs" in body:
        best = [{"token": f"token_id:{index}", "logprob": -1.0 - index} for index in range(body["top_logprobs"])]
        content = [{"token": "token_id:0", "logprob": -1.0, "top_logprobs": best}] * 2
        answer["choices"][0]["logprobs"] = {"content": content}
    return answer


def answering(status: int, body: str, content_type: str = "application/json", **headers: str) -> Fault:
    """An answer with this status and body."""

    async def fault(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type, headers=headers)

    return fault


def slow(seconds: float) -> Fault:
    """An answer that takes its time."""

    async def fault(_: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        return web.json_response(reply(MODEL))

    return fault


async def cut(request: web.Request) -> web.StreamResponse:
    """Half of a body, and no more."""
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    assert request.transport is not None
    request.transport.close()
    return response


async def hang_up(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    """More and more."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(request)
    for _ in range(64):
        await response.write(b" " * (1 << 20))
    return response


@contextmanager
def serving(chat: Chat | None = None) -> Iterator[Chat]:
    """A server on a port of its own, on a thread."""
    told = chat or Chat()
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def complete(request: web.Request) -> web.StreamResponse:
        told.bodies.append(await request.json())
        told.headers.append(dict(request.headers))
        number = len(told.bodies)
        told.busy += 1
        told.most_at_once = max(told.most_at_once, told.busy)
        try:
            await asyncio.sleep(0.002)
            if told.faults:
                return await told.faults.pop(0)(request)
            body = told.bodies[number - 1]
            text = told.answer(body) if told.answer else json.dumps(number)
            return web.json_response(_with_logprobs(reply(told.model, text), body))
        finally:
            told.busy -= 1

    async def models(_: web.Request) -> web.Response:
        listed = [told.model] if told.listed is None else told.listed
        return web.json_response({"object": "list", "data": [{"id": each, "object": "model"} for each in listed]})

    async def run() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.add_routes([web.post("/v1/chat/completions", complete), web.get("/v1/models", models)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        port = int(told.address.rpartition(":")[2]) if told.address else 0
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        told.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(run())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
