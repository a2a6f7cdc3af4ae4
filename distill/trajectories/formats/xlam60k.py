"""xlam-function-calling-60k: ``{"id", "query", "answers", "tools"}``, answers and tools as JSON text.

One question and one turn of calls (an empty list where nothing is called). The dataset's card says who wrote a row: ids
up to 33658 DeepSeek-V2-Chat, the others up to 59999 Mixtral-8x22B.
"""

from __future__ import annotations

from distill.trajectories.calls import CallError, chat_call_from_json, tool_from_json
from distill.trajectories.formats.base import Content, Format, Inexpressible, Origin
from distill.trajectories.formats.entries import identified_call
from distill.trajectories.formats.python_types import flattened, is_schema, schema_of
from distill.trajectories.rows import FieldError, Row, decode_list, list_field, object_field, text_field
from distill.trajectories.types import JsonValue, Message, ToolSpec

_GENERATORS = ((33658, "deepseek-ai/DeepSeek-V2-Chat"), (59999, "mistralai/Mixtral-8x22B-Instruct-v0.1"))


def generator(row_id: int) -> str:
    """The model (on the Hugging Face hub) that wrote the row with this id, empty for an id that the dataset has not."""
    return next((name for last, name in _GENERATORS if 0 <= row_id <= last), "")


def _origin(row: Row) -> Origin:
    found = row.get("id")
    if isinstance(found, str) and found.isascii() and found.isdigit():
        found = int(found)
    return Origin(teacher=generator(found) if isinstance(found, int) and not isinstance(found, bool) else "")


def _parse(row: Row) -> Content:
    query = text_field(row, "query", "query")
    if "answers" not in row:
        raise FieldError("answers", "it is missing; write the calls as JSON text, [] where nothing is called")
    calls = decode_list(list_field(row, "answers", "answers"), "answers", chat_call_from_json)
    tools = tuple(_tool(one, f"tools[{index}]") for index, one in enumerate(list_field(row, "tools", "tools")))
    return Content(tools, (Message("user", query), Message("assistant", tool_calls=calls)))


def _tool(value: JsonValue, field: str) -> ToolSpec:
    if isinstance(value, dict) and "function" not in value:
        parameters = object_field(value, "parameters", f"{field}.parameters")
        if not is_schema(parameters):
            value = {**value, "parameters": schema_of(parameters, f"{field}.parameters")}
    try:
        return tool_from_json(value)
    except CallError as error:
        raise FieldError(field, f"{error}; correct this entry") from error


def _render(content: Content) -> Row:
    if [message.role for message in content.messages] != ["user", "assistant"]:
        raise Inexpressible(
            "messages",
            f"there is room for one user message and one turn of calls, and here are {len(content.messages)} messages; "
            "choose a format of conversations, such as huggingface",
        )
    query, answer = content.messages
    if answer.content or answer.reasoning is not None:
        field = "content" if answer.content else "reasoning"
        raise Inexpressible(f"messages[1].{field}", "there is room for calls only; choose a format of conversations")
    answers = [identified_call(call) for call in answer.tool_calls]
    tools: list[JsonValue] = [
        {"name": tool.name, "description": tool.description, "parameters": flattened(dict(tool.parameters))}
        for tool in content.tools
    ]
    return {"query": query.content, "answers": answers, "tools": tools}


def _place(_row: Row, message: int, call: int | None) -> str:
    return ("query", "answers")[message] if call is None else f"answers[{call}]"


XLAM60K = Format(
    name="xlam-60k",
    summary="xlam-function-calling-60k: query, answers and tools, one turn a row",
    parse=_parse,
    render=_render,
    recognises=lambda row: "query" in row and "answers" in row,
    origin=_origin,
    place=_place,
    json_columns=("answers", "tools"),
    packed=frozenset(("answers", "tools")),
    numbered=True,
    identified=True,
)
