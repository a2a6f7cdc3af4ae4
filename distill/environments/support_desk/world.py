"""The world of a seed: which customers, orders and tickets it has."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from distill.environments.base import Split
from distill.environments.pools import Pool, pool
from distill.environments.seeds import new_id, split_of_seed

Priority = Literal["low", "normal", "high"]
Reason = Literal["damaged", "late", "wrong"]
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high")
REASONS: tuple[Reason, ...] = ("damaged", "late", "wrong")

_CUSTOMERS = 6
_ORDERS = 9
_TICKETS = 6
_ORDER_STATUSES = ("processing", "shipped", "delivered")


@dataclass(slots=True)
class Customer:
    """A customer. ``name`` is unique within a world."""

    name: str
    city: str


@dataclass(slots=True)
class Order:
    """An order. ``total`` and ``refunded`` are whole currency units."""

    customer_id: str
    item: str
    total: int
    status: str
    refunded: int = 0


@dataclass(slots=True)
class Refund:
    """A refund of part of an order."""

    order_id: str
    amount: int
    reason: str


@dataclass(slots=True)
class Ticket:
    """A support ticket. ``status`` is open or closed."""

    customer_id: str
    subject: str
    priority: str
    status: str = "open"
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """All tables by id."""

    customers: dict[str, Customer] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)


def build_world(seed: int) -> World:
    """The initial state for ``seed``. Every order status occurs, and every ticket is open."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    split = split_of_seed(seed)
    words = pool(split)
    world = World()
    _add_customers(world, rng, split, words)
    customer_ids = list(world.customers)
    for index in range(_ORDERS):
        status = _ORDER_STATUSES[index % len(_ORDER_STATUSES)]
        order = Order(rng.choice(customer_ids), rng.choice(words.items), rng.randint(20, 500), status)
        world.orders[new_id(rng, split, "O", 5, world.orders)] = order
    for _ in range(_TICKETS):
        ticket = Ticket(rng.choice(customer_ids), rng.choice(words.subjects), rng.choice(PRIORITIES))
        world.tickets[new_id(rng, split, "T", 4, world.tickets)] = ticket
    return world


def _add_customers(world: World, rng: random.Random, split: Split, words: Pool) -> None:
    # Sampling last names without replacement makes full names unique.
    for last_name in rng.sample(words.last_names, _CUSTOMERS):
        name = f"{rng.choice(words.first_names)} {last_name}"
        world.customers[new_id(rng, split, "C", 4, world.customers)] = Customer(name, rng.choice(words.cities))
