"""What every tool environment offers, and the scenario that is played in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from distill.trajectories.calls import call_from_json, call_to_json, tool_from_json, tool_to_json
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

Split = Literal["train", "heldout"]
Category = Literal["single", "no_call"]
ErrorCode = Literal["unknown_tool", "invalid_arguments", "not_found", "conflict"]


@dataclass(frozen=True, slots=True)
class ToolSuccess:
    """What a tool returned."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class ToolError:
    """Why a tool refused. An answer that a model may see and recover from, not an exception."""

    code: ErrorCode
    message: str


ToolOutcome = ToolSuccess | ToolError


class ToolEnvironment(Protocol):
    """A world whose state is a function of the seed and of the calls since, and of nothing else."""

    def reset(self, seed: int) -> None:
        """Build the world of ``seed`` and forget every earlier call."""

    def tools(self) -> tuple[ToolSpec, ...]:
        """All tools, in a fixed order."""

    def call(self, call: ToolCall) -> ToolOutcome:
        """Execute one call. A refused call leaves the state as it was."""

    def state(self) -> dict[str, JsonValue]:
        """The whole state as JSON values: a copy, which the caller may keep."""


def state_digest(environment: ToolEnvironment) -> str:
    """SHA-256 (hex) of the state as JSON with sorted keys and no spaces."""
    text = json.dumps(environment.state(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One user message to be answered in one environment, with the answer that counts as right.

    ``tools`` are the tools offered to the model, a subset of the environment's. ``expected_state`` is the state digest
    after ``gold_calls``. ``reference_text`` is what the assistant may say where it calls nothing, else empty.
    """

    id: str
    split: Split
    category: Category
    environment: str
    env_seed: int
    tools: tuple[ToolSpec, ...]
    user_message: str
    gold_calls: tuple[ToolCall, ...]
    expected_state: str
    reference_text: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """As JSON values, for a dataset row."""
        return {
            "id": self.id,
            "split": self.split,
            "category": self.category,
            "environment": self.environment,
            "env_seed": self.env_seed,
            "tools": [tool_to_json(tool) for tool in self.tools],
            "user_message": self.user_message,
            "gold_calls": [call_to_json(call) for call in self.gold_calls],
            "expected_state": self.expected_state,
            "reference_text": self.reference_text,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, JsonValue]) -> Scenario:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError: a field is missing.
            CallError: a tool or a call is malformed.
        """
        return cls(
            id=cast("str", row["id"]),
            split=cast("Split", row["split"]),
            category=cast("Category", row["category"]),
            environment=cast("str", row["environment"]),
            env_seed=cast("int", row["env_seed"]),
            tools=tuple(tool_from_json(tool) for tool in cast("list[JsonValue]", row["tools"])),
            user_message=cast("str", row["user_message"]),
            gold_calls=tuple(call_from_json(call) for call in cast("list[JsonValue]", row["gold_calls"])),
            expected_state=cast("str", row["expected_state"]),
            reference_text=cast("str", row["reference_text"]),
        )
