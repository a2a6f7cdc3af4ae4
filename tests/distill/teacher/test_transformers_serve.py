"""A real OpenAI-compatible server on real, if tiny, weights."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill.errors import TeacherUnavailable
from distill.standins import checkpoint
from distill.teacher.endpoint.client import EndpointTeacher
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.protocol import ChatMessage, Sampling, TeacherReply, TeacherRequest

MODEL = str(checkpoint("qwen3"))
TOPICS = ("an order", "a refund", "a ticket", "nothing")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``transformers serve``."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--device", "cpu", "--port", str(port)]
    environment = {**os.environ, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def _wait(health: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


def request(topic: str, temperature: float, seed: int) -> TeacherRequest:
    messages = (ChatMessage("system", "You help."), ChatMessage("user", f"Tell me about {topic}."))
    return TeacherRequest(messages, Sampling(temperature=temperature, max_tokens=12, seed=seed))


def replies(url: str, model: str, requests: list[TeacherRequest], attempts: int = 6) -> list[TeacherReply]:
    async def run() -> list[TeacherReply]:
        async with EndpointTeacher(EndpointSettings((url,), model, concurrency=4, attempts=attempts), {}) as teacher:
            return await asyncio.gather(*map(teacher.ask, requests))

    return asyncio.run(run())


def test_it_answers_many_at_a_time_and_greedily_the_same(url: str) -> None:
    asked = [request(topic, 0.0, 1) for topic in TOPICS * 2]
    got = replies(url, MODEL, asked)
    assert got[:4] == got[4:]
    assert {one.model for one in got} == {f"{MODEL}@main"}
    assert all(0 < one.completion_tokens <= 12 and one.prompt_tokens > 10 for one in got)
    assert all((one.finish_reason == "length") == (one.completion_tokens == 12) for one in got)


def test_a_model_that_it_cannot_load_is_told(url: str) -> None:
    with pytest.raises(TeacherUnavailable, match="HTTP 500"):
        replies(url, "acme/no-such-model", [request("an order", 0.0, 1)], attempts=1)
