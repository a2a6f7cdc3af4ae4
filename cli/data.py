"""``spiritsafe data``: training data in the formats that people have. Works on files, and asks no server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cli import exits, output
from cli.lazy import app as new_app
from cli.options import FormatOption, invalid
from cli.output import Format
from cli.rows import FormatName, FromOption, SourceArgument, chosen, open_reading, refusals
from spiritsafe.errors import FailedPrecondition

if TYPE_CHECKING:
    from distill.trajectories.conversion import Conversion, Tally
    from distill.trajectories.files import RowFile
    from distill.trajectories.reading import Reading
    from distill.trajectories.rows import Row
    from distill.trajectories.types import Message, Trajectory

Item = TypeVar("Item")
STANDARD = Path("-")
ROWS_A_REFRESH = 256


class Drop(StrEnum):
    """What can be left out on purpose."""

    PROVENANCE = "provenance"
    REASONING = "reasoning"
    CALL_IDS = "call-ids"


app = new_app("Training data: convert between formats, validate, show, count. Needs no server.")


@app.command("convert")
def convert(
    source: SourceArgument,
    target: Annotated[
        Path, typer.Argument(help="File to write, JSON Lines; - for standard output.", allow_dash=True)
    ] = STANDARD,
    from_: FromOption = None,
    to: Annotated[FormatName, typer.Option("--to", help="Format to write.")] = FormatName.CANONICAL,
    drop: Annotated[list[Drop] | None, typer.Option("--drop", help="Leave this out; repeatable.")] = None,
    number_calls: Annotated[
        bool, typer.Option("--number-calls", help="Give calls ids that have none, as the OpenAI API wants.")
    ] = False,
    arrow: Annotated[
        bool, typer.Option("--arrow", help="Write as JSON text what Arrow (datasets, Parquet) would not keep exact.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out rows that the format has no place for, and count them.")
    ] = False,
    answers: Annotated[Path | None, typer.Option(help="BFCL's file of possible_answer for these questions.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Convert training data from one format to another. Nothing is lost: a row that does not fit is an error.

    The file appears whole or not at all. What only the old format has is kept in each row's provenance, so that the
    way back gives the same rows.

    Example: spiritsafe data convert xlam_function_calling_60k.json traces.jsonl --to huggingface
    """
    from distill.trajectories.conversion import Conversion, Tally
    from distill.trajectories.formats.table import FORMATS

    if target != STANDARD and target.exists() and not force:
        raise invalid("target", f"{target} is there already", "choose another name, or replace it with --force")
    reading = open_reading(source, from_)
    conversion = Conversion(
        FORMATS[to],
        frozenset(one.value for one in drop or ()),
        number_calls=number_calls,
        arrow=arrow,
        skip=skip,
        answers=_answers(answers),
    )
    tally = Tally()
    digest = _write(target, reading, conversion, tally)
    _print_tally(form, reading.form.name, to, target, digest, tally)


