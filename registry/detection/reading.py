"""Reading the beginnings of stored files within bounds of bytes and time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry.storage.artifacts import ArtifactStore


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one scan. Weights count with their headers alone, so large models are no longer work."""

    total_bytes: int = 256 << 20
    seconds: float = 20.0
    text_bytes: int = 512 << 10
    # Tokenizers of large vocabularies are the longest files that are read whole.
    json_bytes: int = 40 << 20
    gguf_bytes: int = 64 << 20
    texts: int = 32
    weight_files: int = 64


class OutOfBounds(Exception):
    """The scan's bytes or time are used up; the message says which."""


class Budget:
    """What is left of a scan's bounds. ``clock`` gives seconds that only grow."""

    def __init__(self, store: ArtifactStore, limits: Limits, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._until = clock() + limits.seconds
        self._bytes_left = limits.total_bytes
        self.limits = limits

    def read(self, sha256: str, offset_bytes: int, count: int) -> bytes:
        """At most ``count`` bytes of the content. Raises OutOfBounds, and NotFound for content that is not there."""
        if self._clock() > self._until:
            raise OutOfBounds(f"the scan's {self.limits.seconds:g} s were over")
        if count > self._bytes_left:
            raise OutOfBounds(f"the scan's {self.limits.total_bytes} bytes were used up")
        parts: list[bytes] = []
        missing = count
        for chunk in self._store.read(sha256, offset_bytes):
            parts.append(chunk[:missing])
            missing -= len(parts[-1])
            if missing <= 0:
                break
        data = b"".join(parts)
        self._bytes_left -= len(data)
        return data


def json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in the bytes. Raises ValueError, with a reason, for anything else."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {type(error).__name__}") from error
    if not isinstance(parsed, dict):
        raise ValueError("is no JSON object")
    return parsed
