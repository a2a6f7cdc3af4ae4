"""Keeps the teacher's episodes that parse, run in the environment and reach the state that was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from distill.datasets.description import VerificationCounts
from distill.recipe_parts import Judge
from distill.rollouts.episode import Episode
from distill.rollouts.seeds import reply_seed
from distill.stages import rollout
from distill.stages.inputs import rollout_scenarios
from distill.stages.scoring import read_episodes
from distill.stages.spec import Report, StageSpec
from distill.teacher.endpoint.client import EndpointTeacher
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.rows import write_rows
from distill.trajectories.types import JsonValue, Provenance, Trajectory
from distill.verification.judge import judge_batch, judges, needs_judge
from distill.verification.verify import VerificationResult, verify_batch

TRACES = "traces"
ROWS = "traces.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``traces/traces.jsonl`` (canonical trajectories) and ``rejected.jsonl`` with a reason a line.

    Where the recipe names a judge, it decides on episodes whose scenario expects no state.

    Raises:
        ValueError: nothing was kept, so there is nothing to train a student on.
    """
    episodes = read_episodes(
        spec.upstream_output("rollout") / rollout.ROWS, rollout_scenarios(spec.recipe), spec.recipe.rollout.samples
    )
    verified = verify_batch(episodes, setup=spec.recipe.environment.setup)
    if spec.recipe.judge:
        results = asyncio.run(_judged(spec.recipe.judge, episodes, verified))
    else:
        results = [_decided(*one) for one in zip(episodes, verified, strict=True)]
    report(len(results), len(results))
    judged = list(zip(episodes, results, strict=True))
    kept = [_trace(spec, *one) for one in judged if one[1].accepted]
    reasons = Counter(result.reason for result in results if not result.accepted)
    if not kept:
        raise ValueError(f"none of {len(results)} roll-outs was verified {dict(reasons)}; tune the teacher longer")
    counts = VerificationCounts.of(results)
    (spec.output / TRACES).mkdir()
    write_trajectories(spec.output / TRACES / ROWS, kept)
    write_rows(
        spec.output / "rejected.jsonl",
        ({**episode.to_json(), **result.to_json()} for episode, result in judged if not result.accepted),
    )
    dropped = [{"stage": "verify", "reason": reason, "rows": count} for reason, count in sorted(reasons.items())]
    return {
        "run": {"verified_rollouts": len(kept), "dropped": dropped},
        "verification": counts.to_json(),
        "kept": dict(Counter(trace.provenance.category for trace in kept)),
        "judges": sorted(judges(results)),
    }


async def _judged(
    judge: Judge, episodes: Sequence[Episode], results: Sequence[VerificationResult]
) -> list[VerificationResult]:
    async with EndpointTeacher(judge.endpoint) as model:
        return await judge_batch(episodes, results, model)


def _decided(episode: Episode, result: VerificationResult) -> VerificationResult:
    """The result; a rejection where only a judge could tell, for a recipe names none: unknown is not right."""
    if not needs_judge(episode, result):
        return result
    message = "the scenario expects no state and asserts nothing, and there is no judge"
    return VerificationResult(False, "semantic", "not_judged", {**result.details, "message": message})


def _trace(spec: StageSpec, episode: Episode, result: VerificationResult) -> Trajectory:
    scenario = episode.scenario
    return Trajectory(
        # The first sample has its scenario's id, as the only one has.
        id=f"{scenario.id}-{episode.sample}" if episode.sample else scenario.id,
        tools=scenario.tools,
        messages=episode.messages,
        provenance=Provenance(
            scenario_id=scenario.id,
            category=scenario.category,
            teacher=spec.recipe.teacher.model_id,
            sampling=_sampling(spec, episode),
            verification=result.to_json(),
        ),
    )


def _sampling(spec: StageSpec, episode: Episode) -> dict[str, JsonValue]:
    """How the episode was drawn, with the seed of each reply where chance had a part in it."""
    sampling, seed = spec.recipe.rollout.sampling, spec.recipe.seed
    drawn: dict[str, JsonValue] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "sample": episode.sample,
    }
    if sampling.temperature:
        turns = range(len(episode.texts))
        drawn["seeds"] = [reply_seed(seed, episode.scenario.id, episode.sample, turn) for turn in turns]
    if episode.model:
        drawn["model"] = episode.model
    return drawn
