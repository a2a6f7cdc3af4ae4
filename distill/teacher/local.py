"""A teacher whose weights are in this process: requests that wait at the same time are answered in one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, cast

from distill.families.teachers import TeacherFamily
from distill.inference.generate import LoadedModel, rows_at_once
from distill.inference.sampling import Draw, Drawn, sample
from distill.teacher.protocol import TeacherReply, TeacherRequest, TokenAlternatives

_WINDOW_SECONDS = 0.005
"""How long a batch waits for more: conversations that were answered together come back together."""
_Waiting = tuple[TeacherRequest, Draw, "asyncio.Future[TeacherReply]"]


class LocalTeacher:
    """A ``Teacher``, for the length of an asynchronous context. ``name`` is the model that its replies name.

    ``most`` requests are answered at a time, as many as suit the device unless told.
    """

    def __init__(self, loaded: LoadedModel, name: str, most: int | None = None) -> None:
        """``loaded`` is of a teacher's family."""
        self._loaded = loaded
        self._family = cast("TeacherFamily", loaded.family)
        self._name = name
        self._most = most or rows_at_once(loaded)
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._work = asyncio.create_task(self._answer_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work

    async def ask(self, request: TeacherRequest) -> TeacherReply:
        """One assistant turn. Raises what generation raises, for all requests of its batch."""
        text = self._family.render(request.messages)
        ids: list[int] = self._loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        answer: asyncio.Future[TeacherReply] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((request, Draw(ids, request.sampling, request.top_logprobs), answer))
        return await answer

    async def _answer_all(self) -> None:
        while True:
            batch = await self._next_batch()
            try:
                drawn = await self._sample([draw for _, draw, _ in batch])
            except Exception as error:  # noqa: BLE001 - it is whoever asked that must know
                _settle(batch, error)
            else:
                _settle(batch, [self._reply(draw, one) for (_, draw, _), one in zip(batch, drawn, strict=True)])

    async def _sample(self, draws: Sequence[Draw]) -> list[Drawn]:
        # In a thread, so that conversations that are not in the batch go on.
        work = asyncio.create_task(asyncio.to_thread(sample, self._loaded, draws))
        try:
            return await asyncio.shield(work)
        finally:
            # A thread cannot be cancelled, and the model must not be used by two.
            await asyncio.wait([work])

    async def _next_batch(self) -> list[_Waiting]:
        batch = [await self._waiting.get()]
        if self._waiting.qsize() + 1 < self._most:
            await asyncio.sleep(_WINDOW_SECONDS)
        while len(batch) < self._most and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch

    def _reply(self, draw: Draw, drawn: Drawn) -> TeacherReply:
        return TeacherReply(
            text=drawn.text,
            model=self._name,
            finish_reason="length" if drawn.cut else "stop",
            prompt_tokens=len(draw.ids),
            completion_tokens=drawn.count,
            # By id, as vLLM names them: texts do not tell every token from every other.
            tokens=tuple(
                TokenAlternatives(
                    f"token_id:{one.token}",
                    one.logprob,
                    tuple((f"token_id:{other}", logprob) for other, logprob in one.best),
                )
                for one in drawn.tokens
            ),
        )


def _settle(batch: Sequence[_Waiting], outcome: Sequence[TeacherReply] | Exception) -> None:
    for place, (_, _, answer) in enumerate(batch):
        if answer.done():
            continue  # whoever asked has gone
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome[place])
