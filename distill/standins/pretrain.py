"""Pre-training of a stand-in on the CPU: call exercises, and for most of the time copy exercises beside them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from distill.families.base import IGNORED, Family, Prompt, Row
from distill.trajectories.types import Trajectory

_CLIP = 1.0
# Muon for the matrices between embeddings (half the steps of AdamW to the same loss here), AdamW for the rest. Both
# gently, so that the copying circuits are refined and not overwritten.
_MUON_RATE, _ADAM_RATE = 4e-3, 2e-3
_WARM_UP, _DECAY = 0.06, 0.5
_COPY_ROWS = 8


@dataclass(frozen=True, slots=True)
class Curriculum:
    """One cycle of the learning rate: ``steps`` steps of ``batch`` out of ``exercises`` call exercises, with as many
    tools on offer as ``sizes`` says. The first ``copy_share`` of the steps also have copy exercises.
    """

    steps: int
    exercises: int
    sizes: tuple[int, ...]
    copy_share: float
    batch: int = 16


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


def pretrain(
    model: PreTrainedModel, rows: Sequence[Row], texts: Sequence[Sequence[int]], curriculum: Curriculum, seed: int
) -> Iterator[Progress]:
    """Train ``model`` in place on call exercises (``rows``) and copies out of ``texts``; yield after every step."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    optimizers = _optimizers(model)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, partial(_rate, steps=curriculum.steps)) for each in optimizers]
    batches = islice(_shuffled(rows, rng, curriculum.batch), curriculum.steps)
    model.train()
    for step, batch in enumerate(batches):
        loss = row_loss(model, batch)
        copying = step < curriculum.copy_share * curriculum.steps
        copy = row_loss(model, [copy_row(rng, texts) for _ in range(_COPY_ROWS)]) if copying else None
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


def row_loss(model: PreTrainedModel, rows: Sequence[Row]) -> torch.Tensor:
    """Mean cross-entropy over the target tokens of right-padded ``rows``."""
    width = max(len(row.input_ids) for row in rows)
    ids = torch.tensor([[*row.input_ids, *[0] * (width - len(row.input_ids))] for row in rows])
    labels = torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.labels))] for row in rows])
    return _loss(model, ids, labels)


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
