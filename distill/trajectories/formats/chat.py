"""Chat messages with ``tool_calls``: the canonical form itself, Hugging Face's and OpenAI's.

They differ in what they write: Hugging Face's chat templates take arguments as a mapping and name a tool's result; the
OpenAI API has arguments as JSON text, null for the content of a turn that only calls, and results known by the id of
their call. All of them read all of that, also ``reasoning_content`` (vLLM, DeepSeek) for ``reasoning``, the role
``developer`` for ``system``, and content as a list of text parts.
"""

from __future__ import annotations

from dataclasses import replace

from distill.trajectories.calls import text_of, tool_from_json, tool_to_json
from distill.trajectories.formats.base import Content, Format
from distill.trajectories.jsonl import message_from_json, message_to_json
from distill.trajectories.rows import FieldError, Row, decode_list, list_field, message_rows
from distill.trajectories.turns import named_results
from distill.trajectories.types import JsonValue, Message, ToolSpec

_JSON_COLUMNS = ("messages", "tools")
_REASONING = ("reasoning", "reasoning_content")


def _parse(row: Row) -> Content:
    read = tuple(message_from_json(_plain(message, field), field) for field, message in message_rows(row))
    return Content(_tools(row), named_results(read))


def _parse_canonical(row: Row) -> Content:
    read = tuple(message_from_json(message, field) for field, message in message_rows(row))
    return Content(_tools(row), read)


def _tools(row: Row) -> tuple[ToolSpec, ...]:
    return decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json)


def _plain(message: Row, field: str) -> Row:
    """The message in the canonical form's words."""
    row = dict(message)
    if row.get("role") == "developer":
        row["role"] = "system"
    if isinstance(row.get("content"), list):
        row["content"] = "".join(
            _part(one, f"{field}.content[{i}]") for i, one in enumerate(list_field(row, "content", field))
        )
    row["reasoning"] = next((row[key] for key in _REASONING if row.get(key) is not None), None)
    return row


def _part(part: JsonValue, field: str) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise FieldError(field, 'only texts can be read; write {"type": "text", "text": ...}')
    return text


def _render_canonical(content: Content) -> Row:
    return {"tools": _written_tools(content), "messages": [message_to_json(message) for message in content.messages]}


def _render_huggingface(content: Content) -> Row:
    row: Row = {"messages": [message_to_json(message) for message in content.messages]}
    return {**row, "tools": _written_tools(content)} if content.tools else row


def _render_openai(content: Content) -> Row:
    unnamed = [replace(one, name=None) if one.role == "tool" else one for one in content.messages]
    pairs = zip(content.messages, named_results(unnamed), strict=True)
    row: Row = {"messages": [_openai_message(one, one.name == derived.name) for one, derived in pairs]}
    return {**row, "tools": _written_tools(content)} if content.tools else row


def _openai_message(message: Message, is_named_by_its_call: bool) -> Row:
    row = message_to_json(replace(message, name=None) if is_named_by_its_call else message)
    calls = row.get("tool_calls")
    if isinstance(calls, list):
        row["content"] = message.content or None
        for call in calls:
            function = call["function"] if isinstance(call, dict) else None
            if isinstance(function, dict):
                function["arguments"] = text_of(function["arguments"])
    return row


def _written_tools(content: Content) -> list[JsonValue]:
    return [{"type": "function", "function": tool_to_json(tool)} for tool in content.tools]


def _recognises_canonical(row: Row) -> bool:
    provenance = row.get("provenance")
    # A row of another format with our provenance has an optional source of its own; this one's columns come first.
    return isinstance(provenance, dict) and "scenario_id" in provenance and list(row)[:2] == ["id", "tools"]


def _recognises_huggingface(row: Row) -> bool:
    return any(isinstance(arguments, dict) for arguments in _arguments(row))


def _recognises_openai(row: Row) -> bool:
    return any(isinstance(arguments, str) for arguments in _arguments(row))


def _arguments(row: Row) -> list[JsonValue]:
    messages = row.get("messages")
    found: list[JsonValue] = []
    for message in messages if isinstance(messages, list) else []:
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function", call) if isinstance(call, dict) else None
            found.append(function.get("arguments") if isinstance(function, dict) else None)
    return found


CANONICAL = Format(
    name="canonical",
    summary="The form inside Spiritsafe: chat messages with arguments as mappings, tools, provenance",
    parse=_parse_canonical,
    render=_render_canonical,
    recognises=_recognises_canonical,
    json_columns=_JSON_COLUMNS,
    native=True,
    identified=True,
)
HUGGINGFACE = Format(
    name="huggingface",
    summary="Chat as Hugging Face's templates take it: tool_calls with arguments as mappings",
    parse=_parse,
    render=_render_huggingface,
    recognises=_recognises_huggingface,
    json_columns=_JSON_COLUMNS,
)
OPENAI = Format(
    name="openai",
    summary="Chat as the OpenAI API has it: tool_calls with arguments as JSON text",
    parse=_parse,
    render=_render_openai,
    recognises=_recognises_openai,
    json_columns=_JSON_COLUMNS,
)
