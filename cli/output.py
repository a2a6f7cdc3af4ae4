"""What commands print: JSON for programs, tables for people. The one place where messages become JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from enum import StrEnum
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spiritsafe.rpc.names import DEFAULT_NAMESPACE, ChannelName, shorten

Data = Mapping[str, Any]
PIPE_WIDTH = 160
_IDS = re.compile(rf"namespaces/{DEFAULT_NAMESPACE}/(reviews|findings|agreements|attestations)/")
_EMPTY: tuple[Any, ...] = ("", None, [], {})
_VERDICT_STYLES = {
    "allowed": "green",
    "allowed_with_obligations": "green",
    "needs_review": "yellow",
    "awaiting_review": "yellow",
    "denied": "red",
    "promoted": "green",
    "approved": "green",
    "rejected": "red",
    "failed": "red",
    "succeeded": "green",
}


class Format(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"


def console() -> Console:
    """Standard output; wide enough for names where nobody sees it."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal or "COLUMNS" in os.environ else Console(highlight=False, width=PIPE_WIDTH)


def notices() -> Console:
    """Standard error, for progress and remarks."""
    return Console(stderr=True, highlight=False)


def enum_label(enum: EnumDescriptor, value: int) -> str:
    """The lower-case name of an enum's value without its prefix: VERDICT_NEEDS_REVIEW is "needs_review"."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    found = enum.values_by_number.get(value)
    return found.name.removeprefix(prefix).lower() if found else str(value)


def to_data(message: Message) -> dict[str, Any]:
    """A message as JSON data: all fields in snake_case, enums in lower case, times in ISO 8601, integers exact."""
    return {
        field.name: _field(message, field)
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if not field.is_repeated:
        return _value(field, value)
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return {str(key): _value(entry.fields_by_name["value"], value[key]) for key in sorted(value)}
    return [_value(field, one) for one in value]


def _value(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return enum_label(field.enum_type, value)
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Struct):
        return struct_data(value)
    if isinstance(value, Message):
        return to_data(value)
    return value.hex() if isinstance(value, bytes) else value


def struct_data(struct: Struct) -> dict[str, Any]:
    """A Struct as JSON data, its fields by name: it keeps no order of its own, and another one in each process."""
    data: dict[str, Any] = json.loads(json.dumps(json_format.MessageToDict(struct), sort_keys=True))
    return data


def print_json(data: Any) -> None:
    """Prints one JSON document on one line of standard output."""
    print(json.dumps(data, ensure_ascii=False), flush=True)  # noqa: T201 - the product of the command


def print_list(form: Format, key: str, messages: Iterable[Message], columns: Sequence[str]) -> None:
    """Prints messages as ``{key: [...]}`` or as a table of some of their fields."""
    rows = [to_data(message) for message in messages]
    if form is Format.JSON:
        print_json({key: rows})
    elif rows:
        console().print(table(rows, columns))
    else:
        notices().print(f"no {key.replace('_', ' ')}")


def print_one(form: Format, message: Message) -> None:
    """Prints one message whole, or as a table of those fields that say something."""
    print_data(form, to_data(message))


def print_data(form: Format, data: Data) -> None:
    """The same for data that is no message."""
    if form is Format.JSON:
        print_json(data)
    else:
        console().print(details(data))


def table(rows: Sequence[Data], columns: Sequence[str], title: str = "") -> Table:
    """A table of the named fields."""
    result = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        result.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        result.add_row(*(cell(row.get(column)) for column in columns))
    return result


def details(data: Data) -> Table:
    """A two-column table of the fields that are not empty."""
    result = Table(show_header=False, box=None, pad_edge=False)
    result.add_column(style="bold", no_wrap=True)
    result.add_column(overflow="fold")
    for key, value in data.items():
        if value not in _EMPTY and key not in ("etag", "uid"):
            result.add_row(key.replace("_", " "), cell(value))
    return result


def cell(value: Any) -> str:
    """A value as markup of one table cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        style = _VERDICT_STYLES.get(value)
        return f"[{style}]{value}[/]" if style else escape(_short(value))
    if isinstance(value, Mapping):
        return _mapping_cell(value)
    if isinstance(value, Sequence):
        return (
            "\n".join(cell(one) for one in value)
            if value and isinstance(value[0], Mapping)
            else ", ".join(cell(one) for one in value)
        )
    return "" if value is None else f"{round(value, 3):g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    """A name as people write it; an enum that says nothing as nothing."""
    if "/channels/" in text and "/promotions/" not in text:
        channel = ChannelName.parse(text)
        return f"{channel.node.short} {channel.label}"
    return "" if text == "unspecified" else shorten(_IDS.sub("", text, count=1))


def _mapping_cell(value: Data) -> str:
    if value.keys() == {"context", "verdict"}:
        return f"{value['context']}: {cell(value['verdict'])}"
    if value.keys() == {"ids"}:
        return cell(value["ids"]) or "none of its own"
    return ", ".join(f"{key}: {cell(one)}" for key, one in value.items() if one not in _EMPTY)
