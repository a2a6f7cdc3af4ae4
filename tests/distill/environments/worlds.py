"""Built-in worlds under test: sure calls, sure refusals, and calls drawn from schemas."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, cast

from distill.environments.base import ErrorCode, ToolError, ToolSuccess, state_digest
from distill.environments.registry import ENVIRONMENTS
from distill.environments.world import WorldEnvironment
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

NAMES = tuple(ENVIRONMENTS)


class Played:
    """A steady world of a seed, whose calls are to succeed or to be refused."""

    def __init__(self, name: str, seed: int) -> None:
        self.environment = cast("WorldEnvironment[Any]", ENVIRONMENTS[name].create())
        self.environment.reset(seed)

    @property
    def world(self) -> Any:
        """The tables."""
        return self.environment.world

    def __call__(self, tool: str, **arguments: JsonValue) -> Any:
        """What the call returns."""
        outcome = self.environment.call(ToolCall(tool, arguments))
        assert isinstance(outcome, ToolSuccess), outcome
        return outcome.value

    def refused(self, tool: str, **arguments: JsonValue) -> ErrorCode:
        """The code with which the call is refused; the state stays as it was."""
        before = state_digest(self.environment)
        outcome = self.environment.call(ToolCall(tool, arguments))
        assert isinstance(outcome, ToolError), outcome
        assert outcome.message
        assert state_digest(self.environment) == before
        return outcome.code


def drawn_calls(name: str, seed: int, count: int) -> Iterator[ToolCall]:
    """Calls with arguments drawn from the schemas: mostly what the world of the seed knows, sometimes anything."""
    rng = random.Random(seed)
    environment = ENVIRONMENTS[name].create()
    environment.reset(seed)
    known = sorted(set(_texts(environment.state())))
    tools = environment.tools()
    for _ in range(count):
        yield _drawn_call(rng, rng.choice(tools), known)


def _drawn_call(rng: random.Random, tool: ToolSpec, known: list[str]) -> ToolCall:
    schema = cast("Mapping[str, Any]", tool.parameters)
    names = [name for name in schema["properties"] if name in schema["required"] or rng.random() < 0.5]
    if rng.random() < 0.05 and names:
        names.pop()
    return ToolCall(tool.name, {name: _value(rng, schema["properties"][name], known) for name in names})


def _value(rng: random.Random, schema: Mapping[str, Any], known: list[str]) -> JsonValue:
    if rng.random() < 0.03:
        return rng.choice([None, "", 7, True, [], {}])
    if "enum" in schema:
        return rng.choice(cast("list[str]", schema["enum"]))
    if schema["type"] == "integer":
        least = schema.get("minimum", 0)
        return rng.randint(least, min(schema.get("maximum", 50), least + rng.choice((3, 50, 5000))))
    if schema["type"] == "boolean":
        return rng.random() < 0.5
    if schema["type"] == "array":
        return [_value(rng, schema["items"], known) for _ in range(rng.randint(1, 2))]
    if schema["type"] == "object":
        return {name: _value(rng, inner, known) for name, inner in schema["properties"].items()}
    return rng.choice(known) if rng.random() < 0.9 else rng.choice(["/new", "9999-12-31T23:59", "2030-13-01", "12345"])


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text of a state, keys included, and the days of its times."""
    if isinstance(value, str):
        yield value
        if value[4:5] == "-" and "T" in value:
            yield value[:10]
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
