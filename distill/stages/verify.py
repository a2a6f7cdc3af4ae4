"""Keeps the teacher's episodes that parse, run in the environment and reach the state that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from distill.rollouts.episode import Episode
from distill.stages import rollout
from distill.stages.inputs import MAX_NEW_TOKENS, rollout_scenarios
from distill.stages.scoring import read_episodes
from distill.stages.spec import Report, StageSpec
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.rows import write_rows
from distill.trajectories.types import JsonValue, Provenance, Trajectory
from distill.verification.judge import needs_judge
from distill.verification.verify import VerificationResult, verify_batch

TRACES = "traces"
ROWS = "traces.jsonl"
_SAMPLING: Mapping[str, JsonValue] = {"do_sample": False, "max_new_tokens": MAX_NEW_TOKENS}


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``traces/traces.jsonl`` (canonical trajectories) and ``rejected.jsonl`` with a reason a line.

    Raises:
        ValueError: nothing was kept, so there is nothing to train a student on.
    """
    episodes = read_episodes(spec.upstream_output("rollout") / rollout.ROWS, rollout_scenarios(spec.recipe))
    verified = verify_batch(episodes, setup=spec.recipe.environment.setup)
    results = [_decided(*one) for one in zip(episodes, verified, strict=True)]
    report(len(results), len(results))
    judged = list(zip(episodes, results, strict=True))
    kept = [_trace(spec, *one) for one in judged if one[1].accepted]
    reasons = Counter(result.reason for result in results if not result.accepted)
    if not kept:
        raise ValueError(f"none of {len(results)} roll-outs was verified {dict(reasons)}; tune the teacher longer")
    (spec.output / TRACES).mkdir()
    write_trajectories(spec.output / TRACES / ROWS, kept)
    write_rows(
        spec.output / "rejected.jsonl",
        ({**episode.to_json(), **result.to_json()} for episode, result in judged if not result.accepted),
    )
    by_category = Counter(trace.provenance.category for trace in kept)
    return {"run": {"verified_rollouts": len(kept)}, "rejected": dict(reasons), "kept": dict(by_category)}


def _decided(episode: Episode, result: VerificationResult) -> VerificationResult:
    """The result; a rejection where only a judge could tell, for a recipe names none: unknown is not right."""
    if not needs_judge(episode, result):
        return result
    message = "the scenario expects no state and asserts nothing, and there is no judge"
    return VerificationResult(False, "semantic", "not_judged", {**result.details, "message": message})


def _trace(spec: StageSpec, episode: Episode, result: VerificationResult) -> Trajectory:
    scenario = episode.scenario
    return Trajectory(
        id=scenario.id,
        tools=scenario.tools,
        messages=episode.messages,
        provenance=Provenance(
            scenario_id=scenario.id,
            category=scenario.category,
            teacher=spec.recipe.teacher.model_id,
            sampling=_SAMPLING,
            verification=result.to_json(),
        ),
    )
