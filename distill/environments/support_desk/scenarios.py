"""Scenarios for the support desk: what a user says, from templates, with arguments from the world of a seed."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Sequence
from functools import partial

from distill.environments.base import Category, Scenario, Split, ToolSuccess, UserTurn, state_digest
from distill.environments.support_desk import drafts
from distill.environments.support_desk.drafts import Desk, Plan
from distill.environments.support_desk.environment import SupportDesk
from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import seed_for

ENVIRONMENT = "support_desk"
# All tools are dealt out into offers of these sizes, and each is asked for so often before they are dealt again.
_OFFERS, _REQUESTS = (2, 2, 3, 3), 2
# Tools that serve one kind of thing: a conversation about it can go on.
_THEMES = (
    ("get_order_status", "cancel_order", "create_refund"),
    ("create_ticket", "set_priority", "add_note", "close_ticket"),
    ("find_customer", "list_orders", "update_address", "create_ticket"),
)
# Messages are unique within one set. Small talk has few wordings, so after this many draws the split has run dry.
_MAX_REPEATS = 1000
Offer = Sequence[str]


def generate(split: Split, category: Category, count: int, seed: int) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages, a function of the arguments alone.

    Single-call scenarios ask for each tool equally often, up to two. Several in a row are about the same offer of
    tools, as one deployment would make it.

    Raises:
        ValueError: the split has fewer different messages of this category than ``count``.
    """
    rng = random.Random(f"{split}/{category}/{seed}")  # noqa: S311 - reproducible data, no secret
    scenarios: dict[tuple[str, ...], Scenario] = {}
    for plan, offer, unsteady in _plans(rng, category):
        if len(scenarios) == count:
            break
        drawn = _draw(rng, plan, split, unsteady, category == "recovery", scenarios)
        if drawn is None:
            raise ValueError(f"only {len(scenarios)} different {split} {category} messages exist; ask for fewer")
        env_seed, turns, state = drawn
        scenarios[_messages(turns)] = Scenario(
            id=f"{split}-{category}-{seed}-{len(scenarios):05d}",
            split=split,
            category=category,
            environment=ENVIRONMENT,
            env_seed=env_seed,
            tools=tuple(TOOLS[name].spec for name in offer),
            turns=turns,
            expected_state=state,
        )
    return list(scenarios.values())


def _draw(
    rng: random.Random, plan: Plan, split: Split, unsteady: bool, fails: bool, taken: Container[tuple[str, ...]]
) -> tuple[int, tuple[UserTurn, ...], str] | None:
    """A sound draft whose messages are not taken, with the seed and final state of its world; None where all are."""
    for _ in range(_MAX_REPEATS):
        env_seed = seed_for(split, rng.randrange(2**29), unsteady)
        turns = plan(Desk.of(split, env_seed, rng))
        # Looking is cheaper than playing.
        state = None if _messages(turns) in taken else _sound_state(env_seed, turns, fails)
        if state is not None:
            return env_seed, turns, state
    return None


def _messages(turns: Sequence[UserTurn]) -> tuple[str, ...]:
    return tuple(turn.message for turn in turns)


def _plans(rng: random.Random, category: Category) -> Iterator[tuple[Plan, Offer, bool]]:
    """For ever: what to ask, what is on offer, and whether in an unsteady world."""
    if category == "reasoning":
        yield from ((plan, offer, False) for plan, offer in _with_needed(rng, drafts.chain_plans()))
    elif category == "missing_parameter":
        yield from ((plan, offer, False) for plan, offer in _with_needed(rng, drafts.gap_plans()))
    elif category == "recovery":
        yield from _recovery(rng)
    else:
        dealt = _themes(rng) if category == "multi_turn" else _dealt(rng)
        yield from ((_plan(category, tool, offer), offer, False) for tool, offer in dealt)


def _plan(category: Category, tool: str, offer: Offer) -> Plan:
    if category == "single":
        return partial(drafts.single, tool)
    if category == "parallel":
        return partial(drafts.parallel, tool, offer)
    if category == "multi_turn":
        return partial(drafts.multi_turn, tool, offer)
    return drafts.talk


def _dealt(rng: random.Random) -> Iterator[tuple[str, Offer]]:
    """A tool to ask for and an offer that has it; all tools come up equally often."""
    while True:
        names = rng.sample(list(TOOLS), len(TOOLS))
        for size in rng.sample(_OFFERS, len(_OFFERS)):
            offer, names = names[:size], names[size:]
            yield from ((name, offer) for name in rng.sample(offer * _REQUESTS, size * _REQUESTS))


def _themes(rng: random.Random) -> Iterator[tuple[str, Offer]]:
    """Offers of two tools of one theme and sometimes one more."""
    while True:
        for theme in rng.sample(_THEMES, len(_THEMES)):
            offer = _filled(rng, rng.sample(theme, 2))
            yield from ((name, offer) for name in rng.sample(offer * _REQUESTS, len(offer) * _REQUESTS))


def _with_needed(rng: random.Random, plans: Sequence[tuple[Plan, tuple[str, ...]]]) -> Iterator[tuple[Plan, Offer]]:
    """All plans equally often, some in a row with one offer."""
    while True:
        for plan, needed in rng.sample(list(plans), len(plans)):
            offer = _filled(rng, needed)
            yield from [(plan, offer)] * (2 * _REQUESTS)


def _recovery(rng: random.Random) -> Iterator[tuple[Plan, Offer, bool]]:
    """Half of it calls that are refused once, half refunds that cannot be what was asked for."""
    refunds = _with_needed(
        rng,
        [(drafts.refund_less, ("create_refund",)), (drafts.refund_instead, ("cancel_order", "create_refund"))],
    )
    for tool, offer in _dealt(rng):
        yield partial(drafts.retry, tool), offer, True
        yield *next(refunds), False


def _filled(rng: random.Random, needed: Sequence[str]) -> list[str]:
    """The needed tools and others up to two or three, in any order."""
    others = [name for name in TOOLS if name not in needed]
    size = max(len(needed), rng.choice((2, 3)))
    return rng.sample([*needed, *rng.sample(others, size - len(needed))], size)


def _sound_state(env_seed: int, turns: Sequence[UserTurn], fails: bool) -> str | None:
    """The state digest after the right calls, or None where they are not as they should be.

    Every call succeeds, but for the first step of a scenario that is to fail; and calls of one step lead to the same
    state in any order.
    """
    steps = [step.calls for turn in turns for step in turn.steps]
    desk, backwards = SupportDesk(), SupportDesk()
    for each in (desk, backwards):
        each.reset(env_seed)
    for number, calls in enumerate(steps):
        wanted = not (fails and number == 0)
        if any(isinstance(desk.call(call), ToolSuccess) is not wanted for call in calls):
            return None
        for call in reversed(calls):
            backwards.call(call)
    digest = state_digest(desk)
    repeated = any(len(set(map(str, calls))) < len(calls) for calls in steps)
    return digest if turns and not repeated and digest == state_digest(backwards) else None
