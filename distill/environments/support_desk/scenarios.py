"""Scenarios for the support desk: a message from a template, its arguments from the world of its seed."""

from __future__ import annotations

import random
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
# Messages are unique within one set. Small talk has few wordings, so after this many repeats the split has run dry.
_MAX_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class _Draft:
    message: str
    calls: tuple[ToolCall, ...] = ()
    answer: str = ""


def generate(split: Split, category: Category, count: int, seed: int) -> list[Scenario]:
    """``count`` scenarios with pairwise different messages, a function of the arguments alone.

    The tools of single-call scenarios take turns, so that each occurs equally often, up to one.

    Raises:
        ValueError: the split has fewer different messages of this category than ``count``.
    """
    rng = random.Random(f"{split}/{category}/{seed}")  # noqa: S311 - reproducible data, no secret
    names = list(TOOLS)
    scenarios: dict[str, Scenario] = {}
    repeats = 0
    while len(scenarios) < count:
        if repeats > _MAX_REPEATS:
            raise ValueError(f"only {len(scenarios)} different {split} {category} messages exist; ask for fewer")
        # Even seeds build training worlds, odd ones held-out worlds.
        env_seed = 2 * rng.randrange(2**30) + (split == "heldout")
        needed = names[len(scenarios) % len(names)] if category == "single" else None
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
            tools=_offer(rng, needed),
            user_message=draft.message,
            gold_calls=draft.calls,
            expected_state=_state_after(env_seed, draft.calls),
            reference_text=draft.answer,
        )
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


def _offer(rng: random.Random, needed: str | None) -> tuple[ToolSpec, ...]:
    """Two or three tools in random order, the needed one among them."""
    others = [name for name in TOOLS if name != needed]
    chosen = rng.sample(others, rng.choice((2, 3)) - (needed is not None)) + ([needed] if needed else [])
    rng.shuffle(chosen)
    return tuple(TOOLS[name].spec for name in chosen)


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
