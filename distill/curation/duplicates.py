"""Copies among trajectories: equal ones by digest, and those that are nearly equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from distill.curation.near_duplicates import near_duplicates
from distill.curation.steps import Dropped, Step, split
from distill.curation.texts import compared_text
from distill.trajectories.types import JsonValue, Trajectory


def without_copies(rows: Sequence[Trajectory]) -> Step:
    """Of rows with the same user's words and calls the first stays (``copy``)."""
    first: dict[bytes, str] = {}
    problems = {}
    for index, row in enumerate(rows):
        key = hashlib.sha256(compared_text(row).encode()).digest()
        if key in first:
            problems[index] = Dropped(row.id, "copy", f"the same as {first[key]}", {"duplicate_of": first[key]})
        else:
            first[key] = row.id
    return split(rows, "copies", problems)


def without_near_copies(rows: Sequence[Trajectory], threshold: float) -> Step:
    """Of rows that are at least ``threshold`` alike (see ``near_duplicates``) the first stays (``near_copy``)."""
    problems = {}
    for found in near_duplicates([compared_text(row) for row in rows], threshold):
        original, alike = rows[found.original].id, round(found.similarity, 4)
        evidence: dict[str, JsonValue] = {"duplicate_of": original, "similarity": alike}
        detail = f"{alike:.2f} like {original}"
        problems[found.index] = Dropped(rows[found.index].id, "near_copy", detail, evidence)
    return split(rows, "near copies", problems)
