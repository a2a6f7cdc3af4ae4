"""How a teacher is asked, whatever stands behind it, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

ChatRole = Literal["system", "user", "assistant", "tool", "ipython"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message as a teacher reads it: tools, calls and results are already text in the teacher's own dialect."""

    role: ChatRole
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. A ``temperature`` of 0 is greedy; ``seed`` is recorded even where a server ignores it."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """A conversation to be continued by one assistant turn.

    ``top_logprobs`` asks for so many alternatives of each written token, 0 for none.
    """

    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class TokenAlternatives:
    """One written token, and what else could have stood there: texts with natural log-probabilities, best first."""

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """The raw text of an assistant turn, never repaired, with what is needed to account for it.

    ``model`` is the id that the server says it served, which a caller holds to be the same all along.
    """

    text: str
    model: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[TokenAlternatives, ...] = ()


class Teacher(Protocol):
    """Something that continues conversations. Many may be asked for at once; how many run at a time is its affair."""

    async def ask(self, request: TeacherRequest) -> TeacherReply:
        """One assistant turn.

        Raises:
            DistillError: the teacher cannot answer, now or at all; the message says what to do.
        """
