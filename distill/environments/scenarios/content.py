"""What a world brings so that scenarios can be drawn from it: values for its tools and ways to ask for them.

A sentence's slots are arguments of the calls that it asks for. Required arguments without a slot are to be found in an
earlier turn or result; optional ones without a slot are left out of the call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, NamedTuple

from distill.environments.base import ErrorCode, Split
from distill.environments.scenarios.wordings import Wordings
from distill.environments.tools import Tool
from distill.environments.world import World, WorldEnvironment
from distill.trajectories.types import JsonValue

Values = dict[str, JsonValue]
Results = Sequence[Mapping[str, Any]]
Link = Callable[[Results], JsonValue]
"""Finds an argument in the results so far; None, or an IndexError, where they do not have one that is meant."""


class Draws(NamedTuple):
    """What values are drawn from: the world as it stands, the words of a split, and the arguments that are settled."""

    world: Any
    split: Split
    rng: random.Random
    given: Mapping[str, JsonValue] = MappingProxyType({})


Draw = Callable[[Draws], Values]


class Saying(NamedTuple):
    """How a user says a value: as a call writes it, or in other words."""

    plain: Callable[[Any], str]
    oblique: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Stage:
    """A call of a chain. ``links`` are the arguments that earlier results have; the others are the user's."""

    tool: str
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chain:
    """Calls one after the other, of which each later one needs what an earlier one returned.

    An argument named like one of an earlier call has its value.
    """

    stages: tuple[Stage, ...]
    wordings: Wordings


@dataclass(frozen=True, slots=True)
class Fallback:
    """A call that is refused with ``code``, and what the user wants then.

    ``draw`` returns the arguments of the refused call and of those after it. Slots are of all calls; where a later
    call's argument differs from an earlier one's of that name, its slot is ``then_`` and the name.
    """

    tools: tuple[str, ...]
    code: ErrorCode
    draw: Callable[[Draws], Sequence[Values]]
    wordings: Wordings


@dataclass(frozen=True, slots=True)
class Beyond:
    """Something about things of the world that no tool does; its slots are arguments of ``tool``."""

    tool: str
    wordings: Wordings


@dataclass(frozen=True, slots=True)
class Content(Generic[World]):
    """A world with all that its scenarios are made of.

    Attributes:
        name: of the environment.
        build: the world of a seed.
        tools: by name.
        draws: arguments of each tool, optional ones included, with which a call mostly succeeds.
        requests: what asks for one call of each tool.
        follow_ups: the same, without the argument that the turn before was about; by tool and argument.
        gaps: the same, without an argument that must be asked for; by tool and argument.
        words: the word by which the assistant asks for such an argument and a user names it.
        chains: requests for calls that need each other's results.
        fallbacks: requests that name what to do where the first call is refused.
        beyond: requests for what no tool does.
        reading: tools that change nothing.
        gives: parameters of other tools that a tool's result names beyond its own arguments.
        sayings: how values of a parameter are said, where that is not as they are.
        substitutes: tools with which another one's work can be done as well; a missing tool's are missing, too.
    """

    name: str
    build: Callable[[int], World]
    tools: Mapping[str, Tool]
    draws: Mapping[str, Draw]
    requests: Mapping[str, Wordings]
    follow_ups: Mapping[tuple[str, str], Wordings]
    gaps: Mapping[tuple[str, str], Wordings]
    words: Mapping[str, str]
    chains: Sequence[Chain]
    fallbacks: Sequence[Fallback]
    beyond: Sequence[Beyond]
    reading: frozenset[str]
    gives: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sayings: Mapping[str, Saying] = field(default_factory=dict)
    substitutes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def create(self) -> WorldEnvironment[World]:
        """A new environment."""
        return WorldEnvironment(self.build, self.tools)

    def every_wording(self) -> list[Wordings]:
        """All wordings of the world."""
        groups = (self.requests, self.follow_ups, self.gaps)
        others = (self.chains, self.fallbacks, self.beyond)
        spoken = [each.wordings for group in others for each in group]
        return [*(each for group in groups for each in group.values()), *spoken]


def listing(values: Sequence[JsonValue]) -> str:
    """Values as one says them: "a", "a and b", "a, b and c"."""
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last


def only(rows: Sequence[Mapping[str, Any]], key: str) -> JsonValue:
    """The value of the one row; None where there is not exactly one."""
    return rows[0][key] if len(rows) == 1 else None


def _quoted(value: JsonValue) -> str:
    return f'"{value}"'


LISTED = Saying(listing, listing)
QUOTED = Saying(_quoted, _quoted)
"""For free text, so that nobody has to guess where it ends."""
