"""Small trajectories for tests of curation."""

from __future__ import annotations

from collections.abc import Sequence

from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory

FIND = ToolSpec("find", "Finds.", {"type": "object", "properties": {"what": {"type": "string"}}})


def row(
    row_id: str, *words: str, tools: Sequence[str] = ("find",), offered: tuple[ToolSpec, ...] = (FIND,)
) -> Trajectory:
    """A row with one user turn for each text, calling these tools in the first."""
    messages: list[Message] = []
    for number, text in enumerate(words):
        messages.append(Message("user", text))
        if tools and not number:
            calls = tuple(ToolCall(tool, {"what": row_id}) for tool in tools)
            messages.append(Message("assistant", tool_calls=calls))
            messages += [Message("tool", "{}", name=tool) for tool in tools]
        messages.append(Message("assistant", "Done."))
    return Trajectory(row_id, offered, tuple(messages))


def ids(rows: Sequence[Trajectory]) -> list[str]:
    """Their ids."""
    return [one.id for one in rows]
