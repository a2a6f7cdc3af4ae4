"""Tools of built-in worlds: specifications, handlers and refusals, and the pieces of their JSON schemas."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from distill.environments.base import ErrorCode
from distill.trajectories.types import JsonValue, ToolSpec

Row = TypeVar("Row")
# Handlers take a world and exactly the arguments of their schema, which has been checked before they run.
Handler = Callable[..., dict[str, Any]]
Schema = dict[str, JsonValue]


class ToolRefusedError(Exception):
    """Raised by a handler before it has changed anything."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Tool:
    """A specification and its handler."""

    spec: ToolSpec
    handler: Handler
    parameter_names: tuple[str, ...]
    required: frozenset[str]


def tool(handler: Handler, description: str, optional: Sequence[str] = (), **properties: JsonValue) -> Tool:
    """The tool of a handler, under the handler's name; every parameter that is not optional is required."""
    required = [name for name in properties if name not in optional]
    schema: Schema = {"type": "object", "properties": properties, "required": [*required]}
    return Tool(ToolSpec(handler.__name__, description, schema), handler, tuple(properties), frozenset(required))


def by_name(*tools: Tool) -> dict[str, Tool]:
    """Tools by their names, in their order."""
    return {each.spec.name: each for each in tools}


def find(table: Mapping[str, Row], kind: str, identifier: str) -> Row:
    """A row by its id.

    Raises:
        ToolRefusedError: there is none.
    """
    if identifier not in table:
        raise ToolRefusedError("not_found", f"there is no {kind} {identifier}; check the id")
    return table[identifier]


def fresh_id(table: Container[str], prefix: str) -> str:
    """The id of a new row, such as E-1. Ids from a seed have three digits or more, so small numbers are free."""
    return next(identifier for number in count(1) if (identifier := f"{prefix}-{number}") not in table)


def text(description: str, **more: JsonValue) -> Schema:
    """A string; ``more`` are further keywords, such as a pattern."""
    return {"type": "string", "description": description, **more}


def choice(values: Sequence[str], **more: JsonValue) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": [*values], **more}


def whole(description: str, least: int, most: int, **more: JsonValue) -> Schema:
    """An integer within bounds, both included."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most, **more}


def flag(description: str) -> Schema:
    """A truth value that is false unless given."""
    return {"type": "boolean", "description": description, "default": False}


def several(items: Schema, description: str, most: int) -> Schema:
    """One to ``most`` different items."""
    schema: Schema = {"type": "array", "description": description, "items": items}
    return {**schema, "minItems": 1, "maxItems": most, "uniqueItems": True}


def record(description: str, **properties: JsonValue) -> Schema:
    """An object with all of these properties and no others."""
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    return {**schema, "required": [*properties], "additionalProperties": False}
