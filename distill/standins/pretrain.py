"""Pre-training of a stand-in on the CPU: exercises in calling tools, and at first copy exercises beside them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distill.families.base import IGNORED, Family, Prompt, Row
from distill.training.packing import Pack, batches, collate, pack_rows
from distill.trajectories.types import Trajectory

_CLIP = 1.0
# Muon for the matrices between embeddings (half the steps of AdamW to the same loss here), AdamW for the rest. Both
# gently, so that the copying circuits are refined and not overwritten.
_MUON_RATE, _ADAM_RATE = 4e-3, 2e-3
_WARM_UP, _DECAY = 0.06, 0.5
_COPY_ROWS = 8
_WINDOW = 8
"""Exercises of all lengths are alike, so their packs may be sorted by length over so many batches."""


@dataclass(frozen=True, slots=True)
class Curriculum:
    """One cycle of the learning rate: ``steps`` steps of ``batch`` rows about ``toolboxes`` sets of made tools.

    About each set there are ``requests`` answered in one turn and ``talks`` of several. The first ``copy_share`` of the
    steps also have copy exercises.
    """

    steps: int
    toolboxes: int
    batch: int
    copy_share: float
    requests: int
    talks: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The loss of one step, in nats per target token; ``copy`` is None when the step had no copy exercises."""

    step: int
    loss: float
    copy: float | None


def exercise_rows(
    family: Family, exercise: Trajectory, tokenizer: PreTrainedTokenizerBase, layout: Callable[[str], str]
) -> Iterator[Row]:
    """Render an exercise as the family would in training, but with ``layout`` applied to its targets.

    Turns of words alone are part of prompts and are not learnt.
    """
    messages = family.conversation(exercise.messages)
    for index, turn in enumerate(messages):
        if turn.role == "assistant" and not turn.content:
            prompt = family.prompt_ids(Prompt(messages[:index], exercise.tools), tokenizer)
            target = tokenizer(layout(family.target(turn)), add_special_tokens=False)["input_ids"]
            yield Row((*prompt, *target), (*[IGNORED] * len(prompt), *target))


def pretrain(
    model: PreTrainedModel, rows: Sequence[Row], texts: Sequence[Sequence[int]], curriculum: Curriculum, seed: int
) -> Iterator[Progress]:
    """Train ``model`` in place on call exercises (``rows``) and copies out of ``texts``; yield after every step."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    optimizers = _optimizers(model)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, partial(_rate, steps=curriculum.steps)) for each in optimizers]
    packs = pack_rows(rows)
    epochs = chain.from_iterable(batches(packs, curriculum.batch, seed + epoch, window=_WINDOW) for epoch in count())
    # Plain matrix products: under a mask and in bfloat16 a CPU does them faster than the fused attention.
    model.set_attn_implementation("eager")
    model.train()
    for step, batch in enumerate(islice(epochs, curriculum.steps)):
        loss = pack_loss(model, batch)
        copying = step < curriculum.copy_share * curriculum.steps
        copy = pack_loss(model, pack_rows([copy_row(rng, texts) for _ in range(_COPY_ROWS)])) if copying else None
        torch.autograd.backward(loss if copy is None else loss + copy)
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
        yield Progress(step, loss.item(), None if copy is None else copy.item())


def copy_row(rng: random.Random, texts: Sequence[Sequence[int]]) -> Row:
    """A stretch of text and one to three pieces out of it, at distances that vary, so that only content tells where.

    The first two tokens of a piece are not labelled: they are what the rest is found by.
    """
    text = rng.choice(texts)
    start = rng.randrange(max(1, len(text) - 70))
    ids = list(text[start : start + rng.randrange(30, 70)])
    source, labels = tuple(ids), [IGNORED] * len(ids)
    for _ in range(rng.randrange(1, 4)):
        begin = rng.randrange(max(1, len(source) - 18))
        piece = source[begin : begin + rng.randrange(5, 18)]
        ids += [rng.choice(source), *piece]
        labels += [IGNORED] * 3 + list(piece[2:])
    return Row(tuple(ids), tuple(labels))


def _optimizers(model: PreTrainedModel) -> list[torch.optim.Optimizer]:
    matrices = {name for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name}
    groups = [
        [weight for name, weight in model.named_parameters() if (name in matrices) is inner] for inner in (True, False)
    ]
    return [
        torch.optim.Muon(groups[0], lr=_MUON_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(groups[1], lr=_ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _rate(step: int, steps: int) -> float:
    """Warm up, hold, and decay to zero over the second half."""
    return min(1.0, (step + 1) / (_WARM_UP * steps), (steps - step) / (_DECAY * steps))


def pack_loss(model: PreTrainedModel, packs: Sequence[Pack]) -> torch.Tensor:
    """Mean cross-entropy over the target tokens of ``packs``; logits are computed at those places only.

    Multiplies in bfloat16, which takes two thirds of the time where the processor has it (AVX512-BF16).
    """
    batch = collate(packs, pad=0, dtype=torch.bfloat16)
    wanted = batch.pop("labels")[:, 1:]
    kept = wanted != IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(**batch).last_hidden_state[:, :-1]
        logits = model.lm_head(hidden[kept])
    return cross_entropy(logits.float(), wanted[kept])
