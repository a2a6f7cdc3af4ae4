"""Scenarios for the support desk: a message from a template, its arguments from the world of its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from distill.environments.base import Category, Scenario, Split, ToolSuccess, state_digest
from distill.environments.support_desk.environment import SupportDesk
from distill.environments.support_desk.pools import pool
from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import PRIORITIES, REASONS, World, build_world
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

ENVIRONMENT = "support_desk"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# All tools are dealt out into offers of these sizes, and each is asked for so often before they are dealt again.
_OFFERS, _REQUESTS = (2, 2, 3, 3), 2
# Messages are unique within one set. Small talk has few wordings, so after this many repeats the split has run dry.
_MAX_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class _Draft:
    message: str
    calls: tuple[ToolCall, ...] = ()
    answer: str = ""


def generate(split: Split, category: Category, count: int, seed: int) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages, a function of the arguments alone.

    Single-call scenarios ask for each tool equally often, up to two. Several in a row are about the same offer of
    tools, as one deployment would make it.

    Raises:
        ValueError: the split has fewer different messages of this category than ``count``.
    """
    rng = random.Random(f"{split}/{category}/{seed}")  # noqa: S311 - reproducible data, no secret
    needs = _needs(rng, category)
    scenarios: dict[str, Scenario] = {}
    repeats = 0
    needed, offer = next(needs)
    while len(scenarios) < count:
        if repeats > _MAX_REPEATS:
            raise ValueError(f"only {len(scenarios)} different {split} {category} messages exist; ask for fewer")
        # Even seeds build training worlds, odd ones held-out worlds.
        env_seed = 2 * rng.randrange(2**30) + (split == "heldout")
        draft = _draft_talk(split, rng) if needed is None else _draft_call(split, needed, env_seed, rng)
        if draft.message in scenarios:
            repeats += 1
            continue
        repeats = 0
        scenarios[draft.message] = Scenario(
            id=f"{split}-{category}-{seed}-{len(scenarios):05d}",
            split=split,
            category=category,
            environment=ENVIRONMENT,
            env_seed=env_seed,
            tools=offer,
            user_message=draft.message,
            gold_calls=draft.calls,
            expected_state=_state_after(env_seed, draft.calls),
            reference_text=draft.answer,
        )
        needed, offer = next(needs)
    return list(scenarios.values())


def _draft_call(split: Split, tool_name: str, env_seed: int, rng: random.Random) -> _Draft:
    template = rng.choice(call_templates(split)[tool_name])
    arguments = _arguments(tool_name, build_world(env_seed), split, rng)
    return _Draft(template.format(**arguments), calls=(ToolCall(tool_name, arguments),))


def _draft_talk(split: Split, rng: random.Random) -> _Draft:
    pairs = [(answer, template) for answer, group in talk_templates(split).items() for template in group]
    answer, template = rng.choice(pairs)
    words = pool(split)
    message = template.format(
        first_name=rng.choice(words.first_names),
        city=rng.choice(words.cities),
        item=rng.choice(words.items),
        day=rng.choice(_DAYS),
    )
    return _Draft(message, answer=answer)


def _needs(rng: random.Random, category: Category) -> Iterator[tuple[str | None, tuple[ToolSpec, ...]]]:
    """For ever: the tool to ask for (None for small talk) and what is on offer, in random order."""
    while True:
        names = rng.sample(list(TOOLS), len(TOOLS))
        for size in rng.sample(_OFFERS, len(_OFFERS)):
            offered, names = names[:size], names[size:]
            asked = rng.sample(offered * _REQUESTS, size * _REQUESTS)
            for name in asked:
                yield name if category == "single" else None, tuple(TOOLS[each].spec for each in offered)


def _arguments(tool_name: str, world: World, split: Split, rng: random.Random) -> dict[str, JsonValue]:
    """Arguments with which the tool succeeds in this world, in the order of its schema."""
    order_id = rng.choice([key for key, order in world.orders.items() if _order_fits(tool_name, order.status)])
    customer_id = rng.choice(list(world.customers))
    words = pool(split)
    home = world.customers[customer_id].city
    values: dict[str, JsonValue] = {
        "name": world.customers[customer_id].name,
        "customer_id": customer_id,
        "city": rng.choice([city for city in words.cities if city != home]),
        "order_id": order_id,
        "amount": rng.randint(5, world.orders[order_id].total),
        "reason": rng.choice(REASONS),
        "subject": rng.choice(words.subjects),
        "ticket_id": rng.choice(list(world.tickets)),
        "note": rng.choice(words.notes),
    }
    ticket = world.tickets[str(values["ticket_id"])]
    values["priority"] = rng.choice([level for level in PRIORITIES if level != ticket.priority])
    return {name: values[name] for name in TOOLS[tool_name].parameter_names}


def _order_fits(tool_name: str, status: str) -> bool:
    return tool_name != "cancel_order" or status == "processing"


def _state_after(env_seed: int, calls: tuple[ToolCall, ...]) -> str:
    desk = SupportDesk()
    desk.reset(env_seed)
    for call in calls:
        outcome = desk.call(call)
        if not isinstance(outcome, ToolSuccess):
            raise AssertionError(f"the gold call {call} fails in world {env_seed}: {outcome.message}")
    return state_digest(desk)
