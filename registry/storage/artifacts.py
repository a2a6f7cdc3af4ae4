"""The content-addressed artifact store: bytes are found by their SHA-256, and become visible only once verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class ArtifactStore(Protocol):
    """Where blobs live. Implementations choose every location themselves; callers only name digests."""

    def has(self, sha256: str) -> bool:
        """Whether the verified content is there."""
        ...

    def size(self, sha256: str) -> int:
        """Bytes of the content. Raises NotFound."""
        ...

    def put(self, sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> int:
        """Stores the content and gives its size. Raises DataLoss, and keeps nothing, when size or digest differ."""
        ...

    def read(self, sha256: str, offset_bytes: int = 0) -> Iterator[bytes]:
        """Chunks of at most 1 MiB. Raises NotFound."""
        ...

    def verify(self, sha256: str) -> bool:
        """Re-reads the content and compares its digest."""
        ...
