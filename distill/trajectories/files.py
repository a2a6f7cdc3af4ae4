"""Files of rows, one row after the other: JSON Lines, one JSON array, or Parquet; from standard input as well.

Whatever the size of a file, what is in memory is a row of it, or a batch of rows of Parquet.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from distill.trajectories.json_array import array_rows
from distill.trajectories.rows import FieldError, Row, numbered_rows
from spiritsafe.errors import InvalidArgument, Violation

STDIN = Path("-")
_PARQUET = b"PAR1"
_HEAD_BYTES = 1 << 12

Numbered = tuple[int, Row | FieldError]


class RowFile:
    """The rows of a file with their numbers, or what is wrong with them.

    Lines count from 1; in an array a row's line is the one that it begins on, in Parquet it is the row's number.
    ``name`` is the file's without folders, ``position`` and ``size`` are bytes (rows in Parquet), size 0 if unknown.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = "stdin" if path == STDIN else path.name
        self.position = 0
        self.size = 0

    def __iter__(self) -> Iterator[Numbered]:
        """Read once from the beginning.

        Raises:
            InvalidArgument: the file cannot be opened, or its Parquet columns cannot be exact.
            FailedPrecondition: it is Parquet, and pyarrow is not installed.
        """
        with ExitStack() as stack:
            file = self._open(stack)
            head = file.peek(_HEAD_BYTES).removeprefix(codecs.BOM_UTF8)
            if head.startswith(_PARQUET):
                yield from self._parquet()
            elif head.lstrip().startswith(b"["):
                yield from array_rows(_Counted(file, self).read)
            else:
                yield from numbered_rows(_Counted(file, self))

    def _open(self, stack: ExitStack) -> io.BufferedReader:
        if self.path == STDIN:
            return cast("io.BufferedReader", sys.stdin.buffer)
        try:
            self.size = self.path.stat().st_size
            return stack.enter_context(self.path.open("rb"))
        except OSError as error:
            raise _unreadable(f"{self.path} cannot be read: {error.strerror}") from error

    def _parquet(self) -> Iterator[Numbered]:
        from distill.trajectories.parquet import open_parquet

        if self.path == STDIN:
            raise _unreadable("Parquet cannot be read from standard input; name the file")
        try:
            self.size, rows = open_parquet(self.path)
        except ValueError as error:
            raise _unreadable(f"{self.path} cannot be read: {error}") from error
        for self.position, row in enumerate(rows, start=1):
            yield self.position, row


class _Counted:
    """A file's lines or chunks, counting bytes."""

    def __init__(self, file: BinaryIO, counter: RowFile) -> None:
        self.file = file
        self.counter = counter

    def __iter__(self) -> Iterator[bytes]:
        for line in self.file:
            self.counter.position += len(line)
            yield line

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        self.counter.position += len(chunk)
        return chunk


def _unreadable(problem: str) -> InvalidArgument:
    return InvalidArgument(problem, reason="UNREADABLE_FILE", violations=(Violation("file", problem),))
