"""Registers what the run made, with its lineage."""

from __future__ import annotations

from typing import Any

from distill.release.register import register
from distill.stages.spec import Report, StageSpec
from spiritsafe.client import Client


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes nothing but model cards; outputs and licence outcomes are the run's."""
    with Client.from_environment() as client:
        return register(client, spec, report)
