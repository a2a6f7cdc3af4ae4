"""What of a trajectory is compared: what the user said and what was called, not what every row of a world repeats."""

from __future__ import annotations

import json

from distill.trajectories.calls import call_to_json
from distill.trajectories.turns import calls_in
from distill.trajectories.types import Trajectory


def user_words(trajectory: Trajectory) -> str:
    """The user's messages, one a line."""
    return "\n".join(message.content for message in trajectory.messages if message.role == "user")


def compared_text(trajectory: Trajectory) -> str:
    """The user's messages and all calls, in order. Tools, results and answers are left out."""
    calls = (json.dumps(call_to_json(call), ensure_ascii=False) for call in calls_in(trajectory.messages))
    return "\n".join([user_words(trajectory), *calls])
