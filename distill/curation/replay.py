"""General-purpose rows beside the new ones: what keeps a student from forgetting what it could do before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from distill.curation.choice import drawn_order
from distill.curation.steps import Step, Target
from distill.trajectories.types import Trajectory
from spiritsafe.errors import FailedPrecondition

Unit = Literal["rows", "characters", "tokens"]
Shortfall = Literal["error", "record"]
Size = Callable[[Trajectory], int]
"""How much of a mixture a row is."""


def mixed(
    rows: Sequence[Trajectory],
    replay: Sequence[Trajectory],
    ratio: float,
    seed: int,
    size: Size = lambda _row: 1,
    unit: Unit = "rows",
    shortfall: Shortfall = "error",
) -> Step:
    """Add rows of ``replay`` so that they make up a share ``ratio`` of all by ``size``, each once, chosen by ``seed``.

    They come behind the others. The share is met as nearly as whole rows allow. ``unit`` is the word for ``size``.

    Raises:
        FailedPrecondition: there are too few, and ``shortfall`` is "error".
    """
    own = sum(map(size, rows))
    wanted = own * ratio / (1 - ratio)
    sizes = list(map(size, replay))
    available = sum(sizes)
    # Half a row too little is as near as whole rows come.
    if shortfall == "error" and wanted - available > max(sizes, default=0) / 2:
        reachable = available / (available + own) if available else 0.0
        raise FailedPrecondition(
            f"a share of {ratio:.0%} needs {wanted:,.0f} {unit} of replay, and there are {available:,}",
            reason="REPLAY_TOO_SMALL",
            remedy=f"bring more, ask for {reachable:.1%}, or have the shortfall recorded",
        )
    chosen, total = [], 0
    for index in drawn_order(replay, seed):
        if abs(total + sizes[index] - wanted) >= abs(total - wanted):
            break
        chosen.append(replay[index])
        total += sizes[index]
    got = total / (own + total) if total else 0.0
    target = Target("replay", 0.0, got, ratio, ratio, tolerance=max(sizes, default=1) / max(1, own + total))
    return Step("replay", len(rows), (*rows, *chosen), targets=(target,))
