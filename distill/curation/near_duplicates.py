"""Near-duplicate texts by the Jaccard similarity of their shingles, found without missing any.

A similarity join with prefix and positional filters (Xiao, Wang, Lin and Yu, "Efficient similarity joins for near
duplicate detection", WWW 2008): where two sets are at least t alike, and the elements of both stand in one order, the
first |x| - ceil(t |x|) + 1 elements of x and as many of y have one in common. With the rarest elements first, rows of
one template share few of those, however much of the template they share; MinHash, which draws at random, compares them
all.

Shingles travel as 64-bit hashes. A row goes only where its words themselves are as alike as they must be, so never by
an accident of hashing. The first of alike texts stays, and the outcome depends on the texts and their order alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from distill.curation.texts import words_of

SHINGLE_WORDS = 3
"""Words of a shingle: one other word in twenty changes three of eighteen, which keeps slot values apart at 0.8."""
_MOST_COUNTERS = 1 << 24
_ROUNDING = 1e-9
_Hashes = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """The text at ``index`` is like the earlier one at ``original``, by this Jaccard similarity of their shingles."""

    index: int
    original: int
    similarity: float


def near_duplicates(texts: Sequence[str], threshold: float, chunk: int = 20_000) -> list[NearDuplicate]:
    """The texts that are at least ``threshold`` (above 0, up to 1) like an earlier one that stays, in order.

    Each names the first such text. Texts of fewer than SHINGLE_WORDS words are alike only where all of their words are
    the same. ``chunk`` texts are hashed at once, which the outcome does not depend on.
    """
    corpus = _Corpus.of(texts, chunk)
    index = _Index(corpus.sizes.tolist(), threshold)
    found = []
    for row, prefix in _prefixes(corpus, threshold, chunk):
        alike = _first_alike(texts, corpus, row, index.candidates(row, prefix), threshold)
        if alike is None:
            index.add(row, prefix)
        else:
            found.append(alike)
    return found


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """The runs of SHINGLE_WORDS words; all words of a shorter text."""
    words = words_of(text)
    if len(words) < SHINGLE_WORDS:
        return frozenset({tuple(words)})
    return frozenset(zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False))


def similarity(left: str, right: str) -> float:
    """The share of the two texts' shingles that both have (Jaccard), from 0 to 1."""
    ours, theirs = shingles(left), shingles(right)
    return len(ours & theirs) / len(ours | theirs)


@dataclass(frozen=True, slots=True)
class _Corpus:
    """The distinct shingles of all texts as hashes, text after text; ``starts`` has one entry more than ``sizes``."""

    hashes: _Hashes
    sizes: _Numbers
    starts: _Numbers

    @classmethod
    def of(cls, texts: Sequence[str], chunk: int) -> _Corpus:
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        parts = [_hashed(texts[start : start + chunk], vocabulary) for start in range(0, len(texts), chunk)]
        hashes = np.concatenate([np.empty(0, np.uint64), *(part for part, _ in parts)])
        sizes = np.concatenate([np.empty(0, np.int64), *(part for _, part in parts)])
        return cls(hashes, sizes, np.concatenate([[0], np.cumsum(sizes)]))

    def shingles(self, row: int) -> list[int]:
        """The hashes of one text."""
        values: list[int] = self.hashes[self.starts[row] : self.starts[row + 1]].tolist()
        return values


def _hashed(texts: Sequence[str], vocabulary: defaultdict[str, int]) -> tuple[_Hashes, _Numbers]:
    """The distinct shingles of each text, sorted, and how many each has."""
    # A text of fewer words is filled up to a single shingle.
    words = [[*found, *[""] * (SHINGLE_WORDS - len(found))] for found in map(words_of, texts)]
    numbers = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(words)), np.uint64)
    row = np.repeat(np.arange(len(words)), np.fromiter(map(len, words), np.int64))
    count = len(numbers) - SHINGLE_WORDS + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(SHINGLE_WORDS):
        hashes = _mixed(hashes + numbers[place : count + place])
    inside = row[:count] == row[SHINGLE_WORDS - 1 :]
    hashes, row = hashes[inside], row[:count][inside]
    order = np.lexsort((hashes, row))
    hashes, row = hashes[order], row[order]
    distinct = np.ones(len(hashes), np.bool_)
    distinct[1:] = (hashes[1:] != hashes[:-1]) | (row[1:] != row[:-1])
    return hashes[distinct], np.bincount(row[distinct], minlength=len(words))


