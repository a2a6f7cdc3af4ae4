"""Rows of the tables, and their two forms: for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.benchmarks.registry.timing import Timed


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ``goal`` is a bound on it: at least, or at most where ``at_most`` is set; None for none."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        goal = None if self.goal is None else {"at_most" if self.at_most else "at_least": self.goal}
        return {"name": self.name, "value": _number(self.value), "unit": self.unit, "goal": goal, "met": self.met}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operation on both systems; ``theirs`` is None where MLflow was left out.

    ``by`` says what the ratio compares: the median, the 99th percentile or the rate. Above 1, this registry is faster.
    """

    name: str
    ours: Timed
    theirs: Timed | None
    by: str
    goal: float | None

    @property
    def ratio(self) -> float | None:
        if self.theirs is None:
            return None
        if self.by == "rate":
            return self.ours.rate / self.theirs.rate if self.theirs.rate else math.inf
        share = 0.99 if self.by == "p99" else 0.5
        return self.theirs.milliseconds(share) / self.ours.milliseconds(share)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing to compare with."""
        return None if self.ratio is None or self.goal is None else self.ratio >= self.goal

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "name": self.name,
            "ours": _timed(self.ours),
            "theirs": _timed(self.theirs) if self.theirs else None,
            "ratio": None if self.ratio is None else {"by": self.by, "value": _number(self.ratio)},
            "goal": self.goal,
            "met": self.met,
        }


def comparison_table(rows: Sequence[Comparison], title: str) -> Table:
    """p50 and p99 in milliseconds, calls per second, and the ratio beside its goal."""
    columns = ("operation", "ours p50", "p99", "/s", "MLflow p50", "p99", "/s", "ratio", "of", "goal", "")
    table = Table(*columns, title=title)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.1f}x"
        goal = "" if row.goal is None else f">= {row.goal:g}x"
        table.add_row(row.name, *_cells(row.ours), *_cells(row.theirs), ratio, row.by, goal, _verdict(row.met))
    return table


def figure_table(rows: Sequence[Figure], title: str) -> Table:
    """Each figure beside its goal."""
    table = Table("figure", "value", "unit", "goal", "", title=title)
    for row in rows:
        goal = "" if row.goal is None else f"{'<=' if row.at_most else '>='} {row.goal:g}"
        table.add_row(row.name, f"{row.value:,.2f}", row.unit, goal, _verdict(row.met))
    return table


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "MISSED", None: ""}[met]


def _cells(timed: Timed | None) -> tuple[str, str, str]:
    if timed is None:
        return "", "", ""
    failed = f" ({timed.failed} failed)" if timed.failed else ""
    return f"{timed.milliseconds(0.5):.2f}", f"{timed.milliseconds(0.99):.2f}", f"{timed.rate:,.0f}{failed}"


def _timed(timed: Timed) -> dict[str, Any]:
    return {
        "p50_ms": _number(timed.milliseconds(0.5)),
        "p99_ms": _number(timed.milliseconds(0.99)),
        "calls_per_second": _number(timed.rate),
        "calls": len(timed.latencies),
        "failed": timed.failed,
    }


def _number(value: float) -> float | None:
    """JSON knows no infinity and no 'not a number'."""
    return round(value, 4) if math.isfinite(value) else None
