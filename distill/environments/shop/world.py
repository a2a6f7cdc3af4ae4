"""The shop of a seed, as one customer sees it. Amounts are whole cents; the clock stands still."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from distill.environments.base import Split
from distill.environments.pools import listed, paired, pool
from distill.environments.seeds import new_id, split_of_seed

METHODS = ("card", "invoice", "wallet")
CATEGORIES = ("kitchen", "office", "outdoor", "toys")
REASONS = ("damaged", "wrong_item", "changed_mind")
INVOICE_LIMIT_CENTS = 50_000
MOST_PIECES = 10
"""Pieces of one product in a cart."""
_PRODUCTS, _COUPONS, _GIFT_CARDS, _ADDRESSES = 8, 3, 2, 2
# In which state each order of a new world is; the last one is somebody else's.
_ORDERS = ("open", "open", "paid", "paid", "shipped", "delivered", "delivered", "open")
PRODUCTS: Mapping[Split, tuple[str, ...]] = {
    "train": paired(
        "red, blue, large, small, wooden, folding, electric, heavy, silent, soft, striped, classic",
        "lamp, chair, kettle, tent, puzzle, mixer, stapler, hammock, kite, notebook, cooler, robot",
    ),
    "heldout": paired(
        "amber, compact, portable, velvet, glossy, rugged", "toaster, binder, canteen, drone, easel, grinder"
    ),
}
STREETS: Mapping[Split, tuple[str, ...]] = {
    "train": listed(
        "Mill Lane, High Street, Park Road, Station Street, Church Lane, Garden Road, Bridge Street, Oak Road"
    ),
    "heldout": listed("Harbour Way, Castle Row, Quarry Hill, Abbey Close, Orchard Drive"),
}
_CODES: Mapping[Split, tuple[str, ...]] = {
    "train": listed("SPRING, WELCOME, THANKS, FAMILY, SUNNY, BONUS"),
    "heldout": listed("AUTUMN, REUNION, FESTIVE, LOYAL"),
}


@dataclass(slots=True)
class Product:
    """Something to buy. ``stock`` counts pieces."""

    name: str
    category: str
    price_cents: int
    stock: int


@dataclass(slots=True)
class Address:
    """Where to send things."""

    street: str
    city: str
    postcode: str


@dataclass(slots=True)
class Cart:
    """Pieces by product, and a coupon that will count."""

    items: dict[str, int] = field(default_factory=dict)
    coupon: str | None = None


@dataclass(slots=True)
class Coupon:
    """A discount on carts of at least ``least_cents``."""

    percent: int
    least_cents: int
    used: bool = False


@dataclass(slots=True)
class Order:
    """An order. ``status`` is open, paid, shipped, delivered or cancelled; ``due_cents`` is what is not paid yet."""

    owner: str
    items: dict[str, int]
    total_cents: int
    due_cents: int
    address_id: str
    status: str = "open"


@dataclass(slots=True)
class Payment:
    """Money for an order: authorized first, then captured, then perhaps refunded."""

    order_id: str
    method: str
    amount_cents: int
    captured_cents: int = 0
    refunded_cents: int = 0


@dataclass(slots=True)
class Return:
    """Pieces that come back."""

    order_id: str
    items: dict[str, int]
    reason: str


@dataclass(slots=True)
class World:
    """All tables by id. ``keys`` are the idempotency keys that payments were made with."""

    now: str
    me: str
    products: dict[str, Product] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)
    cart: Cart = field(default_factory=Cart)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    gift_cards: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)


def build_world(seed: int) -> World:
    """The initial state for ``seed``: orders in every state, one of them another customer's, and things in the cart."""
    rng = random.Random(seed)  # noqa: S311 - reproducible data, no secret
    split = split_of_seed(seed)
    world = World(f"{2030 + (split == 'heldout')}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T12:00", "me")
    for name in rng.sample(PRODUCTS[split], _PRODUCTS):
        product = Product(name, rng.choice(CATEGORIES), 25 * rng.randint(8, 900), rng.choice((0, 3, 6, 20)))
        world.products[new_id(rng, split, "P", 4, world.products)] = product
    for _ in range(_ADDRESSES):
        world.addresses[new_id(rng, split, "A", 3, world.addresses)] = draw_address(rng, split)
    for code in rng.sample(_CODES[split], _COUPONS):
        coupon = Coupon(5 * rng.randint(1, 5), 1000 * rng.randint(0, 20), rng.random() < 0.3)
        world.coupons[f"{code}{rng.randint(10, 99)}"] = coupon
    for _ in range(_GIFT_CARDS):
        world.gift_cards[new_id(rng, split, "G", 5, world.gift_cards)] = 500 * rng.randint(1, 20)
    for status in _ORDERS:
        _add_order(rng, split, world, status)
    list(world.orders.values())[-1].owner = "somebody else"
    available = [sku for sku, product in world.products.items() if product.stock]
    world.cart.items = {sku: rng.randint(1, 2) for sku in rng.sample(available, min(2, len(available)))}
    return world


def draw_address(rng: random.Random, split: Split) -> Address:
    """A new address of a split."""
    street = f"{rng.choice(STREETS[split])} {rng.randint(1, 99)}"
    return Address(street, rng.choice(pool(split).cities), f"{rng.randint(1, 9)}{rng.randint(0, 9999):04}")


def _add_order(rng: random.Random, split: Split, world: World, status: str) -> None:
    items = {sku: rng.randint(1, 3) for sku in rng.sample(list(world.products), rng.randint(1, 2))}
    total = sum(world.products[sku].price_cents * quantity for sku, quantity in items.items())
    order_id = new_id(rng, split, "O", 5, world.orders)
    paid = status != "open"
    due = 0 if paid else total
    world.orders[order_id] = Order(world.me, items, total, due, rng.choice(list(world.addresses)), status)
    if paid or rng.random() < 0.5:
        payment = Payment(order_id, rng.choice(METHODS), total, total if paid else 0)
        world.payments[new_id(rng, split, "Y", 5, world.payments)] = payment
