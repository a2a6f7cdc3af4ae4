"""``spiritsafe teacher``: what teachers wrote. Works on files, and asks no server."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import output
from cli.lazy import app as new_app
from cli.options import invalid
from cli.output import Format
from spiritsafe.errors import InvalidArgument

if TYPE_CHECKING:
    from distill.trajectories.calls import ParseOutcome

STANDARD_INPUT = "-"

app = new_app("Teachers: read the calls in what they wrote. Needs no server.")


@app.callback()
def _commands() -> None:
    """Keeps ``parse`` a word of its own while it is the only command."""


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
