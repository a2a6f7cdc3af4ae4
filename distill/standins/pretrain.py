"""Pre-training of a stand-in on the CPU: call exercises from easy to hard, at first beside random copy exercises."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distill.families.base import IGNORED, Family, Prompt, Row
from distill.trajectories.types import Trajectory

_CLIP = 1.0
# Random copies teach the copying heads, without which exercises alone stay on a plateau for long.
_COPY_STEPS = 350
_COPIES = 16
_COPY_TOKENS = 28


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of pre-training: ``steps`` steps of ``batch`` rows drawn from ``rows``."""

    steps: int
    batch: int
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Progress:
    """The loss of one step, in nats per target token; ``copy`` is None when the step had no copy exercises."""

    step: int
    loss: float
    copy: float | None


def exercise_row(
    family: Family, exercise: Trajectory, tokenizer: PreTrainedTokenizerBase, layout: Callable[[str], str]
) -> Row:
    """Render an exercise as the family would in training, but with ``layout`` applied to its target."""
    prompt = family.prompt_ids(Prompt(exercise.messages[:-1], exercise.tools), tokenizer)
    target = tokenizer(layout(family.target(exercise.messages[-1])), add_special_tokens=False)["input_ids"]
    return Row((*prompt, *target), (*[IGNORED] * len(prompt), *target))


def pretrain(model: PreTrainedModel, phases: Sequence[Phase], learning_rate: float, seed: int) -> Iterator[Progress]:
    """Train ``model`` in place and yield after every step; one learning-rate cycle over all ``phases``."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    total = sum(phase.steps for phase in phases)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=total, pct_start=0.1)
    batches = (batch for phase in phases for batch in islice(_shuffled(phase.rows, rng, phase.batch), phase.steps))
    model.train()
    for step, batch in enumerate(batches):
        loss = row_loss(model, batch)
        copy = copy_loss(model, rng) if step < _COPY_STEPS else None
        torch.autograd.backward(loss if copy is None else loss + copy)
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        yield Progress(step, loss.item(), None if copy is None else copy.item())


def row_loss(model: PreTrainedModel, rows: Sequence[Row]) -> torch.Tensor:
    """Mean cross-entropy over the target tokens of right-padded ``rows``."""
    width = max(len(row.input_ids) for row in rows)
    ids = torch.tensor([[*row.input_ids, *[0] * (width - len(row.input_ids))] for row in rows])
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.labels))] for row in rows])
    return _loss(model, ids, labels)


def copy_loss(model: PreTrainedModel, rng: random.Random) -> torch.Tensor:
    """Mean cross-entropy over the second half of random token sequences that repeat once."""
    half = [[rng.randrange(model.config.vocab_size) for _ in range(_COPY_TOKENS)] for _ in range(_COPIES)]
    once = torch.tensor(half)
    # The first token of the repetition cannot be known.
    masked = torch.full((_COPIES, _COPY_TOKENS + 1), IGNORED)
    return _loss(model, torch.cat([once, once], 1), torch.cat([masked, once[:, 1:]], 1))


def _loss(model: PreTrainedModel, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of next tokens; logits are computed at labelled places only, which halves the time."""
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    kept = wanted != IGNORED
    return cross_entropy(model.lm_head(hidden[kept]), wanted[kept])


def _shuffled(rows: Sequence[Row], rng: random.Random, batch: int) -> Iterator[list[Row]]:
    """Yield batches for ever; a batch has rows of similar length, so that little of it is padding."""
    window = batch * 8
    while True:
        order = rng.sample(range(len(rows)), len(rows))
        batches = []
        for start in range(0, len(order) - window + 1, window):
            near = sorted(order[start : start + window], key=lambda index: len(rows[index].input_ids))
            batches += [near[at : at + batch] for at in range(0, window, batch)]
        rng.shuffle(batches)
        for chosen in batches:
            yield [rows[index] for index in rng.sample(chosen, batch)]
