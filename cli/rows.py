"""Files of training data as arguments of commands: which file, in which format, and which of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spiritsafe.errors import FailedPrecondition

if TYPE_CHECKING:
    from distill.trajectories.reading import Reading
    from distill.trajectories.types import Trajectory


class FormatName(StrEnum):
    """The formats of training data."""

    CANONICAL = "canonical"
    ERTAS = "ertas"
    HUGGINGFACE = "huggingface"
    OPENAI = "openai"
    XLAM_60K = "xlam-60k"
    APIGEN_MT = "apigen-mt"
    BFCL = "bfcl"


SourceArgument = Annotated[
    Path, typer.Argument(help="JSON Lines, a JSON array or Parquet; - for standard input.", allow_dash=True)
]
FromOption = Annotated[
    FormatName | None, typer.Option("--from", help="Format of the file; told from its first rows unless named.")
]


def open_reading(source: Path, name: FormatName | None) -> Reading:
    """The rows of a file, in the named format or in the one that its first rows tell."""
    from distill.trajectories.formats.table import FORMATS
    from distill.trajectories.reading import open_rows

    return open_rows(source, FORMATS[name] if name else None)


@contextmanager
def refusals() -> Iterator[None]:
    """Rows that cannot be read or written as errors of a command."""
    from distill.trajectories.rows import TrajectoryError

    try:
        yield
    except TrajectoryError as error:
        fits = error.kind != "inexpressible"
        raise FailedPrecondition(
            str(error),
            reason="MALFORMED_ROW" if fits else "INEXPRESSIBLE_ROW",
            remedy="`spiritsafe data validate` lists all problems of the file"
            if fits
            else "choose another --to, leave something out with --drop, or such rows with --skip",
            metadata={"file": str(error.path), "line": str(error.line), "field": error.field, "kind": error.kind},
        ) from error


def chosen(reading: Reading, row_id: str, line: int, limit: int) -> list[Trajectory]:
    """At most ``limit`` rows from a line on. Others are read for their ids only if one is looked for."""
    from distill.trajectories.formats.base import read_row
    from distill.trajectories.rows import FieldError

    found: list[Trajectory] = []
    with refusals():
        for number, row in reading.rows:
            if number < line:
                continue
            try:
                if isinstance(row, FieldError):
                    raise row
                trajectory = read_row(reading.form, row, reading.source(number))
            except FieldError as error:
                if row_id:
                    continue
                raise error.at(reading.file.path, number) from error
            if row_id in ("", trajectory.id):
                found.append(trajectory)
            if len(found) == limit:
                break
    return found
