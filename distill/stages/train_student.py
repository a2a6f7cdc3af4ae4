"""Trains the student on verified trajectories, and on nothing else."""

from __future__ import annotations

from typing import Any

from distill.stages import verify
from distill.stages.inputs import train_adapter
from distill.stages.spec import Report, StageSpec
from distill.trajectories.jsonl import read_trajectories


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``adapter``."""
    traces = read_trajectories(spec.upstream_output("verify") / verify.TRACES / verify.ROWS)
    return train_adapter(spec, "student", traces, report)
