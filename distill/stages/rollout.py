"""Lets the tuned teacher answer scenarios that it was not tuned on, and keeps its raw text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from distill.stages.inputs import ADAPTER, MAX_NEW_TOKENS, family_of, prompt_of, rollout_scenarios
from distill.stages.spec import Report, StageSpec
from distill.trajectories.rows import Row, write_rows

ROWS = "rollouts.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``rollouts.jsonl``: one object with scenario id and raw text a line."""
    from distill.inference.generate import generate, load

    scenarios = rollout_scenarios(spec.recipe)
    adapter = spec.upstream_output("finetune_teacher") / ADAPTER
    teacher = load(spec.sources["teacher"].path, adapter, family_of(spec, "teacher"))
    texts = generate(teacher, [prompt_of(one) for one in scenarios], max_new_tokens=MAX_NEW_TOKENS, on_progress=report)
    rows: Iterable[Row] = ({"scenario": one.id, "text": text} for one, text in zip(scenarios, texts, strict=True))
    write_rows(spec.output / ROWS, rows)
    return {"run": {"rollouts": len(texts)}}
