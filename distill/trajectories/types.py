"""The canonical trajectory: OpenAI/Hugging Face chat messages with mapping arguments and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is offered to a model. ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. ``arguments`` is always a mapping, never a JSON string; ``id`` is empty where the call has none."""

    name: str
    arguments: Mapping[str, JsonValue]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``tool_calls`` and ``reasoning`` belong to the assistant, ``name`` to a tool's result.

    ``tool_call_id`` is the id of the call that a tool's result answers, empty where results follow the calls' order.
    """

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    name: str | None = None
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a row was read from: its format, its name without folders, and the line (or row), from 1."""

    format: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a row of a format had that the canonical form has no place for; with it the row can be written again.

    ``columns`` are whole columns by name. ``patch`` leads from the row as it would be written to the row as it was: a
    JSON Patch (RFC 6902). It holds only for the row that it was made for: ``digest`` is the SHA-256 (hex) of that row
    without patch, and empty where there is none.
    """

    columns: Mapping[str, JsonValue] = field(default_factory=dict)
    patch: tuple[Mapping[str, JsonValue], ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row came from. Empty strings mean "not applicable", for example no teacher for gold rows.

    ``teacher`` is the model that wrote it: a version of ours, or the name that the data's authors give.
    ``remainders`` are what the canonical form leaves over, by the name of the format.
    """

    scenario_id: str = ""
    category: str = ""
    teacher: str = ""
    sampling: Mapping[str, JsonValue] = field(default_factory=dict)
    verification: Mapping[str, JsonValue] = field(default_factory=dict)
    source: Source | None = None
    remainders: Mapping[str, Remainder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A conversation with tools, complete with its last assistant turn; or a prompt, with no assistant turn at all."""

    id: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    provenance: Provenance = field(default_factory=Provenance)
