"""The metadata of a GGUF file, without its tensors. Pure: reads from bytes that it is given.

Format: magic ``GGUF``, version (u32), tensor count (u64), metadata count (u64), then as many pairs of key and typed
value. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

MAGIC = b"GGUF"
# Version 1 had shorter counts, and no tool writes it any more.
VERSIONS = (2, 3)
MAX_ENTRIES = 65_536
MAX_KEY_BYTES = 65_535
MAX_STRING_BYTES = 1 << 20
# Elements of an array that are kept; the others are skipped. A vocabulary has hundreds of thousands.
KEPT_ELEMENTS = 4_096
_STRING, _ARRAY = 8, 9
# Little-endian formats of the scalar types by their number.
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


class Array(NamedTuple):
    """The first elements of an array, and how many there are in all."""

    first: list[Any]
    length: int


class MetadataError(ValueError):
    """The bytes are no GGUF metadata; the message says why."""


class Truncated(MetadataError):
    """The metadata goes on beyond the bytes that were given."""


def metadata(data: bytes) -> dict[str, Any]:
    """All keys and values, from the beginning of a file. Arrays are given as ``Array``.

    Raises Truncated where the bytes end before the metadata does, MetadataError where they are none.
    """
    reader = _Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise MetadataError(f"does not begin with {MAGIC.decode()}")
    version = reader.number("<I")
    if version not in VERSIONS:
        raise MetadataError(f"is of GGUF version {version}; known are {', '.join(map(str, VERSIONS))}")
    reader.number("<Q")  # tensors
    entries = reader.number("<Q")
    if entries > MAX_ENTRIES:
        raise MetadataError(f"announces {entries} metadata entries; at most {MAX_ENTRIES} are read")
    return dict(reader.pair() for _ in range(entries))


class _Reader:
    """A position in bytes; never goes beyond their end, whatever they announce."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise Truncated("ends within its metadata")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self, limit: int) -> str:
        length = self.number("<Q")
        if length > limit:
            raise MetadataError(f"holds a string of {length} bytes; at most {limit} are read")
        return self.take(length).decode("utf-8", "replace")

    def pair(self) -> tuple[str, Any]:
        key = self.text(MAX_KEY_BYTES)
        return key, self.value(self.number("<I"))

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text(MAX_STRING_BYTES)
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise MetadataError(f"holds a value of the unknown type {kind}")
        return self.number(_SCALARS[kind])

    def _array(self) -> Array:
        kind, count = self.number("<I"), self.number("<Q")
        kept = min(count, KEPT_ELEMENTS)
        if kind in _SCALARS:
            first = [self.number(_SCALARS[kind]) for _ in range(kept)]
            self.take((count - kept) * struct.calcsize(_SCALARS[kind]))
            return Array(first, count)
        if kind != _STRING:
            raise MetadataError(f"holds an array of the type {kind}, which no known file has")
        first = [self.text(MAX_STRING_BYTES) for _ in range(kept)]
        # Each string takes eight bytes at least, so a false count ends where the data does.
        for _ in range(count - kept):
            self.text(MAX_STRING_BYTES)
        return Array(first, count)
