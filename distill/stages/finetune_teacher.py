"""Tunes the teacher on gold scenarios, or on the user's own data."""

from __future__ import annotations

import shutil
from typing import Any

from distill.environments.gold import write_gold
from distill.stages.inputs import check_unchanged, gold_scenarios, train_adapter
from distill.stages.spec import Report, StageSpec
from distill.trajectories.formats.ertas import read_ertas

DATA = "data"
ROWS = "train.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``data/train.jsonl`` (Ertas format) and ``adapter``."""
    path = spec.output / DATA / ROWS
    path.parent.mkdir()
    if "dataset" in spec.sources:
        source = spec.sources["dataset"]
        shutil.copyfile(source.path, path)
        check_unchanged(source, path)
    else:
        write_gold(path, gold_scenarios(spec.recipe), spec.recipe.environment.setup)
    return train_adapter(spec, "teacher", read_ertas(path), report)
