"""Which plots a dataset has, as numbers and words: what is drawn, and how long tails are shown. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from distill.curation.curate import CurationReport
from distill.datasets.description import VerificationCounts
from distill.trajectories.statistics import Distribution, Statistics

MOST_BARS = 20
MOST_NUMBERS = 12
_BINS = 24
_WIDE = 5
_LABEL = 36


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar for each label, with its count. ``across`` ones lie, so that long labels can be read."""

    name: str
    title: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    label_axis: str
    count_axis: str
    across: bool = False


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts from each of ``edges``, one more than counts, to below the next; on a logarithmic axis if so."""

    name: str
    title: str
    edges: tuple[int, ...]
    counts: tuple[int, ...]
    value_axis: str
    count_axis: str
    logarithmic: bool = False


Chart = Bars | Histogram


def charts_of(
    statistics: Statistics, curation: CurationReport, verification: VerificationCounts | None
) -> tuple[Chart, ...]:
    """User turns, calls, lengths, tools, and why rows were left out; what there is nothing of has no plot."""
    charts: list[Chart] = [
        _numbers("turns", "User turns of a row", statistics.user_turns, "user turns"),
        _numbers("calls", "Calls of a row", statistics.calls_a_row, "calls"),
        _lengths(statistics.length),
    ]
    if statistics.called:
        charts.append(_names("tools", "Calls by tool", statistics.called, "tool", "calls"))
    reasons = left_out(curation, verification)
    if reasons:
        charts.append(_names("rejections", "Rows left out, by reason", reasons, "stage or step: reason", "rows"))
    return tuple(charts)


def left_out(curation: CurationReport, verification: VerificationCounts | None) -> Counter[str]:
    """Rows by what rejected them and why."""
    counts: Counter[str] = Counter()
    for stage, reasons in (verification.rejected if verification else {}).items():
        counts.update({f"{stage}: {reason}": count for reason, count in reasons.items()})
    for step in curation.steps:
        counts.update({f"{step.name}: {reason}": count for reason, count in step.dropped.items()})
    return counts


def _numbers(name: str, title: str, values: Distribution, axis: str) -> Bars:
    """One bar a number, and one for all above the last."""
    first = min(values.counts, default=0)
    last = max(values.counts, default=0)
    shown = range(first, min(last, first + MOST_NUMBERS - 1) + 1)
    counts = [values.counts[value] for value in shown]
    labels = [str(value) for value in shown]
    if last > shown[-1]:
        counts[-1] += sum(count for value, count in values.counts.items() if value > shown[-1])
        labels[-1] = f"{labels[-1]}+"
    return Bars(name, title, tuple(labels), tuple(counts), axis, "rows")


def _lengths(values: Distribution) -> Histogram:
    """Bins that grow by one factor where lengths span more than that of _WIDE, as one long row hides all others."""
    least = max(1, min(values.counts, default=1))
    most = max(least, *values.counts, 1)
    wide = most > _WIDE * least
    edges = _growing(least, most) if wide else _equal(least, most)
    counts = [0] * (len(edges) - 1)
    for value, count in values.counts.items():
        counts[max(0, bisect_right(edges, value) - 1)] += count
    return Histogram("lengths", "Length of a row", edges, tuple(counts), "characters without tools", "rows", wide)


def _growing(least: int, most: int) -> tuple[int, ...]:
    """Edges from ``least`` to above ``most``, each about so many times the last."""
    factor = (most + 1) / least
    return tuple(sorted({*(round(least * factor ** (step / _BINS)) for step in range(_BINS)), most + 1}))


def _equal(least: int, most: int) -> tuple[int, ...]:
    """Edges of a round distance, from at most ``least`` to above ``most``."""
    width = _round_width((most - least) / _BINS)
    first = least // width * width
    return tuple(range(first, (most // width + 1) * width + 1, width))


def _round_width(width: float) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    if width <= 1:
        return 1
    power = 10 ** math.floor(math.log10(width))
    return int(next(step * power for step in (1, 2, 5, 10) if step * power >= width))


def _names(name: str, title: str, counts: Mapping[str, int], axis: str, count_axis: str) -> Bars:
    """The most frequent ones first, those alike by name; the others together."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown, others = ordered[:MOST_BARS], ordered[MOST_BARS:]
    labels = [_shortened(label) for label, _ in shown]
    values = [count for _, count in shown]
    if others:
        labels.append(f"{len(others):,} others")
        values.append(sum(count for _, count in others))
    return Bars(name, title, tuple(labels), tuple(values), axis, count_axis, across=True)


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL // 2 - 1]}…{label[-_LABEL // 2 :]}"
