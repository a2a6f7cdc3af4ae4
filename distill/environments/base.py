"""What every tool environment offers, and the scenario that is played in one."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from distill.environments.assertions import Assertion
from distill.trajectories.calls import call_from_json, call_to_json, tool_from_json, tool_to_json
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

Split = Literal["train", "heldout"]
Category = Literal[
    "single", "parallel", "multi_turn", "recovery", "missing_parameter", "reasoning", "no_call", "missing_function"
]
"""What a scenario asks for: one call; several at once; several user turns; a call that fails and what to do then;
something that must be asked for; a call that needs what another returned; nothing that any tool could do; and something
that a tool could do which is not offered."""
ErrorCode = Literal[
    "unknown_tool",
    "invalid_arguments",
    "not_found",
    "conflict",
    "unavailable",
    "permission_denied",
    "limit_exceeded",
    "failed",
]
"""Why a tool refuses. A tool that is not ours may say no more than that it ``failed``."""
Level = Literal["easy", "medium", "hard"]


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How hard scenarios are.

    Attributes:
        distractors: tools on offer beyond those that are needed, where the environment has so many.
        steps: most calls that one message asks for, in a chain or side by side; at least 2.
        turns: most user turns of a conversation; at least 2.
        noise: share of scenarios, from 0 to 1, in a world where every tool refuses its first call as unavailable.
        obliqueness: share of values, from 0 to 1, that a user says in other words than the call must write them, and of
            impossible requests that are about things which the world has.
    """

    distractors: int
    steps: int
    turns: int
    noise: float
    obliqueness: float

    def __post_init__(self) -> None:
        if self.distractors < 0 or min(self.steps, self.turns) < 2:
            raise ValueError(f"{self} is no difficulty; choose steps and turns of at least 2, and no negative number")

    @property
    def label(self) -> str:
        """The name of the level, or for other difficulties a short checksum of them."""
        named = {level: name for name, level in LEVELS.items()}
        return named.get(self) or f"d{zlib.crc32(repr(self).encode()):08x}"


LEVELS: Mapping[Level, Difficulty] = {
    "easy": Difficulty(distractors=1, steps=2, turns=2, noise=0.0, obliqueness=0.0),
    "medium": Difficulty(distractors=4, steps=3, turns=3, noise=0.1, obliqueness=0.3),
    "hard": Difficulty(distractors=10, steps=4, turns=5, noise=0.3, obliqueness=0.7),
}


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
    """A world whose state is a function of the seed and of the calls since, and of nothing else.

    One that has a method ``close`` as well is told when it is no longer needed.
    """

    def reset(self, seed: int) -> None:
        """Build the world of ``seed`` and forget every earlier call."""

    def tools(self) -> tuple[ToolSpec, ...]:
        """All tools, in a fixed order."""

    def call(self, call: ToolCall) -> ToolOutcome:
        """Execute one call. A refused call leaves the state as it was."""

    def state(self) -> dict[str, JsonValue]:
        """The whole state as JSON values: a copy, which the caller may keep. Empty where it cannot be told."""


class EnvironmentExited(Exception):
    """What ran an environment has ended by itself, so that nobody knows what a call did."""


def state_digest(environment: ToolEnvironment) -> str:
    """The digest of the environment's state."""
    return digest_of(environment.state())


def digest_of(state: Mapping[str, JsonValue]) -> str:
    """SHA-256 (hex) of a state as JSON with sorted keys and no spaces."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """One assistant turn that calls: its calls, which do not hang on each other, and the reasoning before them."""

    calls: tuple[ToolCall, ...]
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A user's message and what counts as right until the assistant hands back.

    ``answer`` is what the assistant may say then. Where it has to ask for something, ``asks_for`` is the word that its
    question must hold.
    """

    message: str
    steps: tuple[Step, ...] = ()
    answer: str = ""
    asks_for: str = ""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of all steps in order."""
        return tuple(call for step in self.steps for call in step.calls)

    def asked_in(self, words: str) -> bool:
        """Whether the assistant's words ask for what they must ask for, if for anything."""
        return self.asks_for in words.lower()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a simulated user says in one environment, with the answers that count as right.

    The user says one message after the other, each once the assistant has handed back. ``tools`` are the tools offered
    to the model, a subset of the environment's. ``expected_state`` is the state digest after all right calls,
    or empty where no state says what is right. ``assertions`` must hold of the state as well.
    """

    id: str
    split: Split
    category: Category
    environment: str
    env_seed: int
    tools: tuple[ToolSpec, ...]
    turns: tuple[UserTurn, ...]
    expected_state: str
    assertions: tuple[Assertion, ...] = ()

    @property
    def gold_calls(self) -> tuple[ToolCall, ...]:
        """The right calls of all turns in order."""
        return tuple(call for turn in self.turns for call in turn.calls)

    def to_json(self) -> dict[str, JsonValue]:
        """As JSON values, for a dataset row."""
        return {
            "id": self.id,
            "split": self.split,
            "category": self.category,
            "environment": self.environment,
            "env_seed": self.env_seed,
            "tools": [tool_to_json(tool) for tool in self.tools],
            "turns": [_turn_to_json(turn) for turn in self.turns],
            "expected_state": self.expected_state,
            # Only where there are any: the digests of scenarios without them are older than assertions.
            **({"assertions": [assertion.to_json() for assertion in self.assertions]} if self.assertions else {}),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Scenario:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: a tool, a call or an assertion is malformed.
        """
        return cls(
            **{name: row[name] for name in ("id", "split", "category", "environment", "env_seed", "expected_state")},
            tools=tuple(tool_from_json(tool) for tool in row["tools"]),
            turns=tuple(_turn_from_json(turn) for turn in row["turns"]),
            assertions=tuple(map(Assertion.from_json, row.get("assertions", ()))),
        )


def _turn_to_json(turn: UserTurn) -> dict[str, JsonValue]:
    steps: list[JsonValue] = [
        {"calls": [call_to_json(call) for call in step.calls], "reasoning": step.reasoning} for step in turn.steps
    ]
    return {"message": turn.message, "steps": steps, "answer": turn.answer, "asks_for": turn.asks_for}


def _turn_from_json(row: Mapping[str, Any]) -> UserTurn:
    steps = tuple(
        Step(tuple(call_from_json(call) for call in step["calls"]), step["reasoning"]) for step in row["steps"]
    )
    return UserTurn(row["message"], steps, row["answer"], row["asks_for"])
