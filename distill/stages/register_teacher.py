"""Registers the tuned teacher at once, so that its terms are known before anybody uses it."""

from __future__ import annotations

from typing import Any

from distill.release.register import register_teacher
from distill.stages.spec import Report, StageSpec
from spiritsafe.client import Client


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes nothing but its model card; outputs and licence outcomes are the run's, as far as they are known."""
    with Client.from_environment() as client:
        return register_teacher(client, spec, report)
