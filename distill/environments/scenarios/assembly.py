"""From drafts to scenarios: each draft is played, and drawn again until it is sound and says something new."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from distill.environments.base import (
    Category,
    Scenario,
    Split,
    Step,
    ToolEnvironment,
    ToolSuccess,
    UserTurn,
    state_digest,
)
from distill.environments.seeds import seed_for

MOST_STEPS = 5
"""Assistant turns with calls that one user turn may need; whoever plays scenarios gives up after more."""


@dataclass(frozen=True, slots=True)
class Draft:
    """User turns with their right calls, and the numbers of the steps (of all turns) whose calls are to be refused.

    A draft without turns is none: what was drawn did not fit.
    """

    turns: tuple[UserTurn, ...] = ()
    refused: frozenset[int] = frozenset()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all turns in order."""
        return tuple(step for turn in self.turns for step in turn.steps)

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user says."""
        return tuple(turn.message for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A scenario to be: how to draft it for an environment seed, what is on offer, and if the world is unsteady."""

    draft: Callable[[int], Draft]
    offer: Sequence[str]
    unsteady: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """What the scenarios of one set have in common. ``prefix`` begins their ids.

    Messages are unique within one set. A proposal is given up after ``draws`` that were unsound or not new, and so many
    ``failures`` in a row mean that the wordings have run dry.
    """

    environment: str
    create: Callable[[], ToolEnvironment]
    split: Split
    category: Category
    prefix: str
    draws: int = 1000
    failures: int = 1


def assemble(series: Series, proposals: Iterable[Proposal], count: int, rng: random.Random) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages.

    Raises:
        ValueError: there are fewer different messages.
    """
    specs = {tool.name: tool for tool in series.create().tools()}
    scenarios: dict[tuple[str, ...], Scenario] = {}
    failures = 0
    for proposal in proposals:
        if len(scenarios) == count:
            break
        drawn = _draw(series, proposal, rng, scenarios)
        failures = 0 if drawn else failures + 1
        if failures == series.failures:
            kind = f"{series.split} {series.category}"
            raise ValueError(f"only {len(scenarios)} different {kind} messages exist; ask for fewer")
        if drawn is None:
            continue
        env_seed, draft, state = drawn
        scenarios[draft.messages] = Scenario(
            id=f"{series.prefix}-{len(scenarios):05d}",
            split=series.split,
            category=series.category,
            environment=series.environment,
            env_seed=env_seed,
            tools=tuple(specs[name] for name in proposal.offer),
            turns=draft.turns,
            expected_state=state,
        )
    return list(scenarios.values())


def _draw(
    series: Series, proposal: Proposal, rng: random.Random, taken: Container[tuple[str, ...]]
) -> tuple[int, Draft, str] | None:
    """A sound draft whose messages are not taken, with the seed and final state of its world; None where all are."""
    for _ in range(series.draws):
        env_seed = seed_for(series.split, rng.randrange(2**29), proposal.unsteady)
        draft = proposal.draft(env_seed)
        # Looking is cheaper than playing.
        state = None if draft.messages in taken else sound_state(series.create, env_seed, draft)
        if state is not None:
            return env_seed, draft, state
    return None


def sound_state(create: Callable[[], ToolEnvironment], env_seed: int, draft: Draft) -> str | None:
    """The state digest after the right calls, or None where they are not as they should be.

    Calls are refused in the steps where they are to be and succeed in all others, no step calls the same twice, and
    backwards the calls of each step lead to the same state.
    """
    world, backwards = create(), create()
    for each in (world, backwards):
        each.reset(env_seed)
    for number, step in enumerate(draft.steps):
        wanted = number not in draft.refused
        if any(isinstance(world.call(call), ToolSuccess) is not wanted for call in step.calls):
            return None
        for call in reversed(step.calls):
            backwards.call(call)
    digest = state_digest(world)
    repeated = any(len(set(map(str, step.calls))) < len(step.calls) for step in draft.steps)
    long = any(len(turn.steps) > MOST_STEPS for turn in draft.turns)
    return digest if draft.turns and not repeated and not long and digest == state_digest(backwards) else None
