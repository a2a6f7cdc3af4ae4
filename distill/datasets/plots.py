"""Draws charts as PNG and SVG files: the same chart gives the same bytes, with one version of matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.datasets.charts import Bars, Chart, Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOR, _GREY = "#2f6690", "#5c6670"
_WIDTH, _HEIGHT, _BAR_HEIGHT = 8.0, 4.2, 0.27
"""Inches."""
_STYLE: dict[str, Any] = {
    "figure.dpi": 120,
    "font.family": "DejaVu Sans",  # It comes with matplotlib, so it is the same everywhere.
    "font.size": 10,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e3e7ea",
    "svg.hashsalt": "spiritsafe",  # Else ids in the file are random.
    "text.parse_math": False,  # A "$" in a tool's name is a dollar.
}
# Without times and versions, which would make other bytes of the same chart.
_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


def draw_all(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Writes ``NAME.png`` and ``NAME.svg`` of each chart into the folder; the files."""
    import matplotlib.style

    paths = []
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # The font has no glyphs for some scripts: a box in their place is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for chart in charts:
            figure = _figure(chart)
            for kind, metadata in _METADATA.items():
                paths.append(folder / f"{chart.name}.{kind}")
                figure.savefig(paths[-1], format=kind, metadata=metadata)
    return paths


def _figure(chart: Chart) -> Figure:
    from matplotlib.figure import Figure

    lying = isinstance(chart, Bars) and chart.across
    height = max(2.2, 1.4 + _BAR_HEIGHT * len(chart.counts)) if lying else _HEIGHT
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(chart.title)
    if isinstance(chart, Histogram):
        _draw_histogram(axes, chart)
    elif chart.across:
        _draw_across(axes, chart)
    else:
        _draw_upright(axes, chart)
    return figure


def _draw_upright(axes: Axes, chart: Bars) -> None:
    bars = axes.bar(chart.labels, chart.counts, color=_COLOR, width=0.75)
    axes.bar_label(bars, labels=_shown(chart.counts), padding=2, color=_GREY, fontsize=9)
    axes.margins(y=0.1)
    _label(axes, chart.label_axis, chart.count_axis, "y")


def _draw_across(axes: Axes, chart: Bars) -> None:
    places = range(len(chart.labels))
    bars = axes.barh(places, chart.counts, color=_COLOR, height=0.72)
    axes.set_yticks(places, chart.labels)
    axes.invert_yaxis()  # The most frequent first.
    axes.bar_label(bars, labels=_shown(chart.counts), padding=3, color=_GREY, fontsize=9)
    axes.margins(x=0.1, y=0.01)
    _label(axes, chart.count_axis, chart.label_axis, "x")


def _draw_histogram(axes: Axes, chart: Histogram) -> None:
    from matplotlib.ticker import NullLocator

    axes.stairs(chart.counts, chart.edges, fill=True, color=_COLOR)
    if chart.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(_round_numbers(chart.edges[0], chart.edges[-1]))
    axes.set_xlim(chart.edges[0], chart.edges[-1])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.1)
    _label(axes, chart.value_axis, chart.count_axis, "y")


def _round_numbers(least: int, most: int) -> list[int]:
    """1, 2 and 5 times the powers of ten in between."""
    numbers = (step * 10**power for power in range(len(str(most))) for step in (1, 2, 5))
    return [number for number in numbers if least <= number <= most]


def _label(axes: Axes, below: str, beside: str, counts: str) -> None:
    """Names both axes; ``counts`` is the one that counts, in whole numbers."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.grid(axis="x" if counts == "x" else "y")
    axis = axes.xaxis if counts == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _shown(counts: Sequence[int]) -> list[str]:
    return [f"{count:,}" for count in counts]
