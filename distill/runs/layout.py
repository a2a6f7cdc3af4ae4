"""Where a home keeps the files of its runs."""

from __future__ import annotations

from pathlib import Path

RESULT = "result.json"
OUTPUT = "out"
LOG = "log.txt"
SPEC = "spec.json"
# What an attempt leaves to the next one, until the result is there: checkpoints, finished episodes.
UNFINISHED = "unfinished"


def stage_folder(home: Path, stage: str, digest: str) -> Path:
    """``$HOME/work/<stage>-<digest12>``: equal inputs find the same folder, whichever run they are of."""
    return home / "work" / f"{stage}-{digest[:12]}"