@app.command("validate")
def validate(
    source: SourceArgument,
    from_: FromOption = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Print at most so many problems.")] = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List every problem of training data by line and field, with what to do; exit code 1 if there is one.

    Problems are malformed rows, unknown roles, turns out of order, results that answer no call, calls to tools that are
    not offered, arguments that break the tool's JSON schema, and ids that stand twice.

    Example: spiritsafe data validate traces.jsonl
    """
    if importlib.util.find_spec("jsonschema") is None:
        raise FailedPrecondition(
            "what arguments are validated with is not installed here",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[service]'",
        )
    from distill.trajectories.validation import validate_rows

    reading = open_reading(source, from_)
    with _progress(reading.file) as progress:
        report = validate_rows(reading.form, reading.file.name, progress(reading.rows), most)
    data: dict[str, Any] = {"file": str(source), "format": reading.form.name, **report.to_json()}
    if form is Format.JSON:
        output.print_json(data)
    else:
        _print_problems(data)
    if report.problems:
        raise typer.Exit(exits.FAILED)


@app.command("show")
def show(
    source: SourceArgument,
    from_: FromOption = None,
    row_id: Annotated[str, typer.Option("--id", help="The row with this id.")] = "",
    line: Annotated[int, typer.Option("--line", min=1, help="Begin with the row on this line.")] = 1,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Print at most so many rows.")] = 1,
    form: FormatOption = Format.TABLE,
) -> None:
    """Print conversations: who says what, calls with their arguments, results, reasoning.

    Example: spiritsafe data show traces.jsonl --line 17
    """
    from distill.trajectories.jsonl import trajectory_to_json

    reading = open_reading(source, from_)
    found = chosen(reading, row_id, line, limit)
    if not found:
        wanted = f"with the id {row_id!r}" if row_id else f"from line {line} on"
        raise invalid("id" if row_id else "line", f"{source} has no row {wanted}")
    if form is Format.JSON:
        output.print_json({"trajectories": [trajectory_to_json(one) for one in found]})
        return
    for one in found:
        _print_conversation(one)


@app.command("stats")
def stats(source: SourceArgument, from_: FromOption = None, form: FormatOption = Format.TABLE) -> None:
    """Count what is in training data: turns, tools, calls, rows that call nothing, lengths in characters.

    Example: spiritsafe data stats traces.jsonl
    """
    from distill.trajectories.reading import trajectories
    from distill.trajectories.statistics import statistics_of

    reading = open_reading(source, from_)
    with _progress(reading.file) as progress, refusals():
        counted = statistics_of(progress(trajectories(reading)))
    output.print_data(form, {"file": str(source), "format": reading.form.name, **counted.to_json()})


def _answers(path: Path | None) -> dict[str, Row] | None:
    """The answers by id, all of them in memory: BFCL's files are small."""
    from distill.trajectories.files import RowFile
    from distill.trajectories.rows import FieldError

    if path is None:
        return None
    with refusals():
        found: dict[str, Row] = {}
        for line, row in RowFile(path):
            if isinstance(row, FieldError):
                raise row.at(path, line)
            found[str(row.get("id"))] = row
        return found


def _write(target: Path, reading: Reading, conversion: Conversion, tally: Tally) -> str:
    """The SHA-256 of the file, empty for standard output."""
    from distill.trajectories.conversion import convert
    from distill.trajectories.rows import write_lines

    with _progress(reading.file) as progress, refusals():
        lines = progress(convert(reading, conversion, tally))
        if target == STANDARD:
            sys.stdout.flush()
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
            return ""
        try:
            return write_lines(target, lines)
        except OSError as error:
            raise invalid("target", f"{target} cannot be written: {error.strerror}") from error


class _Bar:
    """Passes items on and says now and then how far the file has been read."""

    def __init__(self, progress: Progress, file: RowFile) -> None:
        self.progress = progress
        self.file = file

    def __call__(self, items: Iterable[Item]) -> Iterator[Item]:
        task = self.progress.add_task(self.file.name, total=None)
        for number, item in enumerate(items):
            yield item
            if number % ROWS_A_REFRESH == 0:
                self.progress.update(task, completed=self.file.position, total=self.file.size or None)


@contextmanager
def _progress(file: RowFile) -> Iterator[_Bar]:
    console = output.notices()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress, file)


def _print_tally(form: Format, read: str, written: str, target: Path, digest: str, tally: Tally) -> None:
    data = {"from": read, "to": written, "target": str(target), "sha256": digest, **tally.to_json()}
    if target != STANDARD:
        output.print_data(form, data)
        return
    notices = output.notices()  # Standard output is the data's.
    for problem, count in tally.left_out.items():
        notices.print(f"left out {count:,} rows: {problem}", markup=False)
    notices.print(f"{tally.written:,} of {tally.read:,} rows written, {read} to {written}", markup=False)


def _print_problems(data: dict[str, Any]) -> None:
    console = output.console()
    if data["problems"]:
        console.print(output.table(data["problems"], ("line", "field", "kind", "problem")))
    shown, count = len(data["problems"]), data["problem_count"]
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in data["counts"].items())
    more = f"; the first {shown:,} are shown" if shown < count else ""
    verdict = f"[red]{count:,} problems[/] ({kinds}){more}" if count else "[green]no problems[/]"
    console.print(f"{escape(data['file'])}: {data['rows']:,} rows of {data['format']}, {verdict}")


_STYLES = {"system": "dim", "user": "bold cyan", "assistant": "bold green", "tool": "bold yellow"}


def _print_conversation(trajectory: Trajectory) -> None:
    console = output.console()
    offered = ", ".join(tool.name for tool in trajectory.tools) or "none"
    console.print(f"[bold]{escape(trajectory.id)}[/]  [dim]tools: {escape(offered)}[/]")
    origin = trajectory.provenance
    facts = {"category": origin.category, "teacher": origin.teacher, "scenario": origin.scenario_id}
    stated = "  ".join(f"{name}: {value}" for name, value in facts.items() if value)
    if stated:
        console.print(f"[dim]{escape(stated)}[/]")
    for message in trajectory.messages:
        for part in _parts(message):
            console.print(part)
    console.print()


def _parts(message: Message) -> Iterator[str]:
    """A message as lines of markup, its calls in the way that a program would write them."""
    import json

    style, name = _STYLES[message.role], f" {escape(message.name)}" if message.name else ""
    head = f"[{style}]{message.role}{name}[/]"
    if message.reasoning:
        yield f"{head} [dim italic]{escape(message.reasoning)}[/]"
    if message.content or not (message.tool_calls or message.reasoning):
        yield f"{head} {escape(message.content)}"
    for call in message.tool_calls:
        arguments = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in call.arguments.items())
        yield f"{head} -> {escape(call.name)}({escape(arguments)})"
