"""The header of a safetensors file, without its tensors. Pure.

Format: 8 bytes little-endian length, then a JSON object of that length; its key ``__metadata__`` holds strings.
https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
from typing import Any

LENGTH_BYTES = 8
# The format's own limit is 100 MB; a header of a real model takes some hundred bytes a tensor.
MAX_HEADER_BYTES = 32 << 20
_METADATA = "__metadata__"


class HeaderError(ValueError):
    """The bytes are no header of the format; the message says why."""


def header_length(start: bytes, file_bytes: int) -> int:
    """Bytes of the header that follows the first eight bytes of the file. Raises HeaderError."""
    if len(start) < LENGTH_BYTES:
        raise HeaderError(f"is {len(start)} bytes long; a safetensors file begins with {LENGTH_BYTES} bytes of length")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if length > file_bytes - LENGTH_BYTES:
        raise HeaderError(f"announces a header of {length} bytes, but the file has {file_bytes}")
    if length > MAX_HEADER_BYTES:
        raise HeaderError(f"announces a header of {length} bytes; at most {MAX_HEADER_BYTES} are read")
    return length


def metadata(header: bytes) -> dict[str, str]:
    """The strings under ``__metadata__``; empty where there are none. Raises HeaderError."""
    try:
        parsed: Any = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"has a header that is not JSON: {type(error).__name__}") from error
    if not isinstance(parsed, dict):
        raise HeaderError("has a header that is no JSON object")
    found = parsed.get(_METADATA, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise HeaderError(f"has a {_METADATA} that is no object of strings")
    return found
