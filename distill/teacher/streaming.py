"""Reads calls in a text while a model still writes it.

Everything that is said before the end is provisional. One bad block fails the whole text, and a ``</think>`` that
nothing opened turns all before it into reasoning: only ``StreamReader.finish`` says what a text means. So events serve
to show a turn as it comes, or to prepare for a call, never to run one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from distill.teacher.reading import (
    THINK_CLOSE,
    THINK_OPEN,
    TOKENS,
    Block,
    BlockReader,
    Malformed,
    Unfinished,
    means_call,
    parse_calls,
    reasoning_end,
)
from distill.trajectories.calls import ParseOutcome, call_from_json, decoder
from distill.trajectories.types import ToolCall


@dataclass(frozen=True, slots=True)
class ProseSeen:
    """Further text of the turn's prose, as written: code fences around calls are still in it."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningSeen:
    """Further text of the reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One more call is complete."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A ``</think>`` that nothing opened: whatever was said so far was reasoning, which is given here whole."""

    reasoning: str


StreamEvent = ProseSeen | ReasoningSeen | CallSeen | Withdrawn


class StreamReader:
    """Reads a text that comes in pieces, cut anywhere.

    A call in an array is reported when it is complete itself, other calls when their block is; a thought beside calls
    after them. Together with those of ``rest``, the calls since the last ``Withdrawn`` are the outcome's, wherever that
    is no failure.
    """

    def __init__(self) -> None:
        self._text = ""
        self._reader = _Reporter("", 0, grows=True)
        self._broken: Malformed | None = None

    def feed(self, piece: str) -> list[StreamEvent]:
        """Take the next piece and return what it makes known."""
        self._text += piece
        return self._events(grows=True)

    def rest(self) -> list[StreamEvent]:
        """What the end of the text makes known: an open bracket is prose, and half a tag is none. Ends the feeding."""
        return self._events(grows=False)

    def finish(self) -> ParseOutcome:
        """What the whole text means: exactly what ``parse_calls`` makes of it."""
        return parse_calls(self._text)

    def _events(self, *, grows: bool) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        while self._resumes():
            reader = self._reader
            reader.text, reader.grows = self._text, grows
            try:
                while reader.step():
                    pass
                reader.report_open_prose()
            except Unfinished:
                reader.report_unfinished()
            except Malformed as error:
                self._broken = error
            events += reader.events
            reader.events = []
            if not self._broken:
                break
        return events

    def _resumes(self) -> bool:
        """Whether there is anything to read: behind a broken block only what a lone ``</think>`` leaves standing."""
        if not self._broken:
            return True
        end = reasoning_end(self._text, self._broken)
        if end is None or THINK_OPEN in self._text[self._broken.resume : end]:
            return False
        self._reader, self._broken = _Reporter(self._text, end, grows=True), None
        return True


# The beginning of an array of calls, up to where its first element stands.
_ARRAY_HEAD = re.compile(
    r"""\[\s*(?=\{)|\{\s*(?:"thought"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*)?"tool_calls"\s*:\s*\[\s*(?=\{)""", re.DOTALL
)
_NEXT_ELEMENT = re.compile(r"\s*,\s*(?=\{)")
_DECODER = decoder()
_LONGEST_TOKEN = max(map(len, TOKENS))


class _Reporter(BlockReader):
    """A reader that tells what it finds, each part of the text once."""

    def __init__(self, text: str, position: int, *, grows: bool) -> None:
        super().__init__(text, position, grows)
        self.events: list[StreamEvent] = []
        self._told = position  # up to where text was reported
        self._early = 0  # calls of the unfinished array at ``position`` that were reported
        self._element = 0  # where the last of them ends

    def add_prose(self, start: int, end: int) -> None:
        self._tell(ProseSeen, start, end)

    def add_reasoning(self, start: int, end: int) -> None:
        self._tell(ReasoningSeen, start, end)

    def add_calls(self, block: Block) -> None:
        self.events += map(CallSeen, (block.calls or [])[self._early :])
        if block.thought:
            self.events.append(ReasoningSeen(block.thought))
        self._early = 0

    def withdraw(self, end: int) -> None:
        self.events.append(Withdrawn(self.text[:end]))

    def report_open_prose(self) -> None:
        """Tell the prose behind the last block, but for an end that may be the beginning of a token."""
        self._tell(ProseSeen, self.position, self._safe_end())

    def report_unfinished(self) -> None:
        """Tell what is certain of the block that the text so far ends in."""
        if self.text.startswith(THINK_OPEN, self.position):
            self._tell(ReasoningSeen, self.position + len(THINK_OPEN), self._safe_end((THINK_CLOSE,)))
        elif self.text[self.position] in "[{":
            self._report_elements()

    def _tell(self, kind: type[ProseSeen | ReasoningSeen], start: int, end: int) -> None:
        start = max(start, self._told)
        if start < end:
            self.events.append(kind(self.text[start:end]))
            self._told = end

    def _safe_end(self, tokens: tuple[str, ...] = TOKENS) -> int:
        if not self.grows:
            return len(self.text)
        for start in range(max(self.position, len(self.text) - _LONGEST_TOKEN), len(self.text)):
            if any(token.startswith(self.text[start:]) for token in tokens):
                return start
        return len(self.text)

    def _report_elements(self) -> None:
        while True:
            text, after = self.text, self._element
            opening = _NEXT_ELEMENT.match(text, after) if self._early else _ARRAY_HEAD.match(text, self.position)
            if not opening:
                return
            try:
                value, self._element = _DECODER.raw_decode(text, opening.end())
                call = call_from_json(value) if means_call(value) else None
            except (ValueError, RecursionError):
                return
            if not call:
                return
            self.events.append(CallSeen(call))
            self._early += 1
