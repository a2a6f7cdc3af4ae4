"""Merges the student's adapter into its full-precision base and compares the result with what was trained."""

from __future__ import annotations

from typing import Any

from distill.families.base import Prompt
from distill.stages import verify
from distill.stages.inputs import ADAPTER, family_of
from distill.stages.spec import Report, StageSpec
from distill.trajectories.jsonl import read_trajectories

MODEL = "model"
_PROBES = 16


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``model``; the agreement with the adapter on the quantised base is the run's."""
    from distill.release.merge import merge

    traces = read_trajectories(spec.upstream_output("verify") / verify.TRACES / verify.ROWS)
    prompts = [Prompt(trace.messages[:1], trace.tools) for trace in traces[:: max(1, len(traces) // _PROBES)][:_PROBES]]
    result = merge(
        spec.sources["student"].path,
        spec.upstream_output("train_student") / ADAPTER,
        family_of(spec, "student"),
        spec.output / MODEL,
        prompts,
    )
    report(1, 1)
    agreement = result.agreement
    return {
        "run": {"merge_top1_agreement": agreement.top1, "merge_mean_kl": agreement.mean_kl},
        "compared_tokens": agreement.tokens,
    }
