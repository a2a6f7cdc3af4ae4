"""Trajectories from files of any format: the format named, or told from the first rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from distill.trajectories.files import Numbered, RowFile
from distill.trajectories.formats.base import Format, read_row
from distill.trajectories.formats.table import detect
from distill.trajectories.rows import FieldError
from distill.trajectories.types import Source, Trajectory
from spiritsafe.errors import InvalidArgument, Violation

_HEAD_ROWS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that is being read: its rows in order, from the first, once."""

    file: RowFile
    form: Format
    rows: Iterator[Numbered]

    def source(self, line: int) -> Source:
        """Where the row of this line comes from."""
        return Source(self.form.name, self.file.name, line)


def open_rows(path: Path, form: Format | None = None) -> Reading:
    """Open a file ("-" for standard input); without ``form`` its first rows tell the format.

    Raises:
        InvalidArgument: the file cannot be read, or no row tells the format.
    """
    file = RowFile(path)
    rows = iter(file)
    head = list(islice(rows, _HEAD_ROWS))
    form = form or detect(row for _, row in head if not isinstance(row, FieldError))
    if form is None:
        problem = f"no row of {file.name} tells its format" if head else f"{file.name} has no rows"
        raise InvalidArgument(
            problem,
            reason="UNKNOWN_FORMAT",
            remedy="name the format; `spiritsafe data convert --help` lists them",
            violations=(Violation("from", problem),),
        )
    return Reading(file, form, chain(head, rows))


def iterate_file(path: Path, form: Format | None = None) -> Iterator[Trajectory]:
    """The trajectories of a file, one at a time.

    Raises:
        InvalidArgument: as ``open_rows``.
        TrajectoryError: a row is malformed.
    """
    yield from trajectories(open_rows(path, form))


def trajectories(reading: Reading) -> Iterator[Trajectory]:
    """The same for a file that is open.

    Raises:
        TrajectoryError: a row is malformed.
    """
    for line, row in reading.rows:
        try:
            if isinstance(row, FieldError):
                raise row
            yield read_row(reading.form, row, reading.source(line))
        except FieldError as error:
            raise error.at(reading.file.path, line) from error
