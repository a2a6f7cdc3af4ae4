"""What-if files: lineage cases that are evaluated without touching the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ScenarioError(ValueError):
    """A scenario file is malformed; the message names the case and the field."""


def evaluate_scenarios(document: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate a scenario object, or one with `cases`, in all four contexts.

    Returns:
        `{"cases": [{"id", "contexts": {context: {"verdict", "reasons", "obligations"}}}]}`; `reasons` holds the denials and
        the open review reasons, each `{"code", "licenses", "path", "clause", "remedy"}`.

    Raises:
        ScenarioError: anything malformed, such as a cycle, a dangling node, or an unknown edge type or setting.
    """
    raise NotImplementedError
