"""Rows from files: lines, arrays that are read in chunks, Parquet, and what is wrong with each."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.trajectories.arrow import arrow_safe
from distill.trajectories.files import RowFile
from distill.trajectories.formats.base import Inexpressible, read_row, write_row
from distill.trajectories.formats.table import FORMATS
from distill.trajectories.json_array import array_rows
from distill.trajectories.reading import iterate_file, open_rows
from distill.trajectories.rows import FieldError, Row, TrajectoryError
from distill.trajectories.types import Message, Source, ToolCall, ToolSpec, Trajectory
from spiritsafe.errors import InvalidArgument
from tests.distill.trajectories.formats.strategies import values


def found(text: str, chunk: int = 1 << 16) -> list[tuple[int, object]]:
    """The rows of an array that comes in chunks of so many bytes; problems as text."""
    file = io.BytesIO(text.encode())
    rows = array_rows(lambda size: file.read(min(size, chunk)))
    return [(line, row.problem if isinstance(row, FieldError) else row) for line, row in rows]


@given(st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), max_size=4), st.integers(1, 9), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_array_is_read_whatever_the_chunks(rows: list[Row], chunk: int, pretty: bool) -> None:
    # Half surrogate pairs are JSON escapes here, as in files.
    assert [row for _, row in found(json.dumps(rows, indent=2 if pretty else None), chunk)] == rows


def test_rows_of_an_array_have_the_line_that_they_begin_on() -> None:
    assert found('\ufeff[\n {"a": 1},\n\n {"b":\n 2} , {"c": 3}]\n', 3) == [(2, {"a": 1}), (4, {"b": 2}), (5, {"c": 3})]
    assert found("[]") == found(" [ ] ") == []


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('[{"a": 1, "a": 2}, {"b": 1}]', [(1, "not strict JSON: the key 'a' stands twice; correct it"), (1, {"b": 1})]),
        ('[{"a": NaN}, {"b": 1}]', [(1, "not strict JSON: NaN is not JSON; correct it"), (1, {"b": 1})]),
        ("[1, {}]", [(1, "it is no JSON object; write one object a row"), (1, {})]),
        ('[{"a": 1}\n{"b": 1}]', [(1, {"a": 1}), (2, "expected a comma or the end of the array; correct it")]),
        ('[{"a": 1}] x', [(1, {"a": 1}), (1, "text follows the array; write one array a file, or one row a line")]),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_what_is_wrong_in_an_array_is_told(text: str, rows: list[tuple[int, object]], chunk: int) -> None:
    assert found(text, chunk) == rows


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"b": "x', '[{"a": 1}, {"b" 1}, {}]', '[{"a": 1}, {"b": tru', '[{"a": 1}, ']
)
def test_after_what_is_no_json_nothing_is_read(text: str) -> None:
    for chunk in (1, 1000):
        first, (line, problem) = found(text, chunk)
        assert first == (1, {"a": 1})
        assert line == 1
        assert "no row after it can be read" in str(problem)


def test_bytes_that_are_no_text_are_named() -> None:
    file = io.BytesIO(b'[{"a": 1},\n{"a": "\xff"}]')
    *_, (line, problem) = array_rows(lambda _: file.read(10))
    assert isinstance(problem, FieldError)
    assert (line, problem.problem) == (2, "byte 0xff is not UTF-8; save the file as UTF-8")


@pytest.mark.parametrize(
    "content", ['{"a": 1}\n\n{"a": 2}\n', '[{"a": 1},\n\n{"a": 2}]', '\ufeff\n[{"a": 1},\n{"a": 2}]']
)
def test_lines_and_arrays_are_told_apart(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content, encoding="utf-8")
    file = RowFile(path)
    assert list(file) == [
        (content[: content.index(row)].count("\n") + 1, json.loads(row)) for row in ('{"a": 1}', '{"a": 2}')
    ]
    assert file.position == file.size == path.stat().st_size


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"data\.jsonl cannot be read: No such file"):
        open_rows(tmp_path / "data.jsonl")
    (tmp_path / "empty").write_text("")
    with pytest.raises(InvalidArgument, match="empty has no rows"):
        open_rows(tmp_path / "empty")
    (tmp_path / "other").write_text('{"text": "hi"}\n')
    with pytest.raises(InvalidArgument, match="no row of other tells its format"):
        open_rows(tmp_path / "other")


# What Arrow would spoil: keys that differ from row to row, integers beside floats and texts, large integers, null.
ARGUMENTS: list[dict[str, Any]] = [
    {"a": 1, "b": [1, 2.0, "x", None]},
    {"a": 1.5, "c": {"d": 2**70, "e": True}},
    {"a": "text", "n": None, "z": {}},
]
TRAJECTORIES = [
    Trajectory(
        f"row-{index}",
        (ToolSpec("f", "d", {"type": "object", "properties": {f"p{index}": {"default": value["a"]}}}),),
        (
            Message("user", "go"),
            Message("assistant", "", (ToolCall("f", value, f"c{index}"), ToolCall("f", {})), reasoning="hm"),
            Message("tool", "1", name="f", tool_call_id=f"c{index}"),
            Message("tool", "2", name="f"),
            Message("assistant", "Done."),
        ),
    )
    for index, value in enumerate(ARGUMENTS)
]


@pytest.mark.parametrize("name", ["canonical", "huggingface", "openai", "ertas"])
def test_parquet_keeps_arguments_exact(tmp_path: Path, name: str) -> None:
    path, form = tmp_path / "data.parquet", FORMATS[name]
    rows = [arrow_safe(form, write_row(form, one)) for one in TRAJECTORIES]
    pq.write_table(pa.Table.from_pylist(rows), path)
    read = list(iterate_file(path, form))
    assert [(one.id, one.tools, one.messages) for one in read] == [
        (one.id, one.tools, one.messages) for one in TRAJECTORIES
    ]
    assert json.dumps([dict(one.messages[1].tool_calls[0].arguments) for one in read]) == json.dumps(ARGUMENTS)


def test_the_dataset_libraries_own_parquet_keeps_them_too(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    form = FORMATS["huggingface"]
    rows = [arrow_safe(form, write_row(form, one)) for one in TRAJECTORIES]
    datasets.Dataset.from_list(rows).to_parquet(str(tmp_path / "data.parquet"))
    read = list(iterate_file(tmp_path / "data.parquet"))
    assert [one.messages for one in read] == [one.messages for one in TRAJECTORIES]


def test_structs_in_parquet_are_refused(tmp_path: Path) -> None:
    rows = [write_row(FORMATS["huggingface"], one) for one in TRAJECTORIES[:1]]
    del rows[0]["tools"]
    calls = rows[0]["messages"][1]["tool_calls"]  # type: ignore[index, call-overload]  # JSON
    for call in calls:  # type: ignore[union-attr]  # JSON
        call["function"]["arguments"] = {"a": 1}  # type: ignore[index, call-overload]  # JSON
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    with pytest.raises(InvalidArgument, match="its arguments are structs, which have the keys of all rows"):
        open_rows(tmp_path / "data.parquet")


def test_rows_of_xlam_are_natural_in_parquet(tmp_path: Path) -> None:
    rows = [{"id": 5, "query": "q", "answers": '[{"name": "f", "arguments": {"a": 1}}]', "tools": "[]"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    (read,) = iterate_file(tmp_path / "data.parquet")
    assert read.messages[1].tool_calls == (ToolCall("f", {"a": 1}),)
    assert write_row(FORMATS["xlam-60k"], read) == rows[0]


def test_a_value_that_json_has_not_is_a_problem_of_its_row(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"query": "a", "answers": "[]", "x": 1.0},
        {"query": "b", "answers": "[]", "x": float("nan")},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    with pytest.raises(TrajectoryError, match="line 2, the row: nan is no JSON value"):
        list(iterate_file(tmp_path / "data.parquet"))


def test_columns_that_arrow_would_mix_are_refused() -> None:
    form = FORMATS["huggingface"]
    row: Row = {"messages": [{"role": "user", "content": "hi"}], "meta": {"a": 1}}
    read = read_row(form, row, Source("huggingface", "f", 1))
    with pytest.raises(Inexpressible, match="meta: this column is no text"):
        arrow_safe(form, write_row(form, read))
