"""Lets the tuned teacher play scenarios that it was not tuned on, and keeps its raw text."""

from __future__ import annotations

from typing import Any

from distill.rollouts.journal import Journal
from distill.rollouts.waves import play_in_waves
from distill.runs import layout
from distill.stages.inputs import ADAPTER, family_of, responder, rollout_scenarios
from distill.stages.spec import Report, StageSpec
from distill.trajectories.rows import write_rows

ROWS = "rollouts.jsonl"
JOURNAL = "episodes.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``rollouts.jsonl``: one episode a line, with the scenario's id, raw texts and messages."""
    from distill.inference.generate import load

    adapter = spec.upstream_output("finetune_teacher") / ADAPTER
    family = family_of(spec, "teacher")
    teacher = load(spec.sources["teacher"].path, adapter, family)
    unfinished = spec.folder / layout.UNFINISHED
    unfinished.mkdir(exist_ok=True)
    with responder(teacher) as respond, Journal(unfinished / JOURNAL) as journal:
        episodes = play_in_waves(
            rollout_scenarios(spec.recipe), family, respond, journal, report, setup=spec.recipe.environment.setup
        )
    write_rows(spec.output / ROWS, (episode.to_json() for episode in episodes))
    return {"run": {"rollouts": len(episodes)}}
