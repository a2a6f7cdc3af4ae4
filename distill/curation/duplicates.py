"""Copies among trajectories: equal ones by digest, and those that are nearly equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from distill.curation.near_duplicates import near_duplicates
from distill.curation.steps import Step, split
from distill.curation.texts import compared_text
from distill.trajectories.types import Trajectory


def without_copies(rows: Sequence[Trajectory]) -> Step:
    """Of rows with the same user's words and calls the first stays."""
    first: dict[bytes, str] = {}
    problems = {}
    for index, row in enumerate(rows):
        key = hashlib.sha256(compared_text(row).encode()).digest()
        if key in first:
            problems[index] = ("copy", f"the same as {first[key]}")
        first.setdefault(key, row.id)
    return split(rows, "copies", problems)


def without_near_copies(rows: Sequence[Trajectory], threshold: float) -> Step:
    """Of rows that are at least ``threshold`` alike (Jaccard, see ``near_duplicates``) the first stays."""
    found = near_duplicates(map(compared_text, rows), threshold)
    problems = {one.index: ("near_copy", f"{one.similarity:.2f} like {rows[one.original].id}") for one in found}
    return split(rows, "near copies", problems)
