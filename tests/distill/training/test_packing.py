"""Shared-prefix packing: nothing lost or repeated, and losses and gradients those of the rows apart."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedModel

from distill.families.base import IGNORED, Row
from distill.standins import checkpoint
from distill.training.packing import Pack, batches, collate, pack_rows, parts

SYSTEM = tuple(range(100, 130))


def row(prompt: Sequence[int], target: Sequence[int]) -> Row:
    return Row((*prompt, *target), (*[IGNORED] * len(prompt), *target))


def paths(pack: Pack) -> list[list[int]]:
    """The places of each row's tokens: all that its last token sees."""
    return [[place for place in range(tail + 1) if tail < pack.ends[place]] for tail in pack.tails]


def unpacked(pack: Pack) -> list[Row]:
    """The rows of a pack, read back from its layout: a label is the first row's that comes to it."""
    found, taken = [], set[int]()
    for path in paths(pack):
        assert [pack.positions[place] for place in path] == list(range(len(path)))
        labels = (IGNORED if place in taken else pack.labels[place] for place in path)
        found.append(Row(tuple(pack.input_ids[place] for place in path), tuple(labels)))
        taken.update(path)
    return found


def by_ids(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda each: (each.input_ids, each.labels))


prompts = st.lists(st.sampled_from((1, 2)), min_size=1, max_size=12)
targets = st.lists(st.sampled_from((1, 2)), min_size=1, max_size=4)


@given(st.lists(st.builds(row, prompts, targets), min_size=1, max_size=30), st.integers(1, 60))
def test_every_row_is_in_exactly_one_pack_as_it_was(rows: list[Row], most: int) -> None:
    packs = pack_rows(rows, most)
    assert by_ids([each for pack in packs for each in unpacked(pack)]) == by_ids(rows)
    assert all(pack.rows == 1 or len(pack.input_ids) <= most for pack in packs)
    # A target is predicted from the token to its left, which must be the one before it in its row.
    for pack in packs:
        left = {place: before for path in paths(pack) for before, place in pairwise(path)}
        assert all(label == IGNORED or left[place] == place - 1 for place, label in enumerate(pack.labels))


def test_rows_about_the_same_tools_share_them_up_to_the_longest_pack() -> None:
    rows = [row((*SYSTEM, *range(first, first + 5)), (7, 8)) for first in range(6)]
    (pack,) = pack_rows(rows)
    assert (pack.rows, len(pack.input_ids)) == (6, 30 + 6 * 7)
    assert [pack.rows for pack in pack_rows(rows, 30 + 3 * 7)] == [3, 3]
    assert [pack.rows for pack in pack_rows(rows, most_rows=4)] == [4, 2]


def test_rows_that_share_too_little_stay_alone() -> None:
    rows = [row((*SYSTEM[:5], *range(first, first + 20)), (7,)) for first in (200, 300)]
    assert [pack.rows for pack in pack_rows(rows)] == [1, 1]


def test_equal_prompts_branch_one_token_before_their_targets() -> None:
    (pack,) = pack_rows([row(SYSTEM, (1, 2)), row(SYSTEM, (3, 4))])
    assert pack.positions == (*range(29), 29, 30, 31, 29, 30, 31)
    assert pack.ends == (*[35] * 29, *[32] * 3, *[35] * 3)


def test_the_turns_of_a_conversation_stand_in_a_pack_once() -> None:
    """What one row must write is what the next one has read: one place, and the first row's target."""
    first, second, third = row(SYSTEM, (1, 2)), row((*SYSTEM, 1, 2, 5, 6), (3, 4)), row((*SYSTEM, 1, 2, 5, 7), (8,))
    (pack,) = pack_rows([third, first, second])
    assert pack.input_ids == (*SYSTEM, 1, 2, 5, 6, 3, 4, 7, 8)
    assert pack.labels == (*[IGNORED] * 30, 1, 2, IGNORED, IGNORED, 3, 4, IGNORED, 8)
    assert pack.tails == (31, 35, 37)


@pytest.mark.parametrize("window", [1, 4])
def test_batches_hold_every_pack_once_and_enough_rows(window: int) -> None:
    packs = pack_rows([row((*SYSTEM, tool, *range(n % 9)), (7,)) for tool in range(12) for n in range(7)], 90)
    made = list(batches(packs, 16, 3, window=window))
    dealt = [pack for batch in made for pack in batch]
    assert sorted(dealt, key=lambda each: each.input_ids) == sorted(packs, key=lambda each: each.input_ids)
    assert sum(sum(pack.rows for pack in batch) < 16 for batch in made) <= 1
    assert made == list(batches(packs, 16, 3, window=window)) != list(batches(packs, 16, 4, window=window))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(1, 90))
def test_parts_hold_every_pack_once_within_their_room(lengths: list[int], most: int) -> None:
    packs = [Pack(*[tuple(range(length))] * 5) for length in lengths]
    made = parts(packs, most)
    assert sorted(len(pack.input_ids) for part in made for pack in part) == sorted(lengths)
    assert all(len(part) == 1 or len(part) * max(len(pack.input_ids) for pack in part) <= most for part in made)


def gradients(model: PreTrainedModel, packs: Sequence[Pack]) -> tuple[float, torch.Tensor]:
    """Summed loss over all targets and its gradient, in float64 (norms and softmax: float32)."""
    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for pack in packs:
        batch = collate([pack], 0, torch.float64)
        wanted = batch.pop("labels")[:, 1:]
        logits = model(**batch).logits[:, :-1]
        total = total + torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="sum")
    total.backward()
    return total.item(), torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


@pytest.mark.parametrize("family_name", ["xlam", "qwen3", "llama3", "gemma4"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_losses_and_gradients_are_those_of_the_rows_apart(family_name: str, attention: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint(family_name), dtype=torch.float64)
    model.set_attn_implementation(attention)
    rows = [row((*SYSTEM, *range(first, first + 3 + first % 5)), (first, 8, 9)) for first in range(40, 52)]
    rows += [row((*SYSTEM, 50, 51, 52, 50, 8, 9, 3), (4, 5)), row((*SYSTEM, 50, 51, 52, 50, 8, 9, 3, 4, 5, 6), (7,))]
    packed, apart = pack_rows(rows, 80), pack_rows(rows, 1)
    assert (len(packed), len(apart)) == (3, 14)
    (loss, gradient), (loss_apart, gradient_apart) = (gradients(model, packs) for packs in (packed, apart))
    assert loss == pytest.approx(loss_apart, rel=1e-6)
    assert (gradient - gradient_apart).norm() < 1e-6 * gradient_apart.norm()


def test_padding_adds_nothing() -> None:
    short, long = pack_rows([row((1, 2), (3,)), row(tuple(range(60, 80)), (7, 8))])
    batch = collate([short, long], 0)
    assert batch["input_ids"].shape == batch["labels"].shape == batch["position_ids"].shape == (2, 22)
    assert batch["attention_mask"].shape == (2, 1, 22, 22)
    assert (batch["labels"][0, 3:] == IGNORED).all()
    visible = batch["attention_mask"][:, 0] == 0
    assert visible.any(dim=-1).all()
    assert not visible.triu(1).any()
    assert not visible[0, 3:, 1:3].any()
