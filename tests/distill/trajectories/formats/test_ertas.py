"""Ertas Studio's JSONL: liberal reading, plain writing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from distill.environments.base import Category
from distill.environments.gold import gold_trajectories, write_gold
from distill.environments.support_desk.scenarios import generate
from distill.trajectories.formats.base import Content, unpacked
from distill.trajectories.formats.ertas import ERTAS, read_ertas, write_ertas
from distill.trajectories.rows import TrajectoryError
from distill.trajectories.turns import calls_in
from distill.trajectories.types import JsonValue, Message, ToolCall, ToolSpec, Trajectory

F = ToolCall("f", {"a": 1})
G = ToolCall("g", {})
USER: dict[str, JsonValue] = {"role": "user", "content": "go"}
TOOL = ToolSpec("f", "Does f.", {"type": "object", "properties": {"a": {"type": "integer"}}})


def _read(*messages: dict[str, JsonValue], **fields: JsonValue) -> Content:
    row: dict[str, JsonValue] = {"messages": list(messages), **fields}
    return ERTAS.parse(unpacked(ERTAS, json.loads(json.dumps(row))))


@pytest.mark.parametrize(
    "content",
    [
        {"name": "f", "arguments": {"a": 1}},
        [{"name": "f", "arguments": {"a": 1}}],
        '{"name": "f", "arguments": {"a": 1}}',
        '[{"name": "f", "parameters": "{\\"a\\": 1}"}]',
    ],
)
def test_a_call_may_be_an_object_a_list_or_a_string(content: JsonValue) -> None:
    trajectory = _read({"role": "user", "content": "go"}, {"role": "tool_call", "content": content})
    assert trajectory.messages == (Message("user", "go"), Message("assistant", tool_calls=(F,)))


def test_text_and_calls_of_one_turn_join_and_observations_get_their_names() -> None:
    trajectory = _read(
        {"role": "system", "content": "s"},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "I look."},
        {"role": "tool_call", "content": {"id": "1", "name": "f", "arguments": {"a": 1}}},
        {"role": "tool_call", "content": {"id": "2", "name": "g", "arguments": {}}},
        {"role": "tool_observation", "tool_call_id": "1", "content": {"ok": True}},
        {"role": "tool_observation", "name": "g", "content": "plain"},
        {"role": "tool_call", "content": {"name": "g", "arguments": {}}},
        {"role": "tool_observation", "content": [1, 2]},
        {"role": "assistant", "content": "Done."},
    )
    assert trajectory.messages == (
        Message("system", "s"),
        Message("user", "go"),
        Message("assistant", "I look.", (replace(F, id="1"), replace(G, id="2"))),
        Message("tool", '{"ok": true}', name="f", tool_call_id="1"),
        Message("tool", "plain", name="g"),
        Message("assistant", tool_calls=(G,)),
        Message("tool", "[1, 2]", name="g"),
        Message("assistant", "Done."),
    )


@pytest.mark.parametrize(
    "tools",
    [
        [{"name": "f", "description": "Does f.", "parameters": dict(TOOL.parameters)}],
        [
            {
                "type": "function",
                "function": {"name": "f", "description": "Does f.", "parameters": dict(TOOL.parameters)},
            }
        ],
        json.dumps([{"name": "f", "description": "Does f.", "parameters": dict(TOOL.parameters)}]),
    ],
)
def test_tools_may_be_bare_wrapped_or_a_string(tools: JsonValue) -> None:
    assert _read({"role": "user", "content": "go"}, tools=tools).tools == (TOOL,)


def test_round_trip_with_calls_written_as_objects(tmp_path: Path) -> None:
    trajectory = Trajectory(
        "file.jsonl:1",
        (TOOL,),
        (
            Message("user", "go"),
            Message("assistant", "Both.", (F, G)),
            Message("tool", '{"ok": true}', name="f"),
            Message("tool", "7", name="g"),
            Message("assistant", tool_calls=(F,)),
        ),
    )
    write_ertas(tmp_path / "file.jsonl", [trajectory])
    assert read_ertas(tmp_path / "file.jsonl") == [trajectory]
    messages = ERTAS.render(Content(trajectory.tools, trajectory.messages))["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages if isinstance(message, dict)] == [
        "user",
        "assistant",
        "tool_call",
        "tool_observation",
        "tool_observation",
        "tool_call",
    ]
    assert messages[3:] == [
        {"role": "tool_observation", "name": "f", "content": {"ok": True}},
        {"role": "tool_observation", "name": "g", "content": "7"},
        {"role": "tool_call", "content": {"name": "f", "arguments": {"a": 1}}},
    ]


@pytest.mark.parametrize("category", get_args(Category))
def test_gold_data_survives_the_format(tmp_path: Path, category: Category) -> None:
    scenarios = generate("train", category, 20, 2)
    digest = write_gold(tmp_path / "gold.jsonl", scenarios)
    assert digest == write_gold(tmp_path / "again.jsonl", scenarios)
    read = read_ertas(tmp_path / "gold.jsonl")
    gold = gold_trajectories(scenarios)
    assert [(row.tools, row.messages) for row in read] == [(row.tools, row.messages) for row in gold]
    assert [calls_in(row.messages) for row in read] == [scenario.gold_calls for scenario in scenarios]
    assert any(message.reasoning for row in read for message in row.messages) == (category == "reasoning")


@pytest.mark.parametrize(
    ("turn", "entries"),
    [
        (
            Message("assistant", tool_calls=(F,), reasoning="hm"),
            [{"role": "tool_call", "content": {"name": "f", "arguments": {"a": 1}}, "reasoning": "hm"}],
        ),
        (
            Message("assistant", "I look.", (F,), "hm"),
            [
                {"role": "assistant", "content": "I look.", "reasoning": "hm"},
                {"role": "tool_call", "content": {"name": "f", "arguments": {"a": 1}}},
            ],
        ),
        (Message("assistant", "Done.", reasoning="hm"), [{"role": "assistant", "content": "Done.", "reasoning": "hm"}]),
        (Message("assistant", reasoning="hm"), [{"role": "assistant", "content": "", "reasoning": "hm"}]),
    ],
    ids=["calls", "text and calls", "text", "nothing else"],
)
def test_reasoning_stands_once_in_the_first_message_of_its_turn(turn: Message, entries: list[JsonValue]) -> None:
    messages = (Message("user", "go"), turn)
    row = ERTAS.render(Content((), messages))
    assert row["messages"] == [{"role": "user", "content": "go"}, *entries]
    assert ERTAS.parse(json.loads(json.dumps(row))).messages == messages


def test_reasoning_beside_either_message_of_a_turn_is_read() -> None:
    said: dict[str, JsonValue] = {"role": "assistant", "content": "I look."}
    call: dict[str, JsonValue] = {"role": "tool_call", "content": {"name": "g", "arguments": {}}}
    for first, second, found in (("hm", None, "hm"), (None, "hm", "hm"), ("one", "two", "one"), (None, None, None)):
        assert _read(USER, {**said, "reasoning": first}, {**call, "reasoning": second}).messages[1:] == (
            Message("assistant", "I look.", (G,), found),
        )


@pytest.mark.parametrize(
    ("messages", "field", "problem"),
    [
        ([], "messages", "there are none"),
        ([{"content": "x"}], "messages[0].role", "expected a text, found nothing"),
        ([USER, {"role": "tool"}], "messages[1].role", "use one of: system, user, assistant, tool_call"),
        ([USER, {"role": "assistant"}], "messages[1].content", "expected a text"),
        ([USER, {"role": "tool_call"}], "messages[1].content", "it is missing; write"),
        ([USER, {"role": "tool_call", "content": []}], "messages[1].content", "holds no call"),
        ([USER, {"role": "tool_call", "content": "f(a=1)"}], "messages[1].content", "write the call as a JSON object"),
        ([USER, {"role": "tool_call", "content": {"name": "f"}}], "messages[1].content[0]", "arguments or parameters"),
        ([USER, {"role": "tool_observation", "content": "x"}], "messages[1]", "no tool_call before it"),
        (
            [
                {"role": "tool_call", "content": {"name": "f", "arguments": {}}},
                USER,
                {"role": "tool_observation", "content": "too late"},
            ],
            "messages[2]",
            "no tool_call before it",
        ),
        (
            [{"role": "tool_call", "content": {"name": "f", "arguments": {}}}, {"role": "tool_observation"}],
            "messages[1].content",
            "what the tool returned",
        ),
        (
            [
                {"role": "tool_call", "content": {"name": "f", "id": "1", "arguments": {}}},
                {"role": "tool_observation", "tool_call_id": "2", "content": ""},
            ],
            "messages[1].tool_call_id",
            "order of their calls",
        ),
        ([USER, {"role": "assistant", "content": "x", "reasoning": 3}], "messages[1].reasoning", "expected a text"),
        (
            [
                {"role": "tool_call", "content": {"name": "f", "arguments": {}}},
                {"role": "tool_observation", "name": "g", "content": ""},
            ],
            "messages[1].name",
            "expected 'f'",
        ),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, messages: list[JsonValue], field: str, problem: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"messages": [USER]}) + "\n" + json.dumps({"messages": messages}) + "\n")
    with pytest.raises(TrajectoryError) as caught:
        read_ertas(path)
    assert (caught.value.line, caught.value.field) == (2, field)
    assert problem in caught.value.problem
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"messages": [USER]}).encode() + b"\r\n")
    assert read_ertas(path) == [Trajectory("data.jsonl:1", (), (Message("user", "go"),))]
