"""The canonical JSONL form."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.trajectories.jsonl import (
    read_trajectories,
    trajectory_from_json,
    trajectory_to_json,
    write_trajectories,
)
from distill.trajectories.rows import TrajectoryError
from distill.trajectories.types import Message, Provenance, ToolCall, ToolSpec, Trajectory

TOOL = ToolSpec("f", "Does f.", {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}})
FULL = Trajectory(
    id="one",
    tools=(TOOL,),
    messages=(
        Message("system", "Be brief."),
        Message("user", "Ünï"),
        Message("assistant", "I call.", (ToolCall("f", {"z": 1, "a": "x"}), ToolCall("f", {})), reasoning="hm"),
        Message("tool", '{"ok": true}', name="f"),
        Message("assistant", "Done."),
    ),
    provenance=Provenance("s1", "single", "teacher@1", {"temperature": 0.5}, {"accepted": True}),
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text("abc_", min_size=1, max_size=5)
scalars = st.none() | st.booleans() | st.integers() | texts
trajectories = st.builds(
    Trajectory,
    texts,
    st.just((TOOL,)),
    st.lists(
        st.builds(
            Message,
            st.sampled_from(["system", "user", "assistant", "tool"]),
            texts,
            st.lists(st.builds(ToolCall, names, st.dictionaries(texts, scalars, max_size=3)), max_size=2).map(tuple),
            st.none() | texts,
            st.none() | texts,
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    st.builds(Provenance, texts, texts, texts, st.dictionaries(texts, scalars, max_size=2)),
)


@given(trajectories)
def test_round_trip(trajectory: Trajectory) -> None:
    row = json.loads(json.dumps(trajectory_to_json(trajectory)))
    assert trajectory_from_json(row) == trajectory


def test_a_file_is_complete_digested_and_reproducible(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    digest = write_trajectories(path, [FULL, FULL])
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_trajectories(path) == [FULL, FULL]
    assert write_trajectories(tmp_path / "again.jsonl", read_trajectories(path)) == digest
    assert list(read_trajectories(path)[0].messages[2].tool_calls[0].arguments) == ["z", "a"]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "again.jsonl", path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    digest = write_trajectories(path, [FULL])
    broken = Trajectory("x", (), (Message("user", "\ud800"),))
    with pytest.raises(UnicodeEncodeError):
        write_trajectories(path, [FULL, broken])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert list(tmp_path.iterdir()) == [path]


def test_null_content_is_read_as_empty() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"z": 1}'}}
    row = {"id": "x", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    assert trajectory_from_json(row).messages == (Message("assistant", "", (ToolCall("f", {"z": 1}),)),)  # type: ignore[arg-type]  # JSON


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        ("{", "the line", "not strict JSON"),
        ("[]", "the line", "no JSON object"),
        ("{}", "id", "expected a text, found nothing"),
        ('{"id": "x"}', "messages", "write at least a user"),
        ('{"id": "x", "messages": 3}', "messages", "expected a list, found a number"),
        ('{"id": "x", "messages": ["hi"]}', "messages[0]", "expected an object, found a text"),
        ('{"id": "x", "messages": [{"role": "bot"}]}', "messages[0].role", "use one of: system"),
        ('{"id": "x", "messages": [{"role": "user", "content": []}]}', "messages[0].content", "found a list"),
        (
            '{"id": "x", "messages": [{"role": "assistant", "tool_calls": [{"name": "f"}]}]}',
            "messages[0].tool_calls[0]",
            "correct this entry",
        ),
        ('{"id": "x", "tools": [{}], "messages": [{"role": "user"}]}', "tools[0]", "object with a name"),
        ('{"id": "x", "provenance": true, "messages": [{"role": "user"}]}', "provenance", "found true or false"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, field: str, problem: str) -> None:
    path = tmp_path / "rows.jsonl"
    write_trajectories(path, [FULL])
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(TrajectoryError) as caught:
        read_trajectories(path)
    assert (caught.value.path, caught.value.line, caught.value.field) == (path, 3, field)
    assert str(caught.value).startswith(f"{path}, line 3, {field}: ")
    assert problem in caught.value.problem


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(TrajectoryError, match="line 1, the line: byte 8 is not UTF-8"):
        read_trajectories(path)
