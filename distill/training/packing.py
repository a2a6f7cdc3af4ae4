"""Shared-prefix packing: rows that begin alike compute their beginning once.

Prompts for tool calling are mostly tool schemas, and many requests are made about the same tools. A pack lays such rows
out as one sequence: first what they share, then each row's own rest as a branch. Position ids go on from the shared
part in every branch, and a token sees the shared part and its own branch alone, so losses and gradients are those of
the rows apart. Pure; tensors appear only in ``collate``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import torch

from distill.families.base import IGNORED, Row

ROWS_PER_PACK = 4
"""More save less and less of the shared part, while attention pays for the square of the length."""
_PADDING = -1
_UNSEEN = -1e9
"""Far below every attention logit, and finite in every floating type."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Rows laid out as a shared part and branches; four sequences of one length.

    ``branches`` says which branch a token is in, 0 for the shared part and 1, 2, ... for each row's rest.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    positions: tuple[int, ...]
    branches: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return self.branches[-1]


def pack_rows(rows: Sequence[Row], most_rows: int = ROWS_PER_PACK) -> list[Pack]:
    """Put every row into exactly one pack; a row joins others where they share at least half of it.

    Args:
        rows: any rows; equal ones are allowed.
        most_rows: the largest number of rows in a pack.
    """
    groups: list[list[Row]] = []
    shared = 0
    for row in sorted(rows, key=lambda each: each.input_ids):
        common = min(shared, _shareable(groups[-1][0], row)) if groups else 0
        if 2 * common >= len(row.input_ids):
            groups[-1].append(row)
            shared = common
        else:
            groups.append([row])
            shared = _unlabelled(row)
    return [_lay_out(part) for group in groups for part in _parts(group, most_rows)]


def batches(packs: Sequence[Pack], rows: int, seed: int, *, window: int = 1) -> Iterator[list[Pack]]:
    """One epoch of batches of at least ``rows`` rows, the last one excepted, in an order that ``seed`` decides.

    Args:
        packs: what to deal out.
        rows: the least number of rows in a batch.
        seed: decides the order.
        window: how many batches' packs to sort by length before they are dealt out. More than one saves padding, but
            unmixes packs whose length tells their kind.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible order, no secret
    made: list[list[Pack]] = []
    for chosen in _filled(rng.sample(packs, len(packs)), rows * window):
        made += _filled(sorted(chosen, key=lambda pack: len(pack.input_ids)), rows)
    yield from rng.sample(made, len(made))


def collate(packs: Sequence[Pack], pad: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Tensors for a model's forward pass: ids, labels and position ids of [packs, longest], and the attention mask of
    [packs, 1, longest, longest], which is added to the logits: 0 where a token (third axis) sees another (fourth).
    """
    width = max(len(pack.input_ids) for pack in packs)

    def padded(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

    branches = padded([pack.branches for pack in packs], _PADDING)
    seen, seeing = branches[:, None, :], branches[:, :, None]
    # Padding is a branch of its own, so that no token sees nothing: softmax over nothing is not a number.
    visible = ((seen == 0) | (seen == seeing)).tril()
    mask = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, _UNSEEN)
    return {
        "input_ids": padded([pack.input_ids for pack in packs], pad),
        "labels": padded([pack.labels for pack in packs], IGNORED),
        "position_ids": padded([pack.positions for pack in packs], 0),
        "attention_mask": mask[:, None],
    }


def _unlabelled(row: Row) -> int:
    """How much of a row can be shared: all before the first target but one token, which predicts that target."""
    return max(0, len(list(takewhile(lambda label: label == IGNORED, row.labels))) - 1)


def _shareable(first: Row, second: Row) -> int:
    pairs = zip(first.input_ids, second.input_ids, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return min(common, _unlabelled(first), _unlabelled(second))


def _parts(group: Sequence[Row], most: int) -> Iterator[Sequence[Row]]:
    """Cut a group into as few parts of at most ``most`` rows as will do, as even as they can be."""
    count = math.ceil(len(group) / most)
    ends = [len(group) * part // count for part in range(count + 1)]
    return (group[start:end] for start, end in pairwise(ends))


def _lay_out(group: Sequence[Row]) -> Pack:
    shared = min(_shareable(group[0], row) for row in group)
    input_ids, labels = list(group[0].input_ids[:shared]), [IGNORED] * shared
    positions, branches = list(range(shared)), [0] * shared
    for branch, row in enumerate(group, 1):
        input_ids += row.input_ids[shared:]
        labels += row.labels[shared:]
        positions += range(shared, len(row.input_ids))
        branches += [branch] * (len(row.input_ids) - shared)
    return Pack(tuple(input_ids), tuple(labels), tuple(positions), tuple(branches))


def _filled(packs: Sequence[Pack], rows: int) -> Iterator[list[Pack]]:
    batch: list[Pack] = []
    for pack in packs:
        batch.append(pack)
        if sum(each.rows for each in batch) >= rows:
            yield batch
            batch = []
    if batch:
        yield batch
