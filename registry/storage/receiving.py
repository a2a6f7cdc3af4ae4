"""Content while it arrives: nothing is taken for what its digest names before every byte was counted and hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from registry.errors import invalid
from spiritsafe.errors import DataLoss

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_digest(sha256: str) -> str:
    """The digest. Raises InvalidArgument for any other text: stores never build a place from anything else."""
    if not _SHA256.fullmatch(sha256):
        raise invalid("sha256", f"{sha256!r} is not 64 lower-case hexadecimal digits")
    return sha256


def is_digest(text: str) -> bool:
    """Whether a name is one that a store gives to content."""
    return _SHA256.fullmatch(text) is not None


def verified(sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks as they come.

    Raises DataLoss where they are not the content: at once when too many bytes arrive, else after the last chunk.
    """
    digest, received = hashlib.sha256(), 0
    for chunk in chunks:
        received += len(chunk)
        if received > size_bytes:
            raise mismatch(sha256, f"more than the declared {size_bytes} bytes arrived")
        digest.update(chunk)
        yield chunk
    if received != size_bytes:
        raise mismatch(sha256, f"{received} of the declared {size_bytes} bytes arrived")
    if digest.hexdigest() != sha256:
        raise mismatch(sha256, f"the bytes that arrived have the digest {digest.hexdigest()}")


def check_size(sha256: str, size_bytes: int, declared_bytes: int) -> int:
    """The size of content that is there already. Raises DataLoss where another one was declared."""
    if size_bytes != declared_bytes:
        raise mismatch(sha256, f"it has {size_bytes} bytes, not the declared {declared_bytes}")
    return size_bytes


def mismatch(sha256: str, problem: str) -> DataLoss:
    return DataLoss(
        f"content {sha256}: {problem}",
        reason="DIGEST_MISMATCH",
        remedy="nothing was kept; send the whole file again, or declare a version with the digest that it has now",
        metadata={"sha256": sha256},
    )
