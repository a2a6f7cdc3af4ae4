"""Near-duplicates: what is dropped is alike, what is alike is dropped, and order alone decides which stays."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.near_duplicates import jaccard, near_duplicates, shingles

WORDS = [f"word{index}" for index in range(400)]


def text(chance: random.Random, words: int = 60) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def altered(original: str, words: int, chance: random.Random) -> str:
    """The text with so many words at its end replaced."""
    kept = original.split()[: -words or None]
    return " ".join([*kept, *(chance.choice(WORDS) for _ in range(words))])


def similarity(left: str, right: str) -> float:
    one, two = set(shingles(left)), set(shingles(right))
    return len(one & two) / len(one | two)


def test_planted_copies_are_found_and_nothing_else() -> None:
    chance = random.Random(1)
    originals = [text(chance) for _ in range(3_000)]
    planted = [altered(original, chance.randrange(0, 6), chance) for original in originals[:1_500]]
    found = {one.index: one for one in near_duplicates([*originals, *planted], 0.8)}
    alike = {3_000 + index for index, copy in enumerate(planted) if similarity(copy, originals[index]) >= 0.8}
    assert len(alike) > 1_200
    assert set(found) <= alike
    assert len(found) >= 0.99 * len(alike)
    assert all(found[index].original == index - 3_000 for index in found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=8).map(" ".join), max_size=30), st.floats(0.3, 1.0))
def test_every_drop_is_like_an_earlier_text_that_stays(texts: list[str], threshold: float) -> None:
    found = near_duplicates(texts, threshold)
    dropped = {one.index for one in found}
    assert [one.index for one in found] == sorted(dropped)
    for one in found:
        assert one.original < one.index
        assert one.original not in dropped
        assert one.similarity == pytest.approx(similarity(texts[one.index], texts[one.original]))
        assert one.similarity >= threshold
    first = {tuple(shingles(each)): index for index, each in reversed(list(enumerate(texts)))}
    assert all(index in dropped or first[tuple(shingles(each))] == index for index, each in enumerate(texts))


def test_slots_with_other_values_are_no_copies() -> None:
    sentence = "please refund order {} in full because the parcel arrived with a broken lid and tell the customer"
    assert near_duplicates([sentence.format(number) for number in range(1000, 1100)], 0.8) == []


def test_a_chain_of_small_changes_is_cut_where_the_first_is_no_longer_alike() -> None:
    chance = random.Random(2)
    texts = [text(chance)]
    for _ in range(12):
        texts.append(altered(texts[-1], 2, chance) if len(texts) % 2 else f"new start {texts[-1]}")
    stays = [0]
    for index in range(1, len(texts)):
        if all(similarity(texts[index], texts[other]) < 0.8 for other in stays):
            stays.append(index)
    dropped = {one.index for one in near_duplicates(texts, 0.8)}
    assert {*range(len(texts))} - dropped == {*stays}


def test_nothing_and_words_of_other_scripts() -> None:
    assert near_duplicates([], 0.8) == []
    assert [one.index for one in near_duplicates(["", "", "Größe 7", "größe, 7!", "大小 7"], 0.8)] == [1, 3]


def test_jaccard() -> None:
    assert jaccard([1, 2, 3], [2, 3, 4]) == 0.5
    assert jaccard([1], [2]) == 0
