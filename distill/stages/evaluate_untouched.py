"""Scores the student's base on the held-out scenarios before anything is trained: what every student starts from."""

from __future__ import annotations

from typing import Any

from distill.stages.inputs import family_of
from distill.stages.scoring import run_scores, score_subject
from distill.stages.spec import Report, StageSpec

SUBJECT = "untouched_student"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes the base's episodes; its scores are the run's."""
    from distill.inference.generate import load

    base = load(spec.sources["student"].path, None, family_of(spec, "student"))
    return {"run": run_scores(SUBJECT, score_subject(spec, SUBJECT, base, report))}
