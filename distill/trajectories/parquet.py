"""Rows of Parquet files as JSON values.

Arrow has one type for each field of all rows. Where an object has other keys from row to row, as arguments and JSON
schemas have, it gives every row all keys, with nulls, and may turn integers into floats. So such objects must be JSON
text, which the readers of all formats decode; files that have them as structs are refused, as what they held is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from distill.trajectories.rows import FieldError, Row
from distill.trajectories.types import JsonValue
from spiritsafe.errors import FailedPrecondition

_BATCH_ROWS = 256
_MIXED = ("arguments", "parameters", "properties")
_REMEDY = "write them as JSON text before they enter Arrow, as `spiritsafe data convert --arrow` does"


def open_parquet(path: Path) -> tuple[int, Iterator[Row | FieldError]]:
    """How many rows there are, and the rows, in batches.

    Raises:
        FailedPrecondition: pyarrow is not installed.
        ValueError: it is no Parquet file, or its columns cannot be exact.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise FailedPrecondition(
            "reading Parquet needs pyarrow, which is not installed here",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[train]', or save the data as JSON Lines",
        ) from error
    with parquet.ParquetFile(path) as file:
        for field in file.schema_arrow:
            _refuse_structs(field)
        count: int = file.metadata.num_rows
    return count, _rows(path)


def _rows(path: Path) -> Iterator[Row | FieldError]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield from map(_row, batch.to_pylist())


def _refuse_structs(field: Any) -> None:
    from pyarrow import types

    if field.name in _MIXED and types.is_struct(field.type):
        raise ValueError(f"its {field.name} are structs, which have the keys of all rows; {_REMEDY}")
    for index in range(field.type.num_fields):
        _refuse_structs(field.type.field(index))


def _row(row: Row) -> Row | FieldError:
    """Nulls of structs are left out: Arrow writes them for whatever one row has and another has not."""
    try:
        return cast("Row", _json(row))
    except TypeError as error:
        return FieldError("the row", f"{error}; {_REMEDY}")


def _json(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_json(one) for one in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise TypeError(f"{value!r} is no JSON value")
