"""Near-duplicates: what is dropped is alike, what is alike is dropped, and order alone decides which stays."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.curation.near_duplicates import NearDuplicate, near_duplicates, shingles, similarity
from distill.curation.texts import words_of

WORDS = [f"word{index}" for index in range(400)]


def text(chance: random.Random, words: int = 60) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def altered(original: str, words: int, chance: random.Random) -> str:
    """The text with so many words at its end replaced."""
    kept = original.split()[: -words or None]
    return " ".join([*kept, *(chance.choice(WORDS) for _ in range(words))])


def compared_with_all(texts: list[str], threshold: float) -> list[NearDuplicate]:
    """What near_duplicates must find: every text against every earlier one that stays."""
    found: list[NearDuplicate] = []
    stays: list[int] = []
    for index, each in enumerate(texts):
        alike = ((other, similarity(each, texts[other])) for other in stays)
        first = next(((other, how) for other, how in alike if how >= threshold), None)
        if first is None:
            stays.append(index)
        else:
            found.append(NearDuplicate(index, *first))
    return found


def test_every_planted_copy_is_found_and_nothing_else() -> None:
    chance = random.Random(1)
    originals = [text(chance) for _ in range(3_000)]
    planted = [altered(original, chance.randrange(0, 9), chance) for original in originals[:1_500]]
    found = {one.index: one.original for one in near_duplicates([*originals, *planted], 0.8)}
    alike = {3_000 + index: index for index, copy in enumerate(planted) if similarity(copy, originals[index]) >= 0.8}
    assert 1_000 < len(alike) < 1_500
    assert found == alike


# Numbers of few digits give similarities that lie exactly on a threshold; words of few letters, texts much alike.
@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), max_size=9).map(" ".join), max_size=30),
    st.sampled_from([0.25, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.9, 1.0]) | st.floats(0.05, 1.0),
)
def test_it_finds_what_comparing_all_pairs_finds(texts: list[str], threshold: float) -> None:
    assert near_duplicates(texts, threshold) == compared_with_all(texts, threshold)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000), st.sampled_from([0.5, 0.7, 0.8, 0.9]))
def test_it_finds_the_same_among_longer_texts_of_few_templates(seed: int, threshold: float) -> None:
    chance = random.Random(seed)
    templates = [text(chance, 20) for _ in range(3)]
    texts = [altered(chance.choice(templates), chance.randrange(0, 7), chance) for _ in range(80)]
    assert near_duplicates(texts, threshold) == compared_with_all(texts, threshold)


def test_how_many_texts_are_hashed_at_once_changes_nothing() -> None:
    chance = random.Random(5)
    texts = [altered(text(random.Random(number % 40)), chance.randrange(0, 12), chance) for number in range(300)]
    whole = near_duplicates(texts, 0.7)
    assert whole
    assert near_duplicates(texts, 0.7, chunk=7) == near_duplicates(texts, 0.7, chunk=1) == whole


def test_slots_with_other_values_are_no_copies() -> None:
    sentence = "please refund order {} in full because the parcel arrived with a broken lid and tell the customer"
    assert near_duplicates([sentence.format(number) for number in range(1000, 1100)], 0.8) == []


def test_rows_of_one_long_template_are_not_compared_with_each_other() -> None:
    """They are 88 % alike: where all pairs were compared, ten times the rows would take a hundred times as long."""
    sentence = " ".join(f"w{number}" for number in range(48))
    texts = [f"{sentence[:100]} o{number} {sentence[100:]}" for number in range(5_000)]
    started = time.process_time()
    assert near_duplicates(texts[:500], 0.9) == []
    few = time.process_time() - started
    started = time.process_time()
    assert near_duplicates(texts, 0.9) == []
    assert time.process_time() - started < 40 * few


def test_the_first_of_several_alike_is_named() -> None:
    chance = random.Random(3)
    original = text(chance)
    texts = [text(chance), original, f"{original} one", f"{original} two"]
    assert [(one.index, one.original) for one in near_duplicates(texts, 0.9)] == [(2, 1), (3, 1)]


def test_a_chain_of_small_changes_is_cut_where_the_first_is_no_longer_alike() -> None:
    chance = random.Random(2)
    texts = [text(chance)]
    for number in range(12):
        texts.append(f"new {chance.choice(WORDS)} {texts[-1]}".rsplit(" ", number % 3)[0])
    found = near_duplicates(texts, 0.8)
    assert found == compared_with_all(texts, 0.8)
    assert 1 < len(texts) - len(found) < len(texts)


def test_nothing_and_words_of_other_scripts() -> None:
    assert near_duplicates([], 0.8) == []
    assert [one.index for one in near_duplicates(["", "", "Größe 7", "größe, 7!", "大小 7"], 0.8)] == [1, 3]


def test_words() -> None:
    assert words_of("Hello, O-15590: it's DAMAGED!") == ["hello", "o", "15590", "it", "s", "damaged"]
    assert words_of("ＦＵＬＬ width, Straße") == ["full", "width", "strasse"]
    assert words_of("取消订单 O-7。") == ["取", "消", "订", "单", "o", "7"]
    assert words_of("キャンセル") == [*"キャンセル"]
    assert words_of("한국어 주문 취소") == ["한국어", "주문", "취소"]


def test_similarity_is_the_share_of_common_shingles() -> None:
    assert shingles("a b c d") == {("a", "b", "c"), ("b", "c", "d")}
    assert shingles("A, b") == {("a", "b")}
    assert similarity("a b c d", "a b c e") == pytest.approx(1 / 3)
