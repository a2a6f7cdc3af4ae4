"""The scenario generator of all built-in worlds: which tools are asked for, and which are on offer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

from distill.environments.base import Category, Difficulty, Scenario, Split, Step, ToolSuccess, UserTurn
from distill.environments.scenarios import drafts
from distill.environments.scenarios.assembly import Draft, Proposal, Series, assemble
from distill.environments.scenarios.content import Content
from distill.environments.scenarios.drafts import Pen, Unfit

_PARTLY = 0.4
"""Share of requests for a missing tool that ask for something possible beside it."""
_LINKED = 0.7
"""Share of later turns for which a tool is chosen that can go on with the thing of the turn before."""
# Some choices of tools do not go together in any world, such as twice the same new thing: others are chosen then.
_DRAWS, _FAILURES = 40, 25
Item = TypeVar("Item")


class Planned(NamedTuple):
    """What to draft, the tools that it needs, those that must not be on offer, and whether tools must be busy first."""

    plan: Callable[[Pen], Draft]
    needed: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    busy: bool = False


def generate(
    content: Content[Any], split: Split, category: Category, count: int, seed: int, level: Difficulty
) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages, a function of the arguments alone.

    Raises:
        ValueError: the split has fewer different messages of this category than ``count``.
    """
    prefix = f"{content.name}-{level.label}-{split}-{category}-{seed}"
    rng = random.Random(prefix)  # noqa: S311 - reproducible data, no secret
    series = Series(content.name, content.create, split, category, prefix, _DRAWS, _FAILURES)

    def propose(planned: Planned) -> Proposal:
        unsteady = planned.busy or (category != "recovery" and rng.random() < level.noise)

        def draft(env_seed: int) -> Draft:
            try:
                drawn = planned.plan(Pen(content, split, env_seed, rng, level))
            except Unfit:
                return Draft()
            return _with_retries(content, env_seed, drawn) if unsteady else drawn

        return Proposal(draft, _offer(rng, content, planned, level), unsteady)

    return assemble(series, map(propose, _PLANS[category](rng, content, level)), count, rng)


def _offer(rng: random.Random, content: Content[Any], planned: Planned, level: Difficulty) -> list[str]:
    """The needed tools and as many others as the level says, in any order."""
    needed = list(dict.fromkeys(planned.needed))
    others = [name for name in content.tools if name not in planned.absent and name not in needed]
    # Something is always on offer.
    chosen = rng.sample(others, min(len(others), max(level.distractors, not needed)))
    return rng.sample([*needed, *chosen], len(needed) + len(chosen))


def _rounds(rng: random.Random, items: Iterable[Item]) -> Iterator[Item]:
    """For ever, all items equally often."""
    every = list(items)
    while True:
        yield from rng.sample(every, len(every))


def _singles(rng: random.Random, content: Content[Any], _level: Difficulty) -> Iterator[Planned]:
    return (Planned(partial(drafts.single, tool), (tool,)) for tool in _rounds(rng, content.requests))


def _parallels(rng: random.Random, content: Content[Any], level: Difficulty) -> Iterator[Planned]:
    for tool in _rounds(rng, content.requests):
        tools = (tool, *rng.choices(list(content.requests), k=rng.randint(1, level.steps - 1)))
        yield Planned(partial(drafts.parallel, tools), tools)


def _conversations(rng: random.Random, content: Content[Any], level: Difficulty) -> Iterator[Planned]:
    for tool in _rounds(rng, content.requests):
        tools = [tool]
        for _ in range(rng.randint(1, level.turns - 1)):
            tools.append(_next_tool(rng, content, tools[-1]))
        yield Planned(partial(drafts.multi_turn, tools), tuple(tools))


def _next_tool(rng: random.Random, content: Content[Any], before: str) -> str:
    known = {*content.tools[before].parameter_names, *content.gives.get(before, ())}
    linked = [name for name, link in content.follow_ups if link in known]
    return rng.choice(linked if linked and rng.random() < _LINKED else list(content.requests))


def _gaps(rng: random.Random, content: Content[Any], _level: Difficulty) -> Iterator[Planned]:
    for tool, parameter in _rounds(rng, content.gaps):
        yield Planned(partial(drafts.missing_parameter, tool, parameter), (tool,))


def _chains(rng: random.Random, content: Content[Any], level: Difficulty) -> Iterator[Planned]:
    for chain in _rounds(rng, (chain for chain in content.chains if len(chain.stages) <= level.steps)):
        yield Planned(partial(drafts.reasoning, chain), tuple(stage.tool for stage in chain.stages))


def _recoveries(rng: random.Random, content: Content[Any], level: Difficulty) -> Iterator[Planned]:
    """Half of it calls that are refused once, half what must be done otherwise."""
    for single, fallback in zip(_singles(rng, content, level), _rounds(rng, content.fallbacks), strict=False):
        yield single._replace(busy=True)
        yield Planned(partial(drafts.fallback, fallback), fallback.tools)


def _missing(rng: random.Random, content: Content[Any], _level: Difficulty) -> Iterator[Planned]:
    for tool in _rounds(rng, content.requests):
        absent = frozenset({tool, *content.substitutes.get(tool, ())})
        possible = [name for name in content.tools if name not in absent]
        others = (rng.choice(possible),) if rng.random() < _PARTLY else ()
        yield Planned(partial(drafts.missing_function, tool, others), others, absent)


def _nothing(_rng: random.Random, _content: Content[Any], _level: Difficulty) -> Iterator[Planned]:
    return repeat(Planned(drafts.no_call))


def _with_retries(content: Content[Any], env_seed: int, draft: Draft) -> Draft:
    """The draft in an unsteady world: a step that finds its tools busy is made again."""
    environment = content.create()
    environment.reset(env_seed)
    turns: list[UserTurn] = []
    refused: set[int] = set()
    number = 0
    for turn in draft.turns:
        steps: list[Step] = []
        for step in turn.steps:
            succeeded = [isinstance(environment.call(call), ToolSuccess) for call in step.calls]
            steps.append(step)
            if not any(succeeded):
                refused.add(number)
                steps.append(Step(step.calls))
                for call in step.calls:
                    environment.call(call)
            number = number + 1 + (not any(succeeded))
        turns.append(UserTurn(turn.message, tuple(steps), turn.answer, turn.asks_for))
    return Draft(tuple(turns), frozenset(refused))


_PLANS: Mapping[Category, Callable[[random.Random, Content[Any], Difficulty], Iterator[Planned]]] = {
    "single": _singles,
    "parallel": _parallels,
    "multi_turn": _conversations,
    "recovery": _recoveries,
    "missing_parameter": _gaps,
    "reasoning": _chains,
    "no_call": _nothing,
    "missing_function": _missing,
}
