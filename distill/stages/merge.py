"""Merges the student's adapter into its full-precision base and holds the result to what was trained."""

from __future__ import annotations

from typing import Any

from distill.environments.gold import gold_trajectories
from distill.stages.inputs import ADAPTER, family_of, heldout_scenarios
from distill.stages.spec import Report, StageSpec

MODEL = "model"
_PROBES = 24


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``model``; its agreement on held-out conversations with the adapter on the quantised base is the run's.

    Raises:
        MergeDisagrees: the agreement is not what it must be.
    """
    from distill.release.merge import merge

    scenarios = heldout_scenarios(spec.recipe)
    chosen = scenarios[:: max(1, len(scenarios) // _PROBES)][:_PROBES]
    probes = gold_trajectories(chosen, setup=spec.recipe.environment.setup)
    result = merge(
        spec.sources["student"].path,
        spec.upstream_output("train_student") / ADAPTER,
        family_of(spec, "student"),
        spec.output / MODEL,
        probes,
    )
    report(1, 1)
    agreement = result.agreement
    return {
        "run": {"merge_top1_agreement": agreement.top1, "merge_mean_kl": agreement.mean_kl},
        "compared_tokens": agreement.tokens,
    }
