"""``spiritsafe data`` on files: what it writes, prints and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.data import Drop, FormatName
from distill.trajectories.formats.table import FORMATS
from tests.cli.conftest import Command

XLAM = {
    "id": 40000,
    "query": "Weather in Zürich?",
    "answers": '[{"name": "weather", "arguments": {"city": "Z\\u00fcrich"}}]',
    "tools": '[{"name": "weather", "description": "d", "parameters": {"city": {"description": "c", "type": "str"}}}]',
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TALK: dict[str, Any] = {
    "id": "talk-1",
    "messages": [
        {"role": "system", "content": "Be [brief]."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "reasoning": "Where?",
            "content": "I look.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "4 °C"},
        {"role": "assistant", "content": "Four degrees."},
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_options_name_every_format() -> None:
    assert [one.value for one in FormatName] == list(FORMATS)
    assert [one.value for one in Drop] == ["provenance", "reasoning", "call-ids"]


def test_there_and_back_is_the_same_file(spiritsafe: Command, tmp_path: Path) -> None:
    source, there, back = write(tmp_path / "x.jsonl", XLAM), tmp_path / "c.jsonl", tmp_path / "b.jsonl"
    done = spiritsafe("data", "convert", source, there, "--format", "json")
    assert done.code == exits.DONE, done.err
    assert (done.data["from"], done.data["to"], done.data["written"]) == ("xlam-60k", "canonical", 1)
    row = json.loads(there.read_text())
    assert row["provenance"]["teacher"] == "mistralai/Mixtral-8x22B-Instruct-v0.1"
    assert row["provenance"]["source"] == {"format": "xlam-60k", "file": "x.jsonl", "line": 1}
    assert spiritsafe("data", "convert", there, back, "--to", "xlam-60k").code == exits.DONE
    assert back.read_bytes() == source.read_bytes()


def test_files_are_not_replaced_unless_told(spiritsafe: Command, tmp_path: Path) -> None:
    source, target = write(tmp_path / "x.jsonl", XLAM), tmp_path / "out.jsonl"
    target.write_text("mine")
    done = spiritsafe("data", "convert", source, target, "--format", "json")
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "target")
    assert target.read_text() == "mine"
    assert spiritsafe("data", "convert", source, target, "--force").code == exits.DONE
    assert spiritsafe("data", "convert", source, tmp_path / "no" / "out").code == exits.USAGE


def test_a_failed_conversion_leaves_nothing(spiritsafe: Command, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    source = write(folder / "t.jsonl", TALK, {"messages": []})
    done = spiritsafe("data", "convert", source, folder / "out.jsonl", "--format", "json")
    assert (done.code, done.error["reason"]) == (exits.FAILED, "MALFORMED_ROW")
    assert done.error["metadata"] == {"file": str(source), "line": "2", "field": "messages", "kind": "malformed"}
    done = spiritsafe("data", "convert", source, folder / "out.jsonl", "--to", "xlam-60k")
    assert (done.code, "--skip" in done.err) == (exits.FAILED, True)
    assert list(folder.iterdir()) == [source]


def test_standard_input_and_output() -> None:
    command = [sys.executable, "-m", "cli.main", "data", "convert", "-", "--to", "openai", "--drop", "reasoning"]
    done = subprocess.run(command, input=json.dumps(TALK).encode(), capture_output=True, check=True)
    row = json.loads(done.stdout)
    assert row["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"city": "Oslo"}'
    assert "reasoning" not in row["messages"][2]
    assert b"1 of 1 rows written, huggingface to openai" in done.stderr


def test_questions_get_their_answers(spiritsafe: Command, tmp_path: Path) -> None:
    question = {"id": "simple_python_0", "question": [[{"role": "user", "content": "q"}]]}
    answer = {"id": "simple_python_0", "ground_truth": [{"f": {"a": [1, ""]}}]}
    source, answers = write(tmp_path / "q.json", question), write(tmp_path / "a.json", answer)
    there, back = tmp_path / "c.jsonl", tmp_path / "b.jsonl"
    assert spiritsafe("data", "convert", source, there, "--answers", answers).code == exits.DONE
    row = json.loads(there.read_text())
    assert row["provenance"]["category"] == "simple_python"
    assert row["provenance"]["remainders"]["bfcl"]["columns"] == {"ground_truth": answer["ground_truth"]}
    assert spiritsafe("data", "convert", there, back, "--to", "bfcl").code == exits.DONE
    assert json.loads(back.read_text()) == {**question, **answer}
    done = spiritsafe("data", "convert", source, tmp_path / "d", "--answers", write(tmp_path / "e.json"))
    assert done.code == exits.FAILED
    assert "the answers have no row 'simple_python_0'" in done.err


def test_problems_are_listed(spiritsafe: Command, tmp_path: Path) -> None:
    broken = {**TALK, "messages": TALK["messages"][:3] + TALK["messages"][4:], "tools": []}
    source = write(tmp_path / "t.jsonl", TALK, broken)
    done = spiritsafe("data", "validate", source, "--format", "json")
    assert done.code == exits.FAILED
    assert done.data["counts"] == {"duplicate_id": 1, "unanswered_call": 1, "unknown_tool": 1}
    assert [one["line"] for one in done.data["problems"]] == [2, 2, 2]
    told = spiritsafe("data", "validate", source, "--limit", "1")
    assert (told.code, "3 problems" in told.out, "the first 1 are shown" in " ".join(told.out.split())) == (
        exits.FAILED,
        True,
        True,
    )
    good = spiritsafe("data", "validate", write(tmp_path / "g.jsonl", TALK))
    assert (good.code, "1 rows of huggingface, no problems" in good.out) == (exits.DONE, True)


def test_conversations_are_shown(spiritsafe: Command, tmp_path: Path) -> None:
    source = write(tmp_path / "t.jsonl", {**TALK, "id": "talk-0"}, TALK)
    done = spiritsafe("data", "show", source, "--id", "talk-1")
    assert done.code == exits.DONE
    assert done.out.splitlines()[:8] == [
        "talk-1  tools: weather",
        "system Be [brief].",
        "user Weather?",
        "assistant Where?",
        "assistant I look.",
        'assistant -> weather(city="Oslo")',
        "tool weather 4 °C",
        "assistant Four degrees.",
    ]
    (row,) = spiritsafe("data", "show", source, "--line", "2", "--format", "json").data["trajectories"]
    assert (row["id"], len(row["messages"])) == ("talk-1", 5)
    assert spiritsafe("data", "show", source, "--id", "nobody").code == exits.USAGE


def test_rows_are_counted(spiritsafe: Command, tmp_path: Path) -> None:
    source = write(tmp_path / "t.jsonl", TALK, {**TALK, "id": "talk-2"})
    data = spiritsafe("data", "stats", source, "--format", "json").data
    assert (data["rows"], data["calls"], data["called"]) == (2, 2, {"weather": 2})
    assert "characters" in spiritsafe("data", "stats", source).out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "nowhere.jsonl"), "UNREADABLE_FILE"),
        (("stats", "text.jsonl"), "UNKNOWN_FORMAT"),
        (("stats", "text.jsonl", "--from", "ertas"), "MALFORMED_ROW"),
    ],
)
def test_refusals_say_what_to_do(
    spiritsafe: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "text.jsonl", {"text": "hi"})
    assert spiritsafe("data", *arguments, "--format", "json").error["reason"] == reason
