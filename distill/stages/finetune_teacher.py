"""Tunes the teacher on gold scenarios, or on the user's own data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from distill.environments.gold import write_gold
from distill.runs.checkpoints import Source
from distill.stages.inputs import gold_scenarios, train_adapter
from distill.stages.spec import Report, StageSpec
from distill.trajectories.formats.ertas import read_ertas
from spiritsafe.publish import file_digest

DATA = "data"
ROWS = "train.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``data/train.jsonl`` (Ertas format) and ``adapter``."""
    path = spec.output / DATA / ROWS
    path.parent.mkdir()
    if "dataset" in spec.sources:
        _copy_checked(spec.sources["dataset"], path)
    else:
        write_gold(path, gold_scenarios(spec.recipe), spec.recipe.environment.setup)
    return train_adapter(spec, "teacher", read_ertas(path), report)


def _copy_checked(source: Source, target: Path) -> None:
    # Results are found again by the digest of what they were made from, so it must be true of these bytes.
    shutil.copyfile(source.path, target)
    if file_digest(target) != source.digest:
        raise ValueError(
            f"{source.path} has changed since the run took it up; resume the run to train on what it is now"
        )
