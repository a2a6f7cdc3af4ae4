"""From one format to another, a row at a time. Pure but for the rows, which come and go one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from distill.trajectories.arrow import arrow_safe
from distill.trajectories.formats.base import Format, Inexpressible, read_row, write_row
from distill.trajectories.formats.bfcl import join_answer
from distill.trajectories.reading import Reading
from distill.trajectories.rows import FieldError, Row, row_to_bytes
from distill.trajectories.turns import TurnError, numbered_calls
from distill.trajectories.types import JsonValue, Message, Source, Trajectory

Droppable = Literal["provenance", "reasoning", "call-ids"]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a row becomes.

    ``drop`` is what is left out on purpose, ``number_calls`` gives calls ids as the OpenAI API wants them, ``arrow``
    writes what Arrow would mix as JSON text. ``skip`` leaves rows out that the target has no place for. ``answers`` are
    rows of BFCL's ``possible_answer`` by id.
    """

    target: Format
    drop: frozenset[Droppable] = frozenset()
    number_calls: bool = False
    arrow: bool = False
    skip: bool = False
    answers: Mapping[str, Row] | None = None


@dataclass(slots=True)
class Tally:
    """How many rows were read and written, and for what others were left out: field and problem, by how often."""

    read: int = 0
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, JsonValue]:
        return {"read": self.read, "written": self.written, "left_out": dict(self.left_out.most_common())}


def convert(reading: Reading, conversion: Conversion, tally: Tally) -> Iterator[bytes]:
    """The lines of the new file; ``tally`` is counted up as they come.

    Raises:
        TrajectoryError: a row is malformed, or the target has no place for it and it is not to be skipped.
    """
    for line, row in reading.rows:
        tally.read += 1
        try:
            if isinstance(row, FieldError):
                raise row
            converted = _line(reading.form, row, reading.source(line), conversion)
        except FieldError as error:
            if not (conversion.skip and isinstance(error, Inexpressible)):
                raise error.at(reading.file.path, line) from error
            tally.left_out[error.problem] += 1
            continue
        tally.written += 1
        yield converted


def _line(form: Format, row: Row, source: Source, conversion: Conversion) -> bytes:
    if conversion.answers is not None:
        row = join_answer(row, conversion.answers)
    trajectory = _reduced(read_row(form, row, source), conversion)
    written = write_row(conversion.target, trajectory, bare="provenance" in conversion.drop)
    if conversion.arrow:
        written = arrow_safe(conversion.target, written)
    try:
        return row_to_bytes(written)
    except UnicodeEncodeError as error:
        raise FieldError("the row", "it holds half a surrogate pair; remove that character") from error


def _reduced(trajectory: Trajectory, conversion: Conversion) -> Trajectory:
    messages = trajectory.messages
    if "reasoning" in conversion.drop:
        messages = tuple(replace(message, reasoning=None) for message in messages)
    if "call-ids" in conversion.drop:
        messages = tuple(map(_without_ids, messages))
    if conversion.number_calls:
        try:
            messages = numbered_calls(messages)
        except TurnError as error:
            raise FieldError("messages", str(error)) from error
    return trajectory if messages is trajectory.messages else replace(trajectory, messages=messages)


def _without_ids(message: Message) -> Message:
    return replace(message, tool_calls=tuple(replace(call, id="") for call in message.tool_calls), tool_call_id="")
