"""Nothing is lost between the canonical form and any other: what a format can express comes back, both ways round."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.trajectories.formats.base import Inexpressible, read_row, write_row
from distill.trajectories.formats.table import FORMATS, detect
from distill.trajectories.patch import difference
from distill.trajectories.rows import Row
from distill.trajectories.types import Message, Provenance, Source, ToolCall, ToolSpec, Trajectory
from tests.distill.trajectories.formats.strategies import arguments, messages, texts, tools, trajectories, values

QUICK = settings(max_examples=25, deadline=None)
CHATS = ("canonical", "huggingface", "openai", "ertas")


def through_text(row: Row) -> Row:
    """As a file holds it."""
    read: Row = json.loads(json.dumps(row))
    return read


def there_and_back(name: str, trajectory: Trajectory) -> Trajectory:
    """Through a row of the format, but for the place that it was read from."""
    row = through_text(write_row(FORMATS[name], trajectory))
    read = read_row(FORMATS[name], row, Source(name, "file", 1))
    origin = trajectory.provenance.source
    assert read.provenance.source == (origin if origin or name == "canonical" else Source(name, "file", 1))
    return replace(read, provenance=replace(read.provenance, source=origin))


@pytest.mark.parametrize("name", CHATS)
@given(trajectories(messages()))
@QUICK
def test_conversations_come_back_from_chats(name: str, trajectory: Trajectory) -> None:
    assert there_and_back(name, trajectory) == trajectory


@given(trajectories(messages(reasoning=False, ids=False)))
@QUICK
def test_conversations_come_back_from_apigen_mt(trajectory: Trajectory) -> None:
    assert there_and_back("apigen-mt", trajectory) == trajectory


single = st.builds(
    lambda query, calls: (Message("user", query), Message("assistant", tool_calls=tuple(calls))),
    texts,
    st.lists(
        st.builds(ToolCall, st.text("ab", min_size=1, max_size=3), arguments, st.sampled_from(["", "x"])), max_size=3
    ),
)


@given(trajectories(single))
@QUICK
def test_single_turns_come_back_from_xlam(trajectory: Trajectory) -> None:
    assert there_and_back("xlam-60k", trajectory) == trajectory


prompts = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts), min_size=1, max_size=4)


@given(trajectories(prompts.map(tuple)))
@QUICK
def test_prompts_come_back_from_bfcl(trajectory: Trajectory) -> None:
    """Schemas too, but for a property that has no type, which BFCL writes as any."""
    assert there_and_back("bfcl", trajectory) == trajectory


@given(trajectories(messages(reasoning=False, ids=False)))
@QUICK
def test_a_row_that_went_through_every_format_is_the_same(trajectory: Trajectory) -> None:
    found = trajectory
    for name in (*CHATS, "apigen-mt", "openai", "canonical"):
        found = there_and_back(name, found)
    assert found == trajectory


# Rows as people have them, each with what only its format has.
ROWS: dict[str, list[dict[str, Any]]] = {
    "huggingface": [
        {
            "messages": [
                {"role": "developer", "content": "Be brief.", "weight": 0},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "go"}, {"type": "text", "text": "!"}],
                    "name": "ada",
                },
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "hm",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": {"a": 1, "b": 1.0, "c": True}},
                        },
                        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": {"a": [1, "1", None]}}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c2", "content": "2"},
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
                {"role": "assistant", "content": "Done.", "tool_calls": None},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}],
            "parallel_tool_calls": True,
            "provenance": "the web",
        },
        {"id": 17, "messages": [{"role": "user", "content": "hi"}, {"role": "assistant"}], "tools": "[]"},
    ],
    "openai": [
        {
            "messages": [
                {"role": "user", "content": "go"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1,"b":1.0}'}},
                        {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "1", "name": "f"},
                {"role": "tool", "tool_call_id": "c2", "content": "2"},
            ],
        }
    ],
    "ertas": [
        {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": "I look.", "note": 1},
                {"role": "tool_call", "content": '{"name": "f", "parameters": {"a": 1}}'},
                {"role": "tool_call", "content": {"id": "2", "name": "g", "arguments": "{}"}},
                {"role": "tool_observation", "content": {"ok": 1.0}},
                {"role": "tool_observation", "tool_call_id": "2", "content": 3},
                {"role": "assistant", "content": "Done."},
            ],
            "tools": json.dumps(
                [{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}]
            ),
            "split": "train",
        }
    ],
    "xlam-60k": [
        {
            "id": 33659,
            "query": "Wo?",
            "answers": '[{"name": "f", "arguments": {"x": "Z\\u00fcrich", "n": 3}}]',
            "tools": json.dumps(
                [
                    {
                        "name": "f",
                        "description": "d",
                        "parameters": {
                            "x": {"description": "d", "type": "str", "default": "a"},
                            "n": {"description": "d", "type": "int, optional", "default": 3, "required": False},
                            "h": {"type": "Callable[[float], float]", "description": "d"},
                            "l": {"type": "List[Union[int, float]]"},
                        },
                    }
                ]
            ),
        },
        {"id": "5", "query": "q", "answers": "[]", "tools": '[{"name":"g","parameters":{}}]', "score": 0.5},
    ],
    "apigen-mt": [
        {
            "system": "Be brief.",
            "conversations": [
                {"from": "human", "value": "go"},
                {"from": "function_call", "value": '{"name":"f","arguments":{"a":1}}'},
                {"from": "observation", "value": '{"ok":true}'},
                {"from": "gpt", "value": "Done.", "loss": True},
            ],
            "tools": '[{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{}}}}]',
        },
        {"system": "", "conversations": [{"from": "human", "value": "hi"}], "tools": []},
    ],
    "bfcl": [
        {
            "id": "live_simple_3-2-0",
            "question": [[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]],
            "function": [
                {
                    "name": "f.g",
                    "description": "d",
                    "parameters": {
                        "type": "dict",
                        "required": ["a"],
                        "properties": {
                            "a": {"type": "tuple", "items": {"type": "float"}},
                            "type": {"type": "any"},
                            "h": {"type": "HashMap"},
                        },
                    },
                }
            ],
            "ground_truth": [{"f.g": {"a": [[1.0, 2.0]]}}],
        },
        {
            "id": "multi_turn_miss_func_7",
            "question": [[{"role": "user", "content": "a"}], [], [{"role": "user", "content": "b"}]],
            "initial_config": {"GorillaFileSystem": {"root": {}}},
            "involved_classes": ["GorillaFileSystem"],
            "path": ["GorillaFileSystem.mv"],
            "missed_function": {"1": ["sort"]},
        },
    ],
    "canonical": [
        {
            "id": "one",
            "tools": [],
            "messages": [{"role": "user", "content": "hi", "mood": 3}, {"role": "tool", "content": "x"}],
            "provenance": {"scenario_id": "s", "category": "", "teacher": "", "sampling": {}, "verification": {}},
            "license": "mit",
        }
    ],
}
EACH = [pytest.param(name, row, id=f"{name} {index}") for name, rows in ROWS.items() for index, row in enumerate(rows)]


@pytest.mark.parametrize(("name", "row"), EACH)
def test_a_row_comes_back_as_it_was(name: str, row: Row) -> None:
    form = FORMATS[name]
    trajectory = read_row(form, row, Source(name, "data.jsonl", 3))
    canonical = FORMATS["canonical"]
    stored = read_row(canonical, through_text(write_row(canonical, trajectory)), Source("canonical", "c", 1))
    assert stored == trajectory
    assert difference(row, through_text(write_row(form, stored))) == ()


@pytest.mark.parametrize(("name", "row"), [one for one in EACH if not one.id.startswith(("huggingface", "canonical"))])
def test_a_row_comes_back_after_a_stay_in_a_chat(name: str, row: Row) -> None:
    trajectory = read_row(FORMATS[name], row, Source(name, "data.jsonl", 3))
    moved = there_and_back("huggingface", trajectory)
    assert moved == trajectory
    assert difference(row, through_text(write_row(FORMATS[name], moved))) == ()


@pytest.mark.parametrize(("name", "row"), [one for one in EACH if one.id != "huggingface 1"])
def test_the_format_of_a_row_is_told(name: str, row: Row) -> None:
    found = detect([row])
    assert found is not None
    assert found.name == name


@given(st.dictionaries(texts, values, max_size=3), st.sampled_from(["huggingface", "openai", "ertas", "apigen-mt"]))
@QUICK
def test_columns_that_nobody_knows_come_back(columns: Row, name: str) -> None:
    row: Row = {**columns, **ROWS[name][0]}
    trajectory = read_row(FORMATS[name], row, Source(name, "f", 1))
    assert difference(row, through_text(write_row(FORMATS[name], trajectory))) == ()


@given(tools())
@QUICK
def test_flattened_parameters_come_back(offered: tuple[ToolSpec, ...]) -> None:
    trajectory = Trajectory("1", offered, (Message("user", "q"), Message("assistant")))
    assert there_and_back("xlam-60k", trajectory).tools == offered


def test_a_row_that_was_edited_is_written_anew() -> None:
    """A patch belongs to the row that it was made for; columns belong to any."""
    form = FORMATS["huggingface"]
    read = read_row(form, ROWS["huggingface"][0], Source("huggingface", "f", 1))
    edited = replace(read, messages=read.messages[1:])
    row = write_row(form, edited)
    assert row["parallel_tool_calls"] is True
    assert row["messages"] == [
        {"role": "user", "content": "go!", "name": "ada"},
        *through_text(FORMATS["canonical"].render(read))["messages"][2:],  # type: ignore[arg-type, index, misc]  # a trajectory has what is rendered
    ]


def test_bare_rows_have_nothing_of_ours() -> None:
    provenance = Provenance("s1", "single", "teacher@1", {}, {"accepted": True})
    trajectory = Trajectory("7", (), (Message("user", "q"), Message("assistant")), provenance)
    assert write_row(FORMATS["openai"], trajectory, bare=True).keys() == {"messages"}
    assert write_row(FORMATS["xlam-60k"], trajectory, bare=True).keys() == {"id", "query", "answers", "tools"}
    assert write_row(FORMATS["openai"], trajectory).keys() == {"id", "messages", "provenance"}


CALL = Message("assistant", tool_calls=(ToolCall("f", {}, "c1"),))
USER = Message("user", "q")


@pytest.mark.parametrize(
    ("name", "conversation", "field", "problem"),
    [
        ("xlam-60k", (USER, CALL, Message("tool", "1", name="f"), Message("assistant", "x")), "messages", "4 messages"),
        ("xlam-60k", (Message("system", "s"), CALL), "messages", "one user message and one turn of calls"),
        ("xlam-60k", (USER, Message("assistant", "I call.")), "messages[1].content", "calls only"),
        ("xlam-60k", (USER, replace(CALL, reasoning="")), "messages[1].reasoning", "calls only"),
        (
            "apigen-mt",
            (USER, Message("assistant", "x", reasoning="hm")),
            "messages[1].reasoning",
            "no place for reasoning",
        ),
        ("apigen-mt", (USER, Message("system", "s")), "messages[1]", "only stand first"),
        (
            "apigen-mt",
            (USER, CALL, Message("tool", "1", name="f", tool_call_id="c1")),
            "messages[2].tool_call_id",
            "ids",
        ),
        ("apigen-mt", (Message("system", ""), USER), "messages[0]", "something else"),
        ("bfcl", (USER, CALL), "messages[1]", "no calls, results or reasoning"),
        ("ertas", (USER, Message("assistant", "x"), CALL), "messages[1]", "something else"),
        ("ertas", (USER, CALL, CALL), "messages[1]", "something else"),
    ],
)
def test_what_a_format_has_no_place_for_is_an_error(
    name: str, conversation: tuple[Message, ...], field: str, problem: str
) -> None:
    with pytest.raises(Inexpressible) as caught:
        write_row(FORMATS[name], Trajectory("1", (), conversation))
    assert (caught.value.field, caught.value.kind) == (field, "inexpressible")
    assert problem in caught.value.problem
