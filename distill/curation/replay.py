"""General-purpose rows beside the new ones: what keeps a student from forgetting what it could do before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from distill.curation.steps import Step
from distill.trajectories.types import Trajectory
from spiritsafe.errors import FailedPrecondition


def mixed(rows: Sequence[Trajectory], replay: Sequence[Trajectory], ratio: float, seed: int) -> Step:
    """Add rows of ``replay`` so that they make up a share ``ratio`` of all, each once, chosen by ``seed``.

    Raises:
        FailedPrecondition: there are too few.
    """
    wanted = round(len(rows) * ratio / (1 - ratio))
    if wanted > len(replay):
        raise FailedPrecondition(
            f"a share of {ratio:.0%} needs {wanted} replay rows, and there are {len(replay)}",
            reason="REPLAY_TOO_SMALL",
            remedy=f"bring more, or ask for {len(replay) / (len(replay) + len(rows)):.0%}",
        )
    order = sorted(replay, key=lambda row: hashlib.sha256(f"{seed}\n{row.id}".encode()).digest())
    return Step("replay", (*rows, *order[:wanted]), added=wanted)
