"""Files from one format to another: what is counted, refused, left out; in constant memory."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from distill.trajectories.conversion import Conversion, Tally, convert
from distill.trajectories.formats.table import FORMATS
from distill.trajectories.reading import open_rows, trajectories
from distill.trajectories.rows import TrajectoryError, row_to_bytes, write_lines
from distill.trajectories.statistics import Distribution, statistics_of
from distill.trajectories.turns import named_results, numbered_calls
from distill.trajectories.types import Message, Provenance, ToolCall, ToolSpec, Trajectory
from distill.trajectories.validation import validate_rows
from tests.benchmarks.distill.formats import table

F, G = ToolCall("f", {"a": 1}), ToolCall("g", {})


def write(path: Path, *rows: Any) -> Path:
    write_lines(path, map(row_to_bytes, rows))
    return path


def chat(*messages: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "go"}, *messages], **columns}


def test_rows_without_a_place_are_refused_or_left_out(tmp_path: Path) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}
    path = write(tmp_path / "a.jsonl", chat(call), chat(call, {"role": "tool", "content": "1"}), chat(call))
    with pytest.raises(
        TrajectoryError, match=r"a\.jsonl, line 2, messages: there is room for one user message"
    ) as caught:
        list(convert(open_rows(path), Conversion(FORMATS["xlam-60k"]), Tally()))
    assert caught.value.kind == "inexpressible"
    tally = Tally()
    assert len(list(convert(open_rows(path), Conversion(FORMATS["xlam-60k"], skip=True), tally))) == 2
    assert (tally.read, tally.written, tally.left_out.total()) == (3, 2, 1)


def test_malformed_rows_are_never_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", chat(), {"messages": []}, chat({"role": "assistant", "content": "\\ud83d"}))
    path.write_bytes(path.read_bytes().replace(b"\\\\ud83d", b"\\ud83d"))
    for line, problem in ((2, "messages: there are none"), (2, "the row: it holds half a surrogate pair")):
        with pytest.raises(TrajectoryError, match=f"line {line}, {problem}"):
            list(convert(open_rows(path), Conversion(FORMATS["canonical"], skip=True), Tally()))
        path.write_bytes(b"\n".join(row for row in path.read_bytes().splitlines() if b"[]" not in row))


def test_what_is_dropped_is_dropped(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    thinks = {"role": "assistant", "reasoning": "hm", "content": None, "tool_calls": [call]}
    path = write(tmp_path / "a.jsonl", chat(thinks, {"role": "tool", "tool_call_id": "c1", "content": "1"}, id="one"))
    drop = Conversion(FORMATS["apigen-mt"], frozenset(("reasoning", "call-ids", "provenance")))
    (line,) = convert(open_rows(path), drop, Tally())
    assert line == row_to_bytes(
        {
            "conversations": [
                {"from": "human", "value": "go"},
                {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
                {"from": "observation", "value": "1"},
            ],
            "tools": "[]",
        }
    )


def test_calls_are_numbered_and_results_named() -> None:
    messages = (
        Message("user", "go"),
        Message("assistant", tool_calls=(F, ToolCall("g", {}, "call_1"), F)),
        Message("tool", "g", tool_call_id="call_1"),
        Message("tool", "1"),
        Message("tool", "2"),
        Message("assistant", tool_calls=(F,)),
    )
    assert [message.name for message in named_results(messages)[2:5]] == ["g", "f", "f"]
    numbered = numbered_calls(messages)
    assert [call.id for message in numbered for call in message.tool_calls] == ["call_2", "call_1", "call_3", "call_4"]
    assert [message.tool_call_id for message in numbered[2:5]] == ["call_1", "call_2", "call_3"]
    assert named_results((Message("tool", "x"),)) == (Message("tool", "x"),)


def test_statistics_count_what_rows_teach() -> None:
    tool = ToolSpec("f", "", {"type": "object"})
    rows = [
        Trajectory(
            "1", (tool,), (Message("user", "hello"), Message("assistant", "hi")), Provenance(category="no_call")
        ),
        Trajectory("2", (tool,), (Message("user", "go"), Message("assistant", tool_calls=(F, G), reasoning="hm"))),
        Trajectory("3", (), (Message("user", "a"), Message("user", "b"))),
    ]
    data = statistics_of(rows).to_json()
    assert data == {
        "rows": 3,
        "no_call_rows": 1,
        "parallel_rows": 1,
        "reasoning_rows": 1,
        "prompt_rows": 1,
        "unfinished_rows": 1,
        "no_call_share": 0.3333,
        "parallel_share": 0.3333,
        "calls": 2,
        "messages": {"user": 4, "assistant": 2},
        "categories": {"no_call": 1},
        "teachers": {},
        "distinct_tools": 1,
        "distinct_called": 2,
        "tools": {"f": 2},
        "called": {"f": 1, "g": 1},
        "user_turns": {"mean": 1.33, "p50": 1, "p90": 2, "max": 2},
        "tools_a_row": {"mean": 0.67, "p50": 1, "p90": 1, "max": 1},
        "calls_a_row": {"mean": 0.67, "p50": 0, "p90": 2, "max": 2},
        "characters": {"mean": 26.33, "p50": 7, "p90": 70, "max": 70},
    }
    assert Distribution().to_json() == {"mean": 0.0, "p50": 0, "p90": 0, "max": 0}


def peak(work: Iterable[object]) -> int:
    """Most bytes that Python held at once while these were gone through."""
    tracemalloc.start()
    deque(work, maxlen=0)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("array", [False, True])
def test_thirty_megabytes_stream(tmp_path: Path, array: bool) -> None:
    """What is held is the hundred rows that tell the format, a chunk, and 16 bytes for each row's id."""
    path = tmp_path / "large.json"
    row = row_to_bytes(chat({"role": "assistant", "content": "x" * 20_000}))
    lines = (row if not array else (b"," if index else b"[") + row for index in range(1500))
    write_lines(path, chain(lines, [b"]"] if array else []))
    assert path.stat().st_size > 30_000_000
    assert peak(convert(open_rows(path), Conversion(FORMATS["ertas"]), Tally())) < 4_000_000
    reading = open_rows(path)
    assert peak(validate_rows(reading.form, "x", rows).rows for rows in [reading.rows]) < 4_000_000
    assert peak(trajectories(open_rows(path))) < 4_000_000


def test_the_benchmark_runs(tmp_path: Path) -> None:
    assert table(tmp_path, 20).row_count == 9
