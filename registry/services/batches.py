"""What all batch methods check of their requests (AIP-231, AIP-233)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from registry.errors import invalid

MAX_BATCH = 1_000


class _Part(Protocol):
    parent: str
    request_id: str
    validate_only: bool


def check_batch(parts: Sequence[Any], field: str) -> None:
    """Raises InvalidArgument for an empty batch, and for one of more than ``MAX_BATCH`` parts."""
    if not 0 < len(parts) <= MAX_BATCH:
        raise invalid(
            field, f"has {len(parts)} parts, and 1 to {MAX_BATCH} are possible", remedy="make several batches"
        )


def batch_parents(parent: str, parts: Sequence[_Part]) -> list[str]:
    """The parent of each part: its own or that of the batch. Raises InvalidArgument where they differ.

    Also for a part with a request id or validate_only of its own, which the batch as a whole has.
    """
    parents = []
    for index, part in enumerate(parts):
        place = f"requests[{index}]"
        for own in ("request_id", "validate_only"):
            if getattr(part, own):
                raise invalid(f"{place}.{own}", "belongs to the batch as a whole", remedy=f"set {own} of the batch")
        check_parent(parent, part.parent or parent, f"{place}.parent")
        parents.append(part.parent or parent)
    return parents


def check_parent(parent: str, own: str, field: str) -> None:
    """Raises InvalidArgument where a part is not below the parent of the batch."""
    if parent and own != parent:
        raise invalid(field, f"{own} is not {parent}, the parent of the batch", remedy="leave one of them out")
