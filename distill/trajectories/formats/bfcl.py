"""BFCL v4's questions: ``{"id", "question": [[{"role", "content"}]], "function": [...]}``, one list of messages a turn.

A question is a prompt: its trajectory has no assistant turn but those that the question tells. What else a row has
(``initial_config``, ``involved_classes``, ``path``, ``missed_function`` of multi-turn categories, and ``ground_truth``
of the file ``possible_answer`` beside it) are columns of its remainder. BFCL writes types of several languages where
JSON schema has its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from distill.trajectories.calls import CallError, tool_from_json, tool_to_json
from distill.trajectories.formats.base import Content, Format, Inexpressible, Origin
from distill.trajectories.jsonl import message_from_json
from distill.trajectories.rows import FieldError, Row, list_field
from distill.trajectories.types import JsonValue, Message, ToolSpec

GROUND_TRUTH = "ground_truth"
_NUMBER = re.compile(r"_\d+(-\d+)*$")
_READ: Mapping[str, str] = {
    **dict.fromkeys(("dict", "HashMap", "Hashtable"), "object"),
    **dict.fromkeys(("float", "double"), "number"),
    **dict.fromkeys(("long", "short", "byte", "Integer", "bigint", "Bigint"), "integer"),
    **dict.fromkeys(("tuple", "Array", "ArrayList", "Set", "Queue", "Stack"), "array"),
    **dict.fromkeys(("String", "char"), "string"),
    "Boolean": "boolean",
}
_WRITTEN: Mapping[str, str] = {"object": "dict", "number": "float"}
_JSON_TYPES = frozenset(("object", "number", "integer", "array", "string", "boolean", "null"))


def join_answer(row: Row, answers: Mapping[str, Row]) -> Row:
    """The question with the columns of its row of ``possible_answer``, by id.

    Raises:
        FieldError: there is none.
    """
    answer = answers.get(str(row.get("id")))
    if answer is None:
        raise FieldError("id", f"the answers have no row {row.get('id')!r}; name the file of possible_answer beside it")
    return {**row, **answer}


def category(row_id: str) -> str:
    """The category that an id names: simple_python_12 is of simple_python, live_simple_3-2-0 of live_simple."""
    return _NUMBER.sub("", row_id)


def _origin(row: Row) -> Origin:
    found = row.get("id")
    return Origin(category=category(found) if isinstance(found, str) and _NUMBER.search(found) else "")


def _parse(row: Row) -> Content:
    turns = list_field(row, "question", "question")
    if not turns:
        raise FieldError("question", "there is none; write a list of turns, each a list of messages")
    messages = [
        _message(one, f"question[{turn}][{index}]")
        for turn, turn_messages in enumerate(turns)
        for index, one in enumerate(_turn(turn_messages, f"question[{turn}]"))
    ]
    return Content(tuple(_tools(row)), tuple(messages))


def _turn(value: JsonValue, field: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise FieldError(field, "expected a list of messages; write one list for each turn")
    return value


def _message(value: JsonValue, field: str) -> Message:
    if not isinstance(value, dict):
        raise FieldError(field, "expected an object; write role and content")
    return message_from_json(value, field)


def _tools(row: Row) -> list[ToolSpec]:
    tools = []
    for index, value in enumerate(list_field(row, "function", "function")):
        try:
            tool = tool_from_json(value)
        except CallError as error:
            raise FieldError(f"function[{index}]", f"{error}; correct this entry") from error
        tools.append(ToolSpec(tool.name, tool.description, _converted(dict(tool.parameters), _json_type)))
    return tools


def _json_type(schema: Row) -> Row:
    name = schema.get("type")
    if not isinstance(name, str) or name in _JSON_TYPES:
        return schema
    if name in _READ:
        return {**schema, "type": _READ[name]}
    return {key: value for key, value in schema.items() if key != "type"}  # "any", and none at all


def _bfcl_type(schema: Row) -> Row:
    name = schema.get("type")
    if name is None:
        return {"type": "any", **schema}
    return {**schema, "type": _WRITTEN.get(name, name)} if isinstance(name, str) else schema


def _converted(schema: Row, convert: Callable[[Row], Row]) -> Row:
    """The schema with the types of it and of its properties and items converted."""
    result = convert(schema)
    properties, items = result.get("properties"), result.get("items")
    if isinstance(properties, dict):
        inner = {key: _converted(one, convert) if isinstance(one, dict) else one for key, one in properties.items()}
        result = {**result, "properties": inner}
    return {**result, "items": _converted(items, convert)} if isinstance(items, dict) else result


def _render(content: Content) -> Row:
    """All messages as one turn where they begin or end otherwise than with the user's, else a turn a user message."""
    question: list[JsonValue] = []
    turn: list[JsonValue] = []
    for index, message in enumerate(content.messages):
        if message.tool_calls or message.role == "tool" or message.reasoning is not None:
            raise Inexpressible(
                f"messages[{index}]", "a question has no calls, results or reasoning; keep what stands before them"
            )
        turn.append({"role": message.role, "content": message.content})
        if message.role == "user":
            question.append(turn)
            turn = []
    question += [turn] if turn else []
    tools: list[JsonValue] = [
        {**tool_to_json(tool), "parameters": _converted(dict(tool.parameters), _bfcl_type)} for tool in content.tools
    ]
    return {"question": question, "function": tools} if tools else {"question": question}


def _place(row: Row, message: int, _call: int | None) -> str:
    turns = list_field(row, "question", "question")
    places = [(t, m) for t, turn in enumerate(turns) if isinstance(turn, list) for m in range(len(turn))]
    return "question[{}][{}]".format(*places[message])


BFCL = Format(
    name="bfcl",
    summary="BFCL v4: questions with functions, and ground_truth from possible_answer; prompts without answers",
    parse=_parse,
    render=_render,
    recognises=lambda row: isinstance(row.get("question"), list),
    origin=_origin,
    place=_place,
    tools_column="function",
    identified=True,
    json_columns=("question", "function"),
)
