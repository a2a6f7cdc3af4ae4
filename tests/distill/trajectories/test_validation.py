"""Every problem of training data is named by line, field and kind, in the words of its own format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from distill.trajectories.formats.table import FORMATS
from distill.trajectories.rows import FieldError, Row
from distill.trajectories.validation import ValidationReport, validate_rows

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
TOOL = {"name": "f", "description": "d", "parameters": SCHEMA}
USER = {"role": "user", "content": "go"}
DONE = {"role": "assistant", "content": "Done."}
RESULT = {"role": "tool", "content": "1"}


def call(arguments: Any = None, name: str = "f", call_id: str = "") -> dict[str, Any]:
    function = {"name": name, "arguments": {"a": 1} if arguments is None else arguments}
    return {"id": call_id, "function": function} if call_id else {"function": function}


def answer(call_id: str) -> dict[str, Any]:
    return {**RESULT, "tool_call_id": call_id}


def said(speaker: str) -> Row:
    return {"conversations": [{"from": speaker, "value": "x"}]}


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def validated(name: str, *rows: Any, most: int = 100) -> ValidationReport:
    return validate_rows(FORMATS[name], "data.jsonl", enumerate(rows, start=1), most)


def problems(name: str, *rows: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.field) for one in validated(name, *rows).problems]


def chat(*messages: Any, tools: Any = (TOOL,)) -> Row:
    return {"messages": list(messages), "tools": list(tools)}


@pytest.mark.parametrize(
    "messages",
    [
        (USER, DONE),
        ({"role": "system", "content": "s"}, USER, calling(call()), RESULT, DONE, USER, DONE),
        (USER, calling(call(), call()), RESULT, RESULT, calling(call()), RESULT, DONE),
        (
            USER,
            calling(call(call_id="1"), call(call_id="2")),
            {**RESULT, "tool_call_id": "2"},
            {**RESULT, "tool_call_id": "1"},
        ),
        (USER, calling(call())),
        (USER, USER),
    ],
    ids=["answer", "two turns", "parallel", "ids in any order", "ends with a call", "prompt"],
)
def test_good_conversations_have_no_problems(messages: tuple[Any, ...]) -> None:
    assert problems("huggingface", chat(*messages)) == []


BAD: list[tuple[tuple[Any, ...], list[tuple[str, str]]]] = [
    (({"role": "bot"},), [("unknown_role", "messages[0].role")]),
    (([],), [("malformed", "messages[0]")]),
    ((USER, RESULT), [("orphan_observation", "messages[1]")]),
    ((USER, calling(call()), RESULT, RESULT), [("orphan_observation", "messages[3]")]),
    ((USER, calling(call()), {**RESULT, "name": "g"}), [("orphan_observation", "messages[2]")]),
    ((USER, calling(call()), USER, DONE), [("unanswered_call", "messages[1]")]),
    ((USER, calling(call(), call()), RESULT), [("unanswered_call", "messages[1]")]),
    ((DONE,), [("turn_out_of_order", "messages[0]")]),
    ((USER, DONE, DONE), [("turn_out_of_order", "messages[2]")]),
    ((USER, USER, DONE), [("turn_out_of_order", "messages[1]")]),
    (
        (USER, {"role": "system", "content": "s"}, DONE),
        [("turn_out_of_order", "messages[1]"), ("turn_out_of_order", "messages[2]")],
    ),
    ((USER, calling(call(name="g"))), [("unknown_tool", "messages[1].tool_calls[0]")]),
    ((USER, calling(call(), call({}))), [("invalid_arguments", "messages[1].tool_calls[1].arguments")]),
    ((USER, calling(call({"a": 1.0}))), [("invalid_arguments", "messages[1].tool_calls[0].arguments")]),
    ((USER, calling(call({"a": 1, "b": 2}))), [("invalid_arguments", "messages[1].tool_calls[0].arguments")]),
    ((USER, calling(call(call_id="1"), call(call_id="1"))), [("duplicate_call_id", "messages[1].tool_calls[1]")]),
    ((USER, {"role": "assistant", "content": "\ud83d"}), [("malformed", "messages[1]")]),
]


@pytest.mark.parametrize(("messages", "expected"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_each_problem_is_named(messages: tuple[Any, ...], expected: list[tuple[str, str]]) -> None:
    report = validated("huggingface", chat(USER, DONE), chat(*messages))
    assert [(one.kind, one.field) for one in report.problems] == expected
    assert all(one.line == 2 and ";" in one.problem for one in report.problems)  # what is wrong; what to do


def test_tools_are_checked_and_broken_ones_judge_no_calls() -> None:
    tools = [
        TOOL,
        TOOL,
        {"name": "g", "parameters": {"type": "dict"}},
        {"name": "h", "parameters": {"type": "object", "properties": {"a": {"type": "int"}}}},
    ]
    row = chat(USER, calling(call(name="g"), call(name="h")), tools=tools)
    assert problems("huggingface", row) == [
        ("duplicate_tool", "tools[1]"),
        ("invalid_schema", "tools[2].parameters"),
        ("invalid_schema", "tools[3].parameters"),
    ]


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/schema.json", "#/$defs/none", "file:///etc/passwd"])
def test_schemas_lead_nowhere_outside(reference: str) -> None:
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"$ref": reference}}}}
    (problem,) = validated("huggingface", chat(USER, calling(call()), tools=[tool])).problems
    assert (problem.kind, "cannot be applied" in problem.problem) == ("invalid_arguments", True)


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        (
            "xlam-60k",
            {
                "id": 1,
                "query": "q",
                "answers": json.dumps([{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": "1"}}]),
                "tools": json.dumps([{"name": "f", "description": "", "parameters": {"a": {"type": "int"}}}]),
            },
            [("invalid_arguments", "answers[1].arguments")],
        ),
        ("xlam-60k", {"query": "q", "answers": "[{]", "tools": "[]"}, [("malformed", "answers")]),
        (
            "apigen-mt",
            {
                "system": "s",
                "conversations": [
                    {"from": "human", "value": "go"},
                    {"from": "gpt", "value": "I look."},
                    {"from": "function_call", "value": '{"name": "g", "arguments": {}}'},
                ],
                "tools": json.dumps([TOOL]),
            },
            [("unknown_tool", "conversations[2].value")],
        ),
        ("apigen-mt", {"conversations": [{"from": "bot", "value": ""}]}, [("unknown_role", "conversations[0].from")]),
        (
            "apigen-mt",
            {"conversations": [{"from": "observation", "value": ""}]},
            [("orphan_observation", "conversations[0]")],
        ),
        (
            "ertas",
            {
                "messages": [
                    USER,
                    {
                        "role": "tool_call",
                        "content": [{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {}}],
                    },
                    {"role": "tool_observation", "content": "1"},
                ],
                "tools": [TOOL],
            },
            [("unanswered_call", "messages[1]"), ("invalid_arguments", "messages[1].content[1].arguments")],
        ),
        (
            "bfcl",
            {
                "id": "simple_python_1",
                "question": [[DONE, USER]],
                "function": [{"name": "f", "parameters": {"type": 3}}],
            },
            [("invalid_schema", "function[0].parameters"), ("turn_out_of_order", "question[0][0]")],
        ),
    ],
)
def test_fields_are_the_formats_own(name: str, row: Row, expected: list[tuple[str, str]]) -> None:
    assert problems(name, row) == expected


def test_ids_that_stand_twice_name_the_first() -> None:
    rows = [{"id": name, **chat(USER, DONE)} for name in ("a", "b", "a", "c", "b", "a")]
    report = validated("huggingface", *rows)
    assert [(one.line, one.problem.split(";")[0]) for one in report.problems] == [
        (3, "the id of this row stands in line 1 already"),
        (5, "the id of this row stands in line 2 already"),
        (6, "the id of this row stands in line 1 already"),
    ]


def test_all_are_counted_and_the_first_are_kept() -> None:
    broken = FieldError("the line", "not JSON; correct it")
    twice = {"id": "x", **chat(USER, DONE)}
    report = validated("huggingface", *[broken] * 5, *[twice] * 9, chat(RESULT), most=8)
    assert report.rows == 15
    assert report.counts == {"malformed": 5, "duplicate_id": 8, "orphan_observation": 1}
    assert [one.line for one in report.problems] == [1, 2, 3, 4, 5, 7, 8, 9]
    assert report.to_json()["problem_count"] == 14
