"""Which training checkpoints may be resumed: those that were written to the end, by the same training."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill.families.base import Row

_MARK = "complete.json"


def fingerprint(settings: dict[str, Any], rows: Sequence[Row]) -> str:
    """SHA-256 (hex) over everything that decides the course of a training."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps([row.input_ids, row.labels]).encode())
    return digest.hexdigest()


def mark_complete(checkpoint: Path, training: str) -> None:
    """Record that ``checkpoint`` is whole. Written last, so a folder without the mark was cut off by a kill."""
    (checkpoint / _MARK).write_text(json.dumps({"training": training}))


def latest(folder: Path, training: str) -> Path | None:
    """Return the newest whole checkpoint of ``training`` in ``folder``, and delete every other one."""
    usable: list[Path] = []
    for checkpoint in folder.glob("checkpoint-*"):
        if _marked_for(checkpoint) == training:
            usable.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return max(usable, key=_step, default=None)


def _marked_for(checkpoint: Path) -> str | None:
    try:
        mark = json.loads((checkpoint / _MARK).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return mark.get("training") if isinstance(mark, dict) else None


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
