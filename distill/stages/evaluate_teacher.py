"""Scores the tuned teacher on the held-out scenarios of the students, whichever student is to come."""

from __future__ import annotations

from typing import Any

from distill.stages.evaluate import score_subjects
from distill.stages.inputs import ADAPTER, family_of
from distill.stages.spec import Report, StageSpec


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes the teacher's episodes; its scores are the run's."""
    from distill.inference.generate import load

    adapter = spec.upstream_output("finetune_teacher") / ADAPTER
    teacher = load(spec.sources["teacher"].path, adapter, family_of(spec, "teacher"))
    scores, _ = score_subjects(spec, [("teacher", teacher)], 1, report)
    return {"run": {"scores": scores}}
