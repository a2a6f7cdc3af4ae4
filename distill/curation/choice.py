"""Which rows go or come where some must: a hash decides, so other rows and their order do not change the choice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from distill.trajectories.types import Trajectory


def drawn_order(rows: Sequence[Trajectory], seed: int) -> list[int]:
    """The rows' indexes by the SHA-256 of seed and id."""
    return sorted(range(len(rows)), key=lambda index: hashlib.sha256(f"{seed}\n{rows[index].id}".encode()).digest())
