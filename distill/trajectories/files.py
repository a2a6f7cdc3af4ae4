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
from typing import Any, BinaryIO, cast

from distill.trajectories.json_array import array_rows
from distill.trajectories.rows import FieldError, Row, numbered_rows
from distill.trajectories.types import JsonValue
from spiritsafe.errors import FailedPrecondition, InvalidArgument, Violation

STDIN = Path("-")
_PARQUET = b"PAR1"
_HEAD_BYTES = 1 << 12
_BATCH_ROWS = 256
_AS_TEXT = "write arguments, parameters and tools as JSON text in Parquet (`spiritsafe data convert` reads them)"

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
        parquet = _pyarrow_parquet()
        if self.path == STDIN:
            raise _unreadable("Parquet cannot be read from standard input; name the file")
        with parquet.ParquetFile(self.path) as file:
            for field in file.schema_arrow:
                _refuse_structs(field)
            self.position, self.size = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for row in batch.to_pylist():
                    self.position += 1
                    yield self.position, _row_of_arrow(row)


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


def _pyarrow_parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise FailedPrecondition(
            "reading Parquet needs pyarrow, which is not installed here",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[train]', or save the data as JSON Lines",
        ) from error
    return parquet


def _refuse_structs(field: Any) -> None:
    """Arrow gives every struct the keys of all rows: which of them an object had is lost, and so are its types."""
    from pyarrow import types

    if field.name in ("arguments", "parameters") and types.is_struct(field.type):
        raise _unreadable(
            f"the column holds {field.name} as an Arrow struct, which mixes the keys of all rows; {_AS_TEXT}"
        )
    for index in range(field.type.num_fields):
        _refuse_structs(field.type.field(index))


def _row_of_arrow(row: Row) -> Row | FieldError:
    """Nulls of structs are left out: Arrow writes them for whatever one row has and another has not."""
    try:
        return cast("Row", _json_of_arrow(cast("JsonValue", row)))
    except TypeError as error:
        return FieldError("the row", f"{error}; {_AS_TEXT}")


def _json_of_arrow(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _json_of_arrow(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_json_of_arrow(one) for one in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")
