"""Near-duplicate texts: MinHash finds pairs that may be alike, their real Jaccard similarity decides.

A signature of BANDS x ROWS values falls into BANDS buckets; two texts of similarity s share one of them with
probability 1 - (1 - s^ROWS)^BANDS: 0.998 at s = 0.8, 0.27 at 0.5 (Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", chapter 3).
Of texts that are alike the first stays, so the outcome depends on the texts and their order alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

BANDS, ROWS = 20, 6
SHINGLE_WORDS = 3
"""Words of a shingle: one other word in twenty changes three of eighteen, which keeps slot values apart at 0.8."""
_SEED = 1
_CHUNK = 10_000
_WORD = re.compile(r"\w+")
_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """The text at ``index`` is like the earlier one at ``original``, by this Jaccard similarity of their shingles."""

    index: int
    original: int
    similarity: float


def near_duplicates(texts: Iterable[str], threshold: float) -> list[NearDuplicate]:
    """The texts that are at least ``threshold`` like an earlier one that stays, in order.

    Texts of fewer than SHINGLE_WORDS words are alike only where all of their words are the same.
    """
    corpus = _Corpus.of(texts)
    shared = _shared(corpus.keys)
    buckets: dict[tuple[int, int], list[int]] = defaultdict(list)
    found = []
    # Only what shares a bucket with anything is looked at: in most data that is little.
    for index in np.flatnonzero(shared.any(axis=1)).tolist():
        places = [(band, int(corpus.keys[index, band])) for band in np.flatnonzero(shared[index]).tolist()]
        candidates = sorted({other for place in places for other in buckets.get(place, ())})
        alike = _first_alike(corpus, index, candidates, threshold)
        if alike is not None:
            found.append(alike)
        else:
            for place in places:
                buckets[place].append(index)
    return found


def shingles(text: str) -> list[str]:
    """The distinct runs of SHINGLE_WORDS words, in lower case and without punctuation; all words of a shorter text."""
    words = _WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        return [" ".join(words)]
    runs = zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)
    return sorted({" ".join(run) for run in runs})


def jaccard(left: Sequence[int], right: Sequence[int]) -> float:
    """Common share of two sets without repetition."""
    common = len(set(left).intersection(right))
    return common / (len(left) + len(right) - common)


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Hashes of all shingles, one after the other, with where each text's begin; and the texts' keys [N, BANDS]."""

    hashes: _Keys
    starts: npt.NDArray[np.int64]
    keys: _Keys

    @classmethod
    def of(cls, texts: Iterable[str]) -> _Corpus:
        hashes: list[_Keys] = [np.empty(0, np.uint64)]
        lengths: list[int] = [0]
        keys: list[_Keys] = [np.empty((0, BANDS), np.uint64)]
        for part, part_keys in _hashed(texts):
            hashes.append(np.fromiter((value for one in part for value in one), np.uint64))
            lengths += map(len, part)
            keys.append(part_keys)
        return cls(np.concatenate(hashes), np.cumsum(lengths), np.concatenate(keys))

    def shingles(self, index: int) -> list[int]:
        """Those of one text."""
        values: list[int] = self.hashes[self.starts[index] : self.starts[index + 1]].tolist()
        return values


def _hashed(texts: Iterable[str]) -> Iterator[tuple[list[list[int]], _Keys]]:
    from rensa import RMinHash

    rest = iter(texts)
    while chunk := list(islice(rest, _CHUNK)):
        part = RMinHash.hash_token_sets([shingles(text) for text in chunk])
        rows = RMinHash.digest_matrix_from_token_hash_sets(part, BANDS * ROWS, _SEED).to_rows()
        yield part, _band_keys(np.array(rows, np.uint64))


def _band_keys(signatures: _Keys) -> _Keys:
    """One number for the values of each band; equal bands have equal numbers."""
    odd = np.random.default_rng(_SEED).integers(0, 1 << 63, ROWS, np.uint64) * np.uint64(2) + np.uint64(1)
    keys: _Keys = (signatures.reshape(len(signatures), BANDS, ROWS) * odd).sum(axis=2, dtype=np.uint64)
    return keys


def _shared(keys: _Keys) -> npt.NDArray[np.bool_]:
    """Which keys some other text has too, [N, BANDS]."""
    shared = np.zeros(keys.shape, np.bool_)
    for band in range(BANDS):
        order = np.argsort(keys[:, band], kind="stable")
        equal = np.diff(keys[order, band]) == 0
        shared[order[1:][equal], band] = True
        shared[order[:-1][equal], band] = True
    return shared


def _first_alike(corpus: _Corpus, index: int, candidates: Sequence[int], threshold: float) -> NearDuplicate | None:
    own = corpus.shingles(index)
    for other in candidates:
        similarity = jaccard(own, corpus.shingles(other))
        if similarity >= threshold:
            return NearDuplicate(index, other, similarity)
    return None
