"""Reading turns whose calls stand in blocks between two tags, with prose around them and reasoning before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from distill.trajectories.calls import CallError, ParsedCalls, ParseFailure, ParseOutcome
from distill.trajectories.types import ToolCall


@dataclass(frozen=True, slots=True)
class BlockTags:
    """The tags around a call and around reasoning."""

    call_open: str
    call_close: str
    thought_open: str
    thought_close: str


def read_blocks(text: str, tags: BlockTags, read: Callable[[str], ToolCall]) -> ParseOutcome:
    """Read each block with ``read``, which raises CallError; text outside is content. One bad block fails the turn."""
    end = text.rfind(tags.thought_close)
    body = end + len(tags.thought_close) if end >= 0 else 0
    calls: list[ToolCall] = []
    content: list[str] = []
    while (opened := text.find(tags.call_open, body)) >= 0:
        closed = text.find(tags.call_close, opened)
        if closed < 0:
            return ParseFailure(opened, f"{tags.call_open} is never closed; the text was cut off")
        content.append(text[body:opened])
        try:
            calls.append(read(text[opened + len(tags.call_open) : closed]))
        except CallError as error:
            return ParseFailure(opened, str(error))
        body = closed + len(tags.call_close)
    content.append(text[body:])
    if tags.call_close in "".join(content):
        return ParseFailure(text.rfind(tags.call_close), f"{tags.call_close} closes nothing")
    reasoning = text[: max(end, 0)].replace(tags.thought_open, "").strip()
    return ParsedCalls(tuple(calls), "".join(content).strip(), reasoning)
