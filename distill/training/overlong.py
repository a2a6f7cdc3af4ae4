"""What becomes of rows that are longer than a training takes: never cut off silently, and always counted. Pure.

A row is one assistant turn with all that went before. Where that is too much, ``split`` leaves out the oldest user
turns (a user message with all that follows up to the next one) and keeps the system message and the tools: what a
server with so short a memory would show. Nothing is cut inside of a turn, and what the assistant writes stays whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from distill.families.base import AssistantTurn, Family, Row, check_length
from distill.trajectories.types import Message, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Overlong = Literal["fail", "drop", "split"]
"""``fail``: the training does not start. ``drop``: the row is left out. ``split``: the oldest user turns are left out
of it, and the row itself only where that is not enough."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many rows there were, by what became of them, and how many tokens they had before anything was left out.

    ``median``, ``p90`` and ``p99`` are the least lengths that 50, 90 and 99 % of the rows do not exceed.
    """

    fits: int
    split: int
    dropped: int
    median: int
    p90: int
    p99: int
    longest: int

    def __str__(self) -> str:
        return (
            f"{self.fits + self.split + self.dropped:,} rows: {self.fits:,} fit, {self.split:,} split, "
            f"{self.dropped:,} dropped; tokens: median {self.median:,}, 90 % {self.p90:,}, 99 % {self.p99:,}, "
            f"longest {self.longest:,}"
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """One assistant turn: the row that is trained, if any, and the length of the row with all that went before."""

    row: Row | None
    whole: int
    split: bool = False


def fit_rows(
    family: Family,
    trajectories: Sequence[Trajectory],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    overlong: Overlong = "fail",
) -> tuple[list[Row], Lengths]:
    """Render all trajectories, one row per assistant turn, in order; none is longer than ``max_length`` tokens.

    Raises:
        RowError: a trajectory cannot become rows, or a row is too long and ``overlong`` is ``fail``.
    """
    fitted = [one for trajectory in trajectories for one in fit(family, trajectory, tokenizer, max_length, overlong)]
    return [one.row for one in fitted if one.row is not None], lengths(fitted)


def fit(
    family: Family,
    trajectory: Trajectory,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    overlong: Overlong,
) -> Iterator[Fitted]:
    """Render the assistant turns of one trajectory, as ``fit_rows`` does."""
    first = 0
    for turn in family.assistant_turns(trajectory):
        row = family.row(turn, tokenizer)
        whole = len(row.input_ids)
        if overlong == "fail":
            check_length(row, turn, max_length)
        if whole <= max_length:
            yield Fitted(row, whole)
        elif overlong == "split":
            # What did not fit before an earlier turn does not fit before this one either.
            first, shorter = _shortened(family, turn, tokenizer, max_length, first)
            yield Fitted(shorter, whole, split=shorter is not None)
        else:
            yield Fitted(None, whole)


def lengths(fitted: Sequence[Fitted]) -> Lengths:
    """Count rows and sum up their lengths; all is 0 where there are none."""
    ordered = sorted(one.whole for one in fitted) or [0]
    split = sum(one.split for one in fitted)
    dropped = sum(one.row is None for one in fitted)
    median, p90, p99 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.9, 0.99))
    return Lengths(len(fitted) - split - dropped, split, dropped, median, p90, p99, ordered[-1])


def _shortened(
    family: Family, turn: AssistantTurn, tokenizer: PreTrainedTokenizerBase, max_length: int, first: int
) -> tuple[int, Row | None]:
    """The row with the longest history that fits, if any does, and where that begins: not before message ``first``."""
    messages = turn.prompt.messages
    system = tuple(takewhile(lambda message: message.role == "system", messages))
    for start in _later_user_turns(messages):
        if start < first:
            continue
        shorter = replace(turn, prompt=replace(turn.prompt, messages=(*system, *messages[start:])))
        row = family.row(shorter, tokenizer)
        if len(row.input_ids) <= max_length:
            return start, row
        first = start
    return first, None


def _later_user_turns(messages: Sequence[Message]) -> list[int]:
    """Where each user turn but the first begins."""
    return [index for index, message in enumerate(messages) if message.role == "user"][1:]
