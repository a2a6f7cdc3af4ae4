"""Scenarios for the support desk: what a user says, from templates, with arguments from the world of a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial

from distill.environments.base import Category, Difficulty, Scenario, Split
from distill.environments.scenarios.assembly import Draft, Proposal, Series, assemble
from distill.environments.scenarios.generation import generate as at_difficulty
from distill.environments.support_desk import drafts
from distill.environments.support_desk.content import CONTENT
from distill.environments.support_desk.drafts import Desk, Plan
from distill.environments.support_desk.environment import SupportDesk
from distill.environments.support_desk.tools import BASIC_TOOLS

# All tools are dealt out into offers of these sizes, and each is asked for so often before they are dealt again.
_OFFERS, _REQUESTS = (2, 2, 3, 3), 2
# Tools that serve one kind of thing: a conversation about it can go on.
_THEMES = (
    ("get_order_status", "cancel_order", "create_refund"),
    ("create_ticket", "set_priority", "add_note", "close_ticket"),
    ("find_customer", "list_orders", "update_address", "create_ticket"),
)
Offer = Sequence[str]


def generate(
    split: Split, category: Category, count: int, seed: int, difficulty: Difficulty | None = None
) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages, a function of the arguments alone.

    Single-call scenarios ask for each tool equally often, up to two. Several in a row are about the same offer of
    tools, as one deployment would make it. With a ``difficulty`` they are drawn as those of other worlds are, and use
    all tools.

    Raises:
        ValueError: the split has fewer different messages of this category than ``count``.
    """
    if difficulty is not None:
        return at_difficulty(CONTENT, split, category, count, seed, difficulty)
    rng = random.Random(f"{split}/{category}/{seed}")  # noqa: S311 - reproducible data, no secret
    refused = frozenset({0}) if category == "recovery" else frozenset()

    def propose(plan: Plan, offer: Offer, unsteady: bool) -> Proposal:
        return Proposal(lambda env_seed: Draft(plan(Desk.of(split, env_seed, rng)), refused), offer, unsteady)

    proposals = (propose(*planned) for planned in _plans(rng, category))
    series = Series(CONTENT.name, SupportDesk, split, category, f"{split}-{category}-{seed}")
    return assemble(series, proposals, count, rng)


def _plans(rng: random.Random, category: Category) -> Iterator[tuple[Plan, Offer, bool]]:
    """For ever: what to ask, what is on offer, and whether in an unsteady world."""
    if category == "reasoning":
        yield from ((plan, offer, False) for plan, offer in _with_needed(rng, drafts.chain_plans()))
    elif category == "missing_parameter":
        yield from ((plan, offer, False) for plan, offer in _with_needed(rng, drafts.gap_plans()))
    elif category == "recovery":
        yield from _recovery(rng)
    elif category == "missing_function":
        yield from ((partial(drafts.missing_function, tool), offer, False) for tool, offer in _without(rng))
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
        names = rng.sample(BASIC_TOOLS, len(BASIC_TOOLS))
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


def _without(rng: random.Random) -> Iterator[tuple[str, Offer]]:
    """A tool to ask for and an offer that does not have it."""
    return ((rng.choice([name for name in BASIC_TOOLS if name not in offer]), offer) for _, offer in _dealt(rng))


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
    others = [name for name in BASIC_TOOLS if name not in needed]
    size = max(len(needed), rng.choice((2, 3)))
    return rng.sample([*needed, *rng.sample(others, size - len(needed))], size)
