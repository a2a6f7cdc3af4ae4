"""APIGen-MT-5k, which is ShareGPT with calls: ``conversations`` of ``{"from", "value"}``, ``system``, ``tools``.

Speakers are human, gpt, function_call and observation; a call is JSON text, several of one turn are a JSON list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from distill.trajectories.calls import text_of, tool_from_json, tool_to_json
from distill.trajectories.formats.base import Content, Format, Inexpressible
from distill.trajectories.formats.entries import Entry, EntryRole, call_content, place_of, read_entries
from distill.trajectories.rows import Row, decode_list, list_field, message_rows, text_field, unknown_role
from distill.trajectories.types import JsonValue, Message

_ROLES: Mapping[str, EntryRole] = {
    "human": "user",
    "gpt": "assistant",
    "function_call": "tool_call",
    "observation": "tool_observation",
}
_SPEAKERS = {role: speaker for speaker, role in _ROLES.items()}


def _parse(row: Row) -> Content:
    system = text_field(row, "system", "system", "")
    first = (Message("system", system),) if system else ()
    messages = tuple(turn.message for turn in read_entries(_entries(row)))
    return Content(decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json), (*first, *messages))


def _entries(row: Row) -> Iterator[Entry]:
    for field, message in message_rows(row, "conversations", "from and value"):
        speaker = text_field(message, "from", f"{field}.from")
        if speaker not in _ROLES:
            raise unknown_role(f"{field}.from", speaker, _ROLES)
        yield Entry(_ROLES[speaker], message, "value", field)


def _render(content: Content) -> Row:
    messages = content.messages
    row: Row = {}
    if messages and messages[0].role == "system":
        row["system"] = messages[0].content
        messages = messages[1:]
    offset = len(content.messages) - len(messages)
    said = [entry for index, one in enumerate(messages, offset) for entry in _written(one, f"messages[{index}]")]
    row["conversations"] = said
    row["tools"] = [tool_to_json(tool) for tool in content.tools]
    return row


def _written(message: Message, field: str) -> Iterator[JsonValue]:
    if message.reasoning is not None:
        raise Inexpressible(f"{field}.reasoning", "this format has no place for reasoning; drop it, or choose another")
    if message.role == "system":
        raise Inexpressible(field, "a system message can only stand first; choose another format, such as huggingface")
    if message.role == "tool":
        if message.tool_call_id:
            raise Inexpressible(
                f"{field}.tool_call_id", "this format has no place for ids of calls; drop them, or choose another"
            )
        yield {"from": "observation", "value": message.content}
        return
    if message.content or not message.tool_calls:
        yield {"from": _SPEAKERS[message.role], "value": message.content}
    if message.tool_calls:
        yield {"from": "function_call", "value": text_of(call_content(message.tool_calls))}


def _place(row: Row, message: int, call: int | None) -> str:
    offset = 1 if row.get("system") else 0
    return "system" if message < offset else place_of(read_entries(_entries(row)), message - offset, call)


APIGEN_MT = Format(
    name="apigen-mt",
    summary="APIGen-MT-5k, ShareGPT with calls: conversations of human, gpt, function_call and observation",
    parse=_parse,
    render=_render,
    recognises=lambda row: "conversations" in row,
    place=_place,
    packed=frozenset(("tools",)),
)
