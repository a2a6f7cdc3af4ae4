"""What the seed of a world says: its split, whether it is unsteady, and which ids it may have.

Even seeds belong to the training split and odd seeds to the held-out split. Each split has its own words and ids, so
nothing open that a model saw in training can be an argument in a held-out world. Of four seeds in a row the last two
make an unsteady world, in which every tool refuses its first call.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Container

from distill.environments.base import Split


def split_of_seed(seed: int) -> Split:
    """The split whose words and ids the world of ``seed`` has."""
    return "train" if seed % 2 == 0 else "heldout"


def seed_for(split: Split, number: int, unsteady: bool) -> int:
    """The seed of a numbered world of a split."""
    return 4 * number + 2 * unsteady + (split == "heldout")


def is_unsteady(seed: int) -> bool:
    """Whether tools refuse their first call in the world of ``seed``."""
    return seed % 4 >= 2


def split_of_id(identifier: str) -> Split:
    """The split that owns an id: a checksum holds out a quarter of all ids and leaves no pattern in the digits."""
    return "heldout" if zlib.crc32(identifier.encode()) % 4 == 0 else "train"


def new_id(rng: random.Random, split: Split, prefix: str, digits: int, taken: Container[str]) -> str:
    """An id of the split, such as O-31415, that is not taken."""
    while True:
        identifier = f"{prefix}-{rng.randrange(10 ** (digits - 1), 10**digits)}"
        if identifier not in taken and split_of_id(identifier) == split:
            return identifier
