"""All facts of a report as data, for programs. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from registry.evidence.completeness import Completeness
from registry.evidence.facts import DISCLAIMER, TIMES, Dossier, stamp

SCHEMA = "spiritsafe.report/v1"


def render(dossier: Dossier, completeness: Completeness) -> dict[str, Any]:
    """Times are RFC 3339 in UTC; a list that is null is one of which nothing is known."""
    fields = _dated(asdict(dossier))
    items = list(fields.pop("items").values())
    return {
        "schema": SCHEMA,
        "disclaimer": DISCLAIMER,
        **fields,
        "items": items,
        "licences": list(fields["licences"].values()),
        "completeness": completeness.as_data(),
    }


def _dated(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: stamp(one) if key in TIMES and isinstance(one, int) and not isinstance(one, bool) else _dated(one)
            for key, one in value.items()
        }
    return [_dated(one) for one in value] if isinstance(value, list | tuple) else value
