"""Small real files for scans."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from safetensors.numpy import save

from registry.detection.observations import Observations
from registry.detection.scanning import scan
from registry.storage.local_store import LocalStore
from registry.storage.tables import File
from tests.registry.catalog.publishing import sha256

ROOT = Path(__file__).parents[3]
APACHE = (ROOT / "LICENSE").read_bytes()
STAND_INS = ROOT / "distill" / "standins" / "checkpoints"
IDENTITY_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
_TYPES = {int: (4, "<I"), float: (6, "<f"), bool: (7, "<?")}


def safetensors(metadata: Mapping[str, str]) -> bytes:
    """One small tensor under these strings, as the format's own library writes them."""
    return bytes(save({"weight": numpy.zeros((2, 2), dtype=numpy.float32)}, metadata=dict(metadata)))


def gguf(metadata: Mapping[str, Any], version: int = 3) -> bytes:
    """A GGUF file without tensors."""
    pairs = b"".join(_text(key) + _value(value) for key, value in metadata.items())
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(metadata)) + pairs


def identity_of(family: str) -> dict[str, bytes]:
    """Configuration and tokenizer of a stand-in."""
    return {name: (STAND_INS / family / name).read_bytes() for name in IDENTITY_FILES}


def scanned(folder: Path, files: Mapping[str, bytes], **options: Any) -> Observations:
    """What a scan sees in these files, put into a store of their own."""
    store = LocalStore(folder)
    for content in files.values():
        store.put(sha256(content), len(content), [content])
    rows = [
        File(version_id=1, path=path, size_bytes=len(content), sha256=sha256(content))
        for path, content in sorted(files.items())
    ]
    return scan(store, rows, **options)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, list):
        kind, parts = (8, map(_text, value)) if value and isinstance(value[0], str) else (4, _numbers(value))
        return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(parts)
    kind, form = _TYPES[type(value)]
    return struct.pack("<I", kind) + struct.pack(form, value)


def _numbers(values: list[int]) -> list[bytes]:
    return [struct.pack("<I", value) for value in values]
