"""``spiritsafe teacher``, on local files and standard input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Command

CALL = '[{"name": "f", "arguments": {"a": 1}}]'
ROWS = [
    {"id": "a", "text": f"Sure: {CALL}"},
    {"id": 2, "text": "Hello – schön!"},
    {"id": None, "text": "[f(a=1"},
    {"text": '{"tool_calls": []}'},
]
READ = [
    {"id": "a", "calls": [{"name": "f", "arguments": {"a": 1}}], "error": None},
    {"id": 2, "calls": [], "error": None},
    {
        "id": None,
        "calls": None,
        "error": {"position": 0, "reason": "the list of calls is never closed; the text was cut off"},
    },
    {"id": None, "calls": [], "error": None},
]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.jsonl"
    file.write_text(f"\ufeff{LINES}\n", "utf-8")
    return file


def test_each_line_is_answered_by_one_in_order(spiritsafe: Command, outputs: Path) -> None:
    done = spiritsafe("teacher", "parse", outputs)
    assert done.code == 0
    assert [json.loads(line) for line in done.out.splitlines()] == READ
    assert done.err == "read 4: 1 with calls, 2 without, 1 malformed\n"


def test_for_people(spiritsafe: Command, outputs: Path) -> None:
    assert spiritsafe("teacher", "parse", outputs, "--format", "table").out.splitlines() == [
        "a: f(a=1)",
        "2: no call",
        "None: malformed at 0: the list of calls is never closed; the text was cut off",
        "None: no call",
    ]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input(spiritsafe: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode())))
    done = spiritsafe("teacher", "parse", *arguments)
    assert [json.loads(line) for line in done.out.splitlines()] == READ


def test_lines_are_answered_while_more_come() -> None:
    command = [sys.executable, "-m", "cli.main", "teacher", "parse"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for line, read in zip(LINES.encode().splitlines(keepends=True), READ, strict=True):
            process.stdin.write(line)
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == read
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": 1, "text": "a"', "not strict JSON"),
        ('["a"]', 'no object with a text under "text"'),
        ('{"id": 1}', 'no object with a text under "text"'),
        ('{"id": [1], "text": "a"}', "neither a text nor a number"),
        ('{"id": "\\ud800", "text": "a"}', "surrogates not allowed"),
        ('{"text": "a", "text": "b"}', "stands twice"),
    ],
)
def test_a_line_that_is_no_row_is_named(spiritsafe: Command, tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_text(f"{LINES}{line}\n{LINES}")
    done = spiritsafe("teacher", "parse", file)
    assert done.code == 2
    assert len(done.out.splitlines()) == 4
    error = " ".join(done.err.split())
    assert f"{file}, line 5: " in error
    assert problem in error
    assert 'What to do: write one object {"id", "text"} a line' in error


def test_bytes_that_are_no_text_are_named(spiritsafe: Command, tmp_path: Path) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_bytes(b'{"text": "\xff"}\n')
    assert "line 1: is not UTF-8 at byte 10" in " ".join(spiritsafe("teacher", "parse", file).err.split())


def test_a_missing_file_is_named(spiritsafe: Command, tmp_path: Path) -> None:
    done = spiritsafe("teacher", "parse", tmp_path / "none.jsonl")
    assert done.code == 2
    assert "No such file or directory" in done.err


TALK = {
    "id": "talk-1",
    "tools": [{"name": "weather", "description": "The forecast.", "parameters": {"type": "object", "properties": {}}}],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [{"name": "weather", "arguments": {}}]},
        {"role": "tool", "name": "weather", "content": "4 °C"},
        {"role": "assistant", "content": "Four degrees."},
    ],
}


@pytest.fixture
def talk(spiritsafe: Command, tmp_path: Path) -> Path:
    given, file = tmp_path / "given.json", tmp_path / "talk.jsonl"
    given.write_text(json.dumps([TALK]), "utf-8")
    assert spiritsafe("data", "convert", given, file, "--from", "huggingface").code == 0
    return file


def test_the_prompt_of_a_teacher_keeps_its_format_below_a_system_message(spiritsafe: Command, talk: Path) -> None:
    text = spiritsafe("teacher", "prompt", talk, "--family", "xlam2-qwen").out
    assert text.startswith("<|im_start|>system\nBe brief.\nYou have access to a set of tools.")
    assert text.endswith("<|im_start|>user\nWeather?<|im_end|><|im_start|>assistant\n\n")


def test_later_turns_have_what_went_before(spiritsafe: Command, talk: Path) -> None:
    done = spiritsafe("teacher", "prompt", talk, "--family", "xlam2-llama", "--turn", 2, "--format", "json")
    row = json.loads(done.out)
    assert [one["role"] for one in row["messages"]] == ["system", "user", "assistant", "ipython"]
    assert row["messages"][2]["content"] == '[{"name": "weather", "arguments": {}}]'
    assert (row["id"], row["prompt"].count("4 °C")) == ("talk-1", 1)


@pytest.mark.parametrize(
    ("arguments", "field"), [(["--turn", 4], "turn"), (["--id", "other"], "id"), (["--line", 2], "line")]
)
def test_a_prompt_that_there_is_not(spiritsafe: Command, talk: Path, arguments: list[object], field: str) -> None:
    refused = spiritsafe("teacher", "prompt", talk, "--family", "xlam", *arguments, "--format", "json")
    assert refused.code == exits.USAGE
    assert refused.error["violations"][0]["field"] == field
