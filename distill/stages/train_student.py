"""Trains the student on the curated dataset, and on nothing else."""

from __future__ import annotations

from typing import Any

from distill.stages import curate
from distill.stages.inputs import train_adapter
from distill.stages.spec import Report, StageSpec


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``adapter``."""
    rows = curate.read_dataset(spec.upstream_output("curate") / curate.DATASET)
    return train_adapter(spec, "student", rows, report)
