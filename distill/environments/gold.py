"""Training rows with the right answer, for fine-tuning a teacher."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distill.environments.base import Scenario
from distill.trajectories.ertas import write_ertas
from distill.trajectories.types import Message, Provenance, Trajectory


def gold_trajectories(scenarios: Iterable[Scenario]) -> list[Trajectory]:
    """One user message and one assistant turn each: the gold calls, or the reference text where nothing is called."""
    return [
        Trajectory(
            id=scenario.id,
            tools=scenario.tools,
            messages=(
                Message("user", scenario.user_message),
                Message("assistant", scenario.reference_text, tool_calls=scenario.gold_calls),
            ),
            provenance=Provenance(scenario_id=scenario.id, category=scenario.category),
        )
        for scenario in scenarios
    ]


def write_gold(path: Path, scenarios: Iterable[Scenario]) -> str:
    """Write the gold trajectories as Ertas JSONL and return the file's SHA-256 (hex)."""
    return write_ertas(path, gold_trajectories(scenarios))
