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
    """One call. ``arguments`` is always a mapping, never a JSON string."""

    name: str
    arguments: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``tool_calls`` and ``reasoning`` belong to the assistant, ``name`` to a tool's result."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row came from. Empty strings mean "not applicable", for example no teacher for gold rows."""

    scenario_id: str = ""
    category: str = ""
    teacher: str = ""
    sampling: Mapping[str, JsonValue] = field(default_factory=dict)
    verification: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A conversation with tools, complete with its last assistant turn."""

    id: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    provenance: Provenance = field(default_factory=Provenance)
