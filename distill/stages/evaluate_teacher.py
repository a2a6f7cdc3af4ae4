"""Scores the tuned teacher on the held-out scenarios of the students, whichever student is to come."""

from __future__ import annotations

from typing import Any

from distill.stages.inputs import ADAPTER, family_of
from distill.stages.scoring import run_scores, score_subject
from distill.stages.spec import Report, StageSpec

SUBJECT = "teacher"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes the teacher's episodes; its scores are the run's."""
    from distill.inference.generate import load

    adapter = spec.upstream_output("finetune_teacher") / ADAPTER
    teacher = load(spec.sources["teacher"].path, adapter, family_of(spec, "teacher"))
    return {"run": run_scores(SUBJECT, score_subject(spec, SUBJECT, teacher, report))}
