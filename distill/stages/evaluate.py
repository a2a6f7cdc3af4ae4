"""Scores the tuned student on held-out scenarios, and beside the untouched one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from distill.evaluation.pairing import pair
from distill.stages import evaluate_untouched
from distill.stages.inputs import ADAPTER, family_of, heldout_scenarios
from distill.stages.scoring import run_scores, score_again, score_subject
from distill.stages.spec import Report, StageSpec
from distill.trajectories.rows import write_rows

SUBJECT = "student"
DATASET = "dataset"
ROWS = "scenarios.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``dataset/scenarios.jsonl`` and the student's episodes; its scores are the run's.

    ``paired`` compares it with the untouched one, scenario by scenario.
    """
    from distill.inference.generate import load

    scenarios = heldout_scenarios(spec.recipe)
    (spec.output / DATASET).mkdir()
    write_rows(spec.output / DATASET / ROWS, (one.to_json() for one in scenarios))
    adapter = spec.upstream_output("train_student") / ADAPTER
    tuned = score_subject(
        spec, SUBJECT, load(spec.sources["student"].path, adapter, family_of(spec, "student")), report
    )
    untouched = score_again(spec, evaluate_untouched.SUBJECT, spec.upstream_output("evaluate_untouched"))
    paired = pair(scenarios, tuned, untouched)
    return {"run": run_scores(SUBJECT, tuned), "paired": [asdict(one) for one in paired]}
