"""Where a home keeps the files of its runs."""

from __future__ import annotations

from pathlib import Path

RESULT = "result.json"
OUTPUT = "out"
LOG = "log.txt"
SPEC = "spec.json"


def work_folder(home: Path, run_id: str) -> Path:
    """``$HOME/work/<run>``."""
    return home / "work" / run_id


def stage_folder(home: Path, run_id: str, stage: str, digest: str) -> Path:
    """``$HOME/work/<run>/<stage>-<digest12>``: other inputs make another folder."""
    return work_folder(home, run_id) / f"{stage}-{digest[:12]}"
