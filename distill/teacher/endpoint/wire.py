"""Requests and replies of the chat completions API as JSON. Pure.

Only what vLLM, llama.cpp's server and ``transformers serve`` all know is sent, and no tools: they stand in the
messages, in the teacher's own dialect, because servers that parse calls themselves lose some (vLLM's ``xlam`` parser
takes the first block only).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from distill.teacher.protocol import TeacherReply, TeacherRequest, TokenAlternatives

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_LONGEST = 300


class UnreadableReply(ValueError):
    """A body that is no reply. The message says what is wrong with it."""


def request_json(model: str, request: TeacherRequest) -> dict[str, Any]:
    """The body of ``POST /chat/completions``."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stream": False,
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if request.top_logprobs:
        # Tokens as "token_id:7" where a server can (vLLM): texts do not tell every token from every other.
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs, "return_tokens_as_token_ids": True}
    return body


def read_reply(body: bytes) -> TeacherReply:
    """Read the body of a completed request.

    Raises:
        UnreadableReply: it is not JSON, or lacks what every reply has.
    """
    document = _object(body)
    try:
        (choice,) = document["choices"]
        text, finish = choice["message"]["content"], choice["finish_reason"]
        usage = document.get("usage") or {}
        reply = TeacherReply(
            text="" if text is None else text,
            model=document["model"],
            finish_reason="length" if finish == "length" else "stop",
            prompt_tokens=usage.get("prompt_tokens") or 0,
            completion_tokens=usage.get("completion_tokens") or 0,
            tokens=_tokens(choice),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableReply(f"it lacks what a chat completion has ({type(error).__name__}: {error})") from error
    if not isinstance(reply.text, str) or not isinstance(reply.model, str):
        raise UnreadableReply("its text or its model's id is no text")
    return reply


def served_models(body: bytes) -> list[str]:
    """The ids in the body of ``GET /models``.

    Raises:
        UnreadableReply: it is no such list.
    """
    document = _object(body)
    try:
        return [cast("str", one["id"]) for one in document["data"]]
    except (KeyError, TypeError) as error:
        raise UnreadableReply("it is no list of models") from error


def told(body: bytes) -> str:
    """What an error's body says, in one line: the API's message, a page's title, or its beginning."""
    text = body.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        title = _TITLE.search(text)
        return _line(title[1] if title else text)
    while isinstance(document, dict):
        document = document.get("error") or document.get("message") or document.get("detail") or ""
    return _line(document if isinstance(document, str) else text)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise UnreadableReply(
            f"it is not JSON but begins with {_line(body[:200].decode(errors='replace'))!r}"
        ) from error
    if not isinstance(document, dict):
        raise UnreadableReply("it is no JSON object")
    return document


def _tokens(choice: dict[str, Any]) -> tuple[TokenAlternatives, ...]:
    content: Sequence[dict[str, Any]] = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        TokenAlternatives(
            token=one["token"],
            logprob=one["logprob"],
            alternatives=tuple((other["token"], other["logprob"]) for other in one["top_logprobs"]),
        )
        for one in content
    )


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
