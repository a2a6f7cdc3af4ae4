"""Shared-prefix packing: rows that begin alike compute their beginning once.

Prompts for tool calling are mostly tool schemas, many requests are made about the same tools, and the turns of one
conversation repeat all that went before. A pack lays such rows out as a tree, depth first: each row goes on where it
leaves the row before it. A token's position is its depth, and it sees its ancestors alone, so losses and gradients are
those of the rows apart. A turn that is history for one row may be a target in another; it stands there once. Pure;
tensors appear only in ``collate``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import torch

from distill.families.base import IGNORED, Row

SHORT_PACK = 384
"""Packs may be as long as the longest row, or this long: attention pays for the square of a pack's length."""
_UNSEEN = -1e9
"""Far below every attention logit, and finite in every floating type."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Rows laid out as a tree; four sequences of one length, and the place of each row's last token.

    ``ends`` says for each token where its descendants end: the tokens at its own place up to that one see it.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    positions: tuple[int, ...]
    ends: tuple[int, ...]
    tails: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.tails)


def pack_rows(rows: Sequence[Row], most_tokens: int = 0, most_rows: int = 0) -> list[Pack]:
    """Put every row into exactly one pack; a row joins others where it shares at least half of itself.

    Args:
        rows: any rows; equal ones are allowed.
        most_tokens: the longest that a pack becomes by a row that joins; the longest row or ``SHORT_PACK`` unless told.
        most_rows: the largest number of rows in a pack; as many as there is room for unless told.
    """
    limit = most_tokens or max([SHORT_PACK, *(len(row.input_ids) for row in rows)])
    most_rows = most_rows or len(rows)
    trees: list[_Tree] = []
    # Sorted, the row that shares most with a row stands next to it.
    for row in sorted(rows, key=lambda each: each.input_ids):
        length = len(row.input_ids)
        shared = trees[-1].shared_with(row) if trees else 0
        full = trees and (len(trees[-1].tails) >= most_rows or len(trees[-1].ids) + length - shared > limit)
        if not trees or full or 2 * shared < length:
            trees.append(_Tree())
            shared = 0
        trees[-1].add(row, shared)
    return [tree.pack() for tree in trees]


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


def parts(packs: Sequence[Pack], most_tokens: int) -> list[list[Pack]]:
    """Share out the packs of a step among forward passes of at most so many tokens, padding included.

    A pack that is longer is a part by itself. Packs of like length come together, which saves padding.
    """
    made: list[list[Pack]] = []
    for pack in sorted(packs, key=lambda each: len(each.input_ids), reverse=True):
        # The first pack of a part is its longest.
        if made and (len(made[-1]) + 1) * len(made[-1][0].input_ids) <= most_tokens:
            made[-1].append(pack)
        else:
            made.append([pack])
    return made


def collate(
    packs: Sequence[Pack], pad: int, dtype: torch.dtype = torch.float32, window: int | None = None
) -> dict[str, torch.Tensor]:
    """Tensors for a model's forward pass: ids, labels and position ids of [packs, longest], and the attention mask of
    [packs, 1, longest, longest], which is added to the logits: 0 where a token (third axis) sees another (fourth).

    With a ``window`` a token sees so many of its ancestors, itself among them; that is right for models that have it in
    every layer.
    """
    width = max(len(pack.input_ids) for pack in packs)

    def padded(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])

    # Padding sees itself, because softmax over nothing is not a number.
    ends = torch.tensor([[*pack.ends, *range(len(pack.ends) + 1, width + 1)] for pack in packs])
    places = torch.arange(width)
    visible = (places[:, None] < ends[:, None, :]).tril()
    positions = padded([pack.positions for pack in packs], 0)
    if window is not None:
        # Along a branch positions count ancestors, whatever other branches lie in between.
        visible &= positions[:, :, None] - positions[:, None, :] < window
    mask = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, _UNSEEN)
    return {
        "input_ids": padded([pack.input_ids for pack in packs], pad),
        "labels": padded([pack.labels for pack in packs], IGNORED),
        "position_ids": positions,
        "attention_mask": mask[:, None],
    }


@dataclass
class _Tree:
    """A pack in the making. ``path`` holds the places of the last row's tokens, from the root to its end."""

    ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    tails: list[int] = field(default_factory=list)
    path: list[int] = field(default_factory=list)

    def shared_with(self, row: Row) -> int:
        """How many leading tokens ``row`` has in common with the last row.

        All are before its first target but one, which predicts that target: logits belong to the token to the left.
        """
        pairs = zip((self.ids[place] for place in self.path), row.input_ids, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        unlabelled = sum(1 for _ in takewhile(lambda label: label == IGNORED, row.labels))
        return min(common, max(0, unlabelled - 1))

    def add(self, row: Row, shared: int) -> None:
        """Lay ``row`` out behind the others, as a branch that leaves the last row after ``shared`` tokens."""
        start, rest = len(self.ids), len(row.input_ids) - shared
        for place in self.path[shared:]:
            self.ends[place] = start
        self.path[shared:] = range(start, start + rest)
        self.ids += row.input_ids[shared:]
        self.labels += row.labels[shared:]
        self.positions += range(shared, len(row.input_ids))
        self.ends += [0] * rest
        self.tails.append(start + rest - 1)

    def pack(self) -> Pack:
        """The finished layout."""
        for place in self.path:
            self.ends[place] = len(self.ids)
        columns = (self.ids, self.labels, self.positions, self.ends, self.tails)
        return Pack(*map(tuple, columns))


def _filled(packs: Sequence[Pack], rows: int) -> Iterator[list[Pack]]:
    batch: list[Pack] = []
    for pack in packs:
        batch.append(pack)
        if sum(each.rows for each in batch) >= rows:
            yield batch
            batch = []
    if batch:
        yield batch
