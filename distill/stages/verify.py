"""Keeps the teacher's answers that parse, run in the environment and reach the state that was asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.environments.base import Scenario
from distill.stages import rollout
from distill.stages.inputs import MAX_NEW_TOKENS, family_of, rollout_scenarios
from distill.stages.spec import Report, StageSpec
from distill.trajectories.calls import ParsedCalls, ParseOutcome
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.rows import write_rows
from distill.trajectories.types import JsonValue, Message, Provenance, Trajectory
from distill.verification.verify import VerificationResult, verify_batch

TRACES = "traces"
ROWS = "traces.jsonl"
_SAMPLING: Mapping[str, JsonValue] = {"do_sample": False, "max_new_tokens": MAX_NEW_TOKENS}


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``traces/traces.jsonl`` (canonical trajectories) and ``rejected.jsonl`` with a reason a line.

    Raises:
        ValueError: nothing was kept, so there is nothing to train a student on.
    """
    scenarios = rollout_scenarios(spec.recipe)
    texts = _texts(spec.upstream_output("rollout") / rollout.ROWS)
    answers = [family_of(spec, "teacher").parse(texts[one.id]) for one in scenarios]
    results = verify_batch(answers, scenarios)
    report(len(results), len(results))
    judged = list(zip(scenarios, answers, results, strict=True))
    kept = [_trace(spec, *one) for one in judged if one[2].accepted]
    reasons = Counter(result.reason for result in results if not result.accepted)
    if not kept:
        raise ValueError(f"none of {len(results)} roll-outs was verified {dict(reasons)}; tune the teacher longer")
    (spec.output / TRACES).mkdir()
    write_trajectories(spec.output / TRACES / ROWS, kept)
    write_rows(
        spec.output / "rejected.jsonl",
        (
            {"scenario": scenario.id, "text": texts[scenario.id], **result.to_json()}
            for scenario, _, result in judged
            if not result.accepted
        ),
    )
    return {"run": {"verified_rollouts": len(kept)}, "rejected": dict(reasons)}


def _texts(path: Path) -> dict[str, str]:
    rows = map(json.loads, path.read_text().splitlines())
    return {row["scenario"]: row["text"] for row in rows}


def _trace(spec: StageSpec, scenario: Scenario, answer: ParseOutcome, result: VerificationResult) -> Trajectory:
    assert isinstance(answer, ParsedCalls), "verification accepts only what was parsed"
    turn = Message("assistant", answer.content, answer.calls, answer.reasoning or None)
    return Trajectory(
        id=scenario.id,
        tools=scenario.tools,
        messages=(Message("user", scenario.user_message), turn),
        provenance=Provenance(
            scenario_id=scenario.id,
            category=scenario.category,
            teacher=spec.recipe.teacher.model_id,
            sampling=_SAMPLING,
            verification=result.to_json(),
        ),
    )
