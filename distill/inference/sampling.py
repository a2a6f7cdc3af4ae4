"""Batched generation where each row is drawn in its own way: temperature, nucleus, seed, length, alternatives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from distill.inference.generate import Ids, LoadedModel, decoded, left_padded, written_count
from distill.teacher.protocol import Sampling


@dataclass(frozen=True, slots=True)
class Draw:
    """What one row continues, and how. ``top`` alternatives are told of each new token, 0 for none."""

    ids: Ids
    sampling: Sampling
    top: int = 0


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One new token with its natural log-probability, and the best ``top`` at its place, best first.

    They are the model's own, before temperature and nucleus: how a token was drawn says nothing of what is likely.
    """

    token: int
    logprob: float
    best: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row's new text without stop token and padding; ``cut`` where it reached its length.

    ``count`` is the number of new tokens, the stop token included.
    """

    text: str
    count: int
    cut: bool
    tokens: tuple[Alternatives, ...] = ()


@torch.inference_mode()
def sample(loaded: LoadedModel, draws: Sequence[Draw]) -> list[Drawn]:
    """Continue every row, all in one batch.

    What a row draws depends on its seed and on the model's numbers, and these in their last digits on what else is in
    the batch: the same row may, very rarely, be drawn otherwise beside others.
    """
    stops = loaded.family.stop_ids(loaded.tokenizer)
    ids, mask = left_padded([draw.ids for draw in draws], stops[0], loaded.model.device)
    chooser = _Chooser(draws)
    output = loaded.model.generate(  # type: ignore[operator]  # transformers types generate as Tensor | Module
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max(draw.sampling.max_tokens for draw in draws),
        do_sample=False,
        logits_processor=LogitsProcessorList([chooser]),
        eos_token_id=stops,
        pad_token_id=stops[0],
    )
    written: list[list[int]] = output[:, ids.shape[1] :].tolist()
    rows = zip(draws, written, chooser.told, strict=True)
    return [_drawn(loaded, draw, new, stops, told) for draw, new, told in rows]


class _Chooser(LogitsProcessor):
    """Draws the next token of each row and leaves no other to choose from, so that greedy generation takes it."""

    def __init__(self, draws: Sequence[Draw]) -> None:
        self._draws = draws
        self._chances = [random.Random(draw.sampling.seed) for draw in draws]  # noqa: S311 - draws texts, no secrets
        self.told: list[list[Alternatives]] = [[] for _ in draws]

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        chosen = self._choose(scores)
        if any(draw.top for draw in self._draws):
            self._tell(scores, chosen)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    def _choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Ids, [rows, 1]. A row without temperature takes the best."""
        best = scores.argmax(-1, keepdim=True)
        heat = self._column([draw.sampling.temperature for draw in self._draws], scores)
        if not heat.any():
            return best
        share = self._column([draw.sampling.top_p for draw in self._draws], scores)
        luck = self._column([chance.random() for chance in self._chances], scores)
        likely, order = (scores.double() / heat.clamp(min=1e-6)).softmax(-1).sort(dim=-1, descending=True, stable=True)
        before = likely.cumsum(-1) - likely
        # The nucleus: the likeliest tokens up to the one with which their share is reached.
        likely = likely * (before < share)
        upto = likely.cumsum(-1)
        place = (upto <= luck * upto[:, -1:]).sum(-1, keepdim=True).clamp(max=scores.shape[1] - 1)
        return torch.where(heat > 0, order.gather(1, place), best)

    def _tell(self, scores: torch.Tensor, chosen: torch.Tensor) -> None:
        logprobs = scores.float().log_softmax(-1)
        best = logprobs.topk(max(draw.top for draw in self._draws), -1)
        rows = zip(
            chosen[:, 0].tolist(),
            logprobs.gather(1, chosen)[:, 0].tolist(),
            best.indices.tolist(),
            best.values.tolist(),
            strict=True,
        )
        for draw, told, (token, logprob, ids, values) in zip(self._draws, self.told, rows, strict=True):
            told.append(Alternatives(token, logprob, tuple(zip(ids, values, strict=True))[: draw.top]))

    @staticmethod
    def _column(values: Sequence[float], scores: torch.Tensor) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device=scores.device)[:, None]


def _drawn(
    loaded: LoadedModel, draw: Draw, new: Sequence[int], stops: Sequence[int], told: Sequence[Alternatives]
) -> Drawn:
    new = new[: draw.sampling.max_tokens]
    count = written_count(new, stops)
    ended = new[count - 1] in stops
    return Drawn(decoded(loaded.tokenizer, new, stops), count, not ended, tuple(told[:count]) if draw.top else ())
