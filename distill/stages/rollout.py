"""Lets the tuned teacher play scenarios that it was not tuned on, and keeps its raw text."""

from __future__ import annotations

from typing import Any

from distill.rollouts.play import play
from distill.stages.inputs import ADAPTER, family_of, responder, rollout_scenarios
from distill.stages.spec import Report, StageSpec
from distill.trajectories.rows import write_rows

ROWS = "rollouts.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``rollouts.jsonl``: one episode a line, with the scenario's id, raw texts and messages."""
    from distill.inference.generate import load

    adapter = spec.upstream_output("finetune_teacher") / ADAPTER
    family = family_of(spec, "teacher")
    teacher = load(spec.sources["teacher"].path, adapter, family)
    with responder(teacher) as respond:
        episodes = play(rollout_scenarios(spec.recipe), family, respond, on_progress=report)
    write_rows(spec.output / ROWS, (episode.to_json() for episode in episodes))
    return {"run": {"rollouts": len(episodes)}}
