"""Values for the tools of the shop, with which a call mostly succeeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from distill.environments.scenarios.content import Draw, Draws, Values
from distill.environments.shop.world import INVOICE_LIMIT_CENTS, METHODS, MOST_PIECES, REASONS, World, draw_address


def _order(draws: Draws, *states: str) -> str:
    world: World = draws.world
    mine = [key for key, order in world.orders.items() if order.owner == world.me]
    return draws.rng.choice([key for key in mine if not states or world.orders[key].status in states])


def _sku(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice(list(world.products))


def _address_id(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice(list(world.addresses))


def _coupon(draws: Draws) -> str:
    world: World = draws.world
    return draws.rng.choice(list(world.coupons))


def _search(draws: Draws) -> Values:
    product = draws.world.products[_sku(draws)]
    return {
        "query": product.name,
        "category": product.category,
        "most_cents": product.price_cents + 100 * draws.rng.randint(0, 20),
    }


def _key(draws: Draws) -> str:
    # Even for one split, odd for the other, as with the seeds of worlds.
    return f"key-{2 * draws.rng.randint(500, 4999) + (draws.split == 'heldout')}"


def _unpaid(draws: Draws) -> str:
    """An order without an authorized payment."""
    world: World = draws.world
    authorized = {payment.order_id for payment in world.payments.values()}
    return draws.rng.choice(
        [key for key, one in world.orders.items() if one.owner == world.me and one.due_cents and key not in authorized]
    )


def _capture(draws: Draws) -> Values:
    world: World = draws.world
    waiting = [
        (key, one.amount_cents)
        for key, one in world.payments.items()
        if not one.captured_cents and world.orders[one.order_id].owner == world.me
    ]
    payment_id, amount = draws.rng.choice(waiting)
    return {"payment_id": payment_id, "amount_cents": draws.rng.randint(1, max(1, amount // 100)) * 100}


def _refund(draws: Draws) -> Values:
    captured = [(key, one.captured_cents) for key, one in draws.world.payments.items() if one.captured_cents]
    payment_id, amount = draws.rng.choice(captured)
    return {"payment_id": payment_id, "amount_cents": draws.rng.randint(1, max(1, amount // 100)) * 100}


def _return(draws: Draws) -> Values:
    order_id = str(draws.given.get("order_id") or _order(draws, "delivered"))
    bought = draws.world.orders[order_id].items
    items: Any = [{"sku": sku, "quantity": draws.rng.randint(1, count)} for sku, count in bought.items()]
    chosen = draws.rng.sample(items, draws.rng.randint(1, len(items)))
    return {"order_id": order_id, "items": chosen, "reason": draws.rng.choice(REASONS)}


def _add(draws: Draws) -> Values:
    sku = str(draws.given.get("sku") or _sku(draws))
    return {"sku": sku, "quantity": draws.rng.randint(1, 4)}


def _change_address(draws: Draws) -> Values:
    order_id = str(draws.given.get("order_id") or _order(draws, "open", "paid"))
    others = [key for key in draws.world.addresses if key != draws.world.orders[order_id].address_id]
    return {"order_id": order_id, "address_id": draws.rng.choice(others)}


DRAWS: Mapping[str, Draw] = {
    "search_products": _search,
    "get_product": lambda draws: {"sku": _sku(draws)},
    "view_cart": lambda _draws: {},
    "add_to_cart": _add,
    "remove_from_cart": lambda draws: {"sku": draws.rng.choice(list(draws.world.cart.items))},
    "apply_coupon": lambda draws: {"code": _coupon(draws)},
    "add_address": lambda draws: {"address": {**asdict(draw_address(draws.rng, draws.split))}},
    "place_order": lambda draws: {"address_id": _address_id(draws)},
    "list_orders": lambda draws: {"status": draws.rng.choice(("open", "paid", "shipped", "delivered"))},
    "get_order": lambda draws: {"order_id": _order(draws)},
    "cancel_order": lambda draws: {"order_id": _order(draws, "open", "paid")},
    "authorize_payment": lambda draws: {
        "order_id": _unpaid(draws),
        "method": draws.rng.choice(METHODS),
        "idempotency_key": _key(draws),
    },
    "capture_payment": _capture,
    "refund_payment": _refund,
    "redeem_gift_card": lambda draws: {
        "order_id": _unpaid(draws),
        "card": draws.rng.choice(list(draws.world.gift_cards)),
    },
    "request_return": _return,
    "track_shipment": lambda draws: {"order_id": _order(draws, "shipped", "delivered")},
    "change_address": _change_address,
}


def too_many(draws: Draws) -> list[Values]:
    """More of a product than there are, and then all that there are."""
    world: World = draws.world
    few = [sku for sku, one in world.products.items() if 0 < one.stock < MOST_PIECES and sku not in world.cart.items]
    sku = draws.rng.choice(few)
    stock = world.products[sku].stock
    wish = draws.rng.randint(stock + 1, MOST_PIECES)
    return [{"sku": sku, "quantity": wish}, {"sku": sku, "quantity": stock}]


def large_invoice(draws: Draws) -> list[Values]:
    """An order too large for an invoice, which is paid otherwise."""
    order_id = _unpaid(draws)
    if draws.world.orders[order_id].due_cents <= INVOICE_LIMIT_CENTS:
        raise IndexError("no order is too large")
    key, other = _key(draws), draws.rng.choice(("card", "wallet"))
    base: Values = {"order_id": order_id, "idempotency_key": key}
    return [{**base, "method": "invoice"}, {**base, "method": other}]


def gone_order(draws: Draws) -> list[Values]:
    """A delivered order, which cannot be cancelled but returned."""
    values = _return(draws)
    return [{"order_id": values["order_id"]}, values]


def used_coupon(draws: Draws) -> list[Values]:
    """A coupon that has been used, and then another one."""
    used = [code for code, coupon in draws.world.coupons.items() if coupon.used]
    return [{"code": draws.rng.choice(used)}, {"code": _coupon(draws)}]


def not_mine(draws: Draws) -> list[Values]:
    """Somebody else's order, and then one's own."""
    world: World = draws.world
    foreign = [key for key, order in world.orders.items() if order.owner != world.me]
    return [{"order_id": draws.rng.choice(foreign)}, {"order_id": _order(draws, "open", "paid")}]
