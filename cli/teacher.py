"""``spiritsafe teacher``: what teachers read and wrote. Works on files, and asks no server."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import invalid
from cli.output import Format
from cli.rows import FromOption, SourceArgument, chosen, open_reading
from spiritsafe.errors import InvalidArgument

if TYPE_CHECKING:
    from distill.families.base import Prompt
    from distill.trajectories.calls import ParseOutcome
    from distill.trajectories.types import Trajectory

STANDARD_INPUT = "-"


class FamilyName(StrEnum):
    """The families of teachers."""

    XLAM2_QWEN = "xlam2-qwen"
    XLAM2_LLAMA = "xlam2-llama"
    XLAM_FC = "xlam-fc"
    XLAM_MISTRAL = "xlam-mistral"
    XLAM = "xlam"


app = new_app("Teachers: what they are asked, and the calls in what they wrote. Needs no server.")


@app.command("parse")
def parse(
    file: Annotated[str, typer.Argument(help='JSON lines {"id", "text"}; - is standard input.')] = STANDARD_INPUT,
    form: Annotated[Format, typer.Option("--format", help="json lines for programs, table for people.")] = Format.JSON,
) -> None:
    """Read the calls in teachers' outputs, in any style that xLAM models write.

    Writes one JSON line for each line read, in order: {"id", "calls", "error"}. Calls are a list of {"name",
    "arguments"}, empty where the text calls nothing. Where a text is malformed, calls is null and error is
    {"position", "reason"}, counted in characters from 0: nothing is repaired, and such texts do not fail the command.
    A line that is no such row does, with file and line. A table says the same in words.

    Example: spiritsafe teacher parse outputs.jsonl > calls.jsonl
    """
    from distill.teacher.reading import parse_calls

    counts: Counter[str] = Counter()
    try:
        for identity, text in _texts(file):
            row = _row(identity, parse_calls(text))
            counts[_kind(row)] += 1
            print(json.dumps(row, ensure_ascii=False) if form is Format.JSON else _words(row), flush=True)  # noqa: T201 - the product of the command
    finally:
        output.notices().print(
            f"read {counts.total()}: {counts['calls']} with calls, {counts['none']} without, "
            f"{counts['failed']} malformed"
        )


@app.command("prompt")
def prompt(
    source: SourceArgument,
    family: Annotated[FamilyName, typer.Option("--family", help="Whose words: the teacher's family.")],
    turn: Annotated[int, typer.Option("--turn", min=1, help="What stands before this turn of the assistant's.")] = 1,
    from_: FromOption = None,
    row_id: Annotated[str, typer.Option("--id", help="The row with this id.")] = "",
    line: Annotated[int, typer.Option("--line", min=1, help="Begin with the row on this line.")] = 1,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Write at most so many rows.")] = 1,
    form: Annotated[Format, typer.Option("--format", help="json lines for programs, table for text.")] = Format.TABLE,
) -> None:
    """Write what a teacher reads of a conversation, letter by letter.

    The text is what a model of the family is given; as JSON, one line {"id", "messages", "prompt"} a row also has the
    chat messages that a server with the published template is sent. A row with fewer turns than asked for is an error.

    Example: spiritsafe teacher prompt traces.jsonl --family xlam2-qwen
    """
    from distill.families import teacher_family_named

    speaker = teacher_family_named(family.value)
    found = chosen(open_reading(source, from_), row_id, line, limit)
    if not found:
        raise invalid("id" if row_id else "line", f"{source} has no such row")
    for trajectory in found:
        messages = speaker.messages(_before(trajectory, turn))
        text = speaker.render(messages)
        said = [{"role": one.role, "content": one.content} for one in messages]
        row = json.dumps({"id": trajectory.id, "messages": said, "prompt": text}, ensure_ascii=False)
        print(row if form is Format.JSON else text)  # noqa: T201 - the product of the command


def _before(trajectory: Trajectory, turn: int) -> Prompt:
    """What stands before an assistant turn; before one more than there are, all of it."""
    from distill.families.base import Prompt

    ends = [index for index, message in enumerate(trajectory.messages) if message.role == "assistant"]
    if turn > len(ends) + 1:
        raise invalid("turn", f"row {trajectory.id!r} has {len(ends)} turns of the assistant's")
    return Prompt(trajectory.messages[: [*ends, len(trajectory.messages)][turn - 1]], trajectory.tools)


def _row(identity: Any, outcome: ParseOutcome) -> dict[str, Any]:
    from distill.trajectories.calls import ParseFailure, call_to_json

    if isinstance(outcome, ParseFailure):
        return {"id": identity, "calls": None, "error": {"position": outcome.position, "reason": outcome.reason}}
    return {"id": identity, "calls": [call_to_json(call) for call in outcome.calls], "error": None}


def _words(row: dict[str, Any]) -> str:
    if row["error"]:
        said = f"malformed at {row['error']['position']}: {row['error']['reason']}"
    else:
        said = ", ".join(f"{call['name']}({_arguments(call)})" for call in row["calls"]) or "no call"
    return f"{row['id']}: {said}"


def _arguments(call: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call["arguments"].items())


def _kind(row: dict[str, Any]) -> str:
    return "failed" if row["calls"] is None else "calls" if row["calls"] else "none"


def _texts(file: str) -> Iterator[tuple[Any, str]]:
    """The rows of a file of outputs, one at a time. Raises InvalidArgument naming file and line."""
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        with nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else Path(file).open("rb") as lines:
            yield from _numbered(lines, name)
    except OSError as error:
        raise invalid("file", f"cannot read {name}: {error.strerror}") from error


def _numbered(lines: Iterable[bytes], name: str) -> Iterator[tuple[Any, str]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _identified(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                raise _bad_line(name, number, f"is not UTF-8 at byte {error.start}") from error
            except ValueError as error:
                raise _bad_line(name, number, str(error)) from error


def _identified(line: str) -> tuple[Any, str]:
    """The id and the text of a row. Raises ValueError for anything else."""
    from distill.trajectories.calls import loads

    row = loads(line)
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError('is no object with a text under "text"')
    identity = row.get("id")
    if not isinstance(identity, str | int | None):
        raise ValueError('has an "id" that is neither a text nor a number')
    str(identity).encode()  # half a surrogate pair could not be written again
    return identity, str(row["text"])


def _bad_line(name: str, number: int, problem: str) -> InvalidArgument:
    return invalid(f"{name}, line {number}", problem, 'write one object {"id", "text"} a line')
