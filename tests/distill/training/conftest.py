"""A small training task of several turns: the gates of a made-up park."""

import pytest

from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory

GATE = ToolSpec(
    "open_gate",
    "Open a gate.",
    {"type": "object", "properties": {"gate": {"type": "integer"}}, "required": ["gate"]},
)


@pytest.fixture(scope="session")
def gates() -> list[Trajectory]:
    return [
        Trajectory(
            f"gate-{number}",
            (GATE,),
            (
                Message("user", f"Open gate {number}."),
                Message("assistant", tool_calls=(ToolCall("open_gate", {"gate": number}),)),
                Message("tool", '{"open": true}', name="open_gate"),
                Message("assistant", f"Gate {number} is open."),
            ),
        )
        for number in range(10, 34)
    ]