def _mixed(values: _Hashes) -> _Hashes:
    """The SplitMix64 step (Steele, Lea and Flood, OOPSLA 2014), which maps numbers to numbers one to one."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_Prefix = Sequence[tuple[int, int]]
"""Shingles of a text by number, each with its place among all of the text's, rarest first."""


def _prefixes(corpus: _Corpus, threshold: float, chunk: int) -> Iterator[tuple[int, _Prefix]]:
    """The rows that share a shingle of their prefix with another row's prefix, and those shingles."""
    counters = _counters(corpus.hashes)
    parts = [
        _prefix_part(corpus, counters, range(start, min(start + chunk, len(corpus.sizes))), threshold)
        for start in range(0, len(corpus.sizes), chunk)
    ]
    if not parts:
        return
    rows, hashes, places = (np.concatenate(column) for column in zip(*parts, strict=True))
    _, numbers, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    shared = counts[numbers] > 1
    rows, numbers, places = rows[shared], numbers[shared], places[shared]
    ends = np.flatnonzero(np.diff(rows, append=-1)) + 1
    start = 0
    for end in ends.tolist():
        yield int(rows[start]), list(zip(numbers[start:end].tolist(), places[start:end].tolist(), strict=True))
        start = end


def _counters(hashes: _Hashes) -> _Numbers:
    """How many texts have shingles with these low bits.

    Any order of the shingles will do, so where two of them share a counter it costs time and nothing else.
    """
    size = min(_MOST_COUNTERS, 1 << (4 * len(hashes)).bit_length())
    counters = np.zeros(size, np.int64)
    for start in range(0, len(hashes), _MOST_COUNTERS):
        counters += np.bincount(_low(hashes[start : start + _MOST_COUNTERS], size), minlength=size)
    return counters


def _low(hashes: _Hashes, counters: int) -> _Numbers:
    return (hashes & np.uint64(counters - 1)).astype(np.int64)


def _prefix_part(
    corpus: _Corpus, counters: _Numbers, rows: range, threshold: float
) -> tuple[_Numbers, _Hashes, _Numbers]:
    """Row, hash and place of the shingles in the prefixes of some rows; without those that no other row has."""
    sizes, starts = corpus.sizes[rows.start : rows.stop], corpus.starts[rows.start : rows.stop]
    hashes = corpus.hashes[starts[0] : corpus.starts[rows.stop]]
    row = np.repeat(np.arange(len(sizes)), sizes)
    counts = counters[_low(hashes, len(counters))]
    order = np.lexsort((hashes, counts, row))
    places = np.arange(len(hashes)) - np.repeat(starts - starts[0], sizes)
    lengths = sizes - np.ceil(threshold * sizes - _ROUNDING).astype(np.int64) + 1
    kept = (places < lengths[row]) & (counts[order] > 1)
    return row[kept] + rows.start, hashes[order][kept], places[kept]


@dataclass
class _Index:
    """The texts that stay, by the shingles of their prefixes, and there by size and place."""

    sizes: Sequence[int]
    threshold: float
    entries: dict[int, dict[tuple[int, int], list[int]]] = field(default_factory=dict)

    def add(self, row: int, prefix: _Prefix) -> None:
        for number, place in prefix:
            self.entries.setdefault(number, {}).setdefault((self.sizes[row], place), []).append(row)

    def candidates(self, row: int, prefix: _Prefix) -> list[int]:
        """All rows that may be alike, in order, and few that are not."""
        found: set[int] = set()
        for number, place in prefix:
            groups: Mapping[tuple[int, int], list[int]] = self.entries.get(number, {})
            for (size, other_place), rows in groups.items():
                if self._may_reach(self.sizes[row], place, size, other_place):
                    found.update(rows)
        return sorted(found)

    def _may_reach(self, size: int, place: int, other: int, other_place: int) -> bool:
        """Whether two sets can be alike whose first common element stands at these places.

        Alike means common >= t (|x| + |y| - common), and what they have in common begins there.
        """
        most = min(size - place, other - other_place)
        return most * (1 + self.threshold) >= self.threshold * (size + other) - _ROUNDING


def _first_alike(
    texts: Sequence[str], corpus: _Corpus, row: int, candidates: Sequence[int], threshold: float
) -> NearDuplicate | None:
    own = frozenset(corpus.shingles(row)) if candidates else frozenset[int]()
    for other in candidates:
        theirs = corpus.shingles(other)
        common = len(own.intersection(theirs))
        if common >= threshold * (len(own) + len(theirs) - common) - _ROUNDING:
            exact = similarity(texts[row], texts[other])
            if exact >= threshold - _ROUNDING:
                return NearDuplicate(row, other, exact)
    return None
