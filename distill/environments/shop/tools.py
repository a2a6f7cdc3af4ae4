"""Tools of the shop: their specifications and what they do to a world."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from distill.environments.shop.world import (
    CATEGORIES,
    INVOICE_LIMIT_CENTS,
    METHODS,
    MOST_PIECES,
    REASONS,
    Address,
    Cart,
    Order,
    Payment,
    Product,
    Return,
    World,
)
from distill.environments.tools import (
    ToolRefusedError,
    by_name,
    choice,
    find,
    fresh_id,
    record,
    several,
    text,
    tool,
    whole,
)

_MOST_CENTS = 10_000_000


def _order(world: World, order_id: str, *states: str) -> Order:
    """An order of mine, in one of some states where they are named."""
    order = find(world.orders, "order", order_id)
    if order.owner != world.me:
        raise ToolRefusedError("permission_denied", f"order {order_id} is another customer's")
    if states and order.status not in states:
        raise ToolRefusedError("conflict", f"order {order_id} is {order.status}, not {' or '.join(states)}")
    return order


def _payment(world: World, payment_id: str) -> Payment:
    payment = find(world.payments, "payment", payment_id)
    _order(world, payment.order_id)
    return payment


def _in_stock(world: World, sku: str, quantity: int) -> Product:
    product = find(world.products, "product", sku)
    if quantity > MOST_PIECES:
        raise ToolRefusedError("limit_exceeded", f"a cart holds at most {MOST_PIECES} of one product")
    if quantity > product.stock:
        raise ToolRefusedError("conflict", f"{product.stock} of {sku} are in stock; choose fewer")
    return product


def _goods_cents(world: World) -> int:
    return sum(world.products[sku].price_cents * quantity for sku, quantity in world.cart.items.items())


def _total_cents(world: World) -> int:
    goods, code = _goods_cents(world), world.cart.coupon
    return goods - goods * world.coupons[code].percent // 100 if code else goods


def search_products(
    world: World, query: str = "", category: str | None = None, most_cents: int | None = None
) -> dict[str, Any]:
    found = [
        {"sku": sku, "name": product.name, "price_cents": product.price_cents}
        for sku, product in world.products.items()
        if query.lower() in product.name
        and category in (None, product.category)
        and (most_cents is None or product.price_cents <= most_cents)
    ]
    return {"products": found}


def get_product(world: World, sku: str) -> dict[str, Any]:
    return {"sku": sku, **asdict(find(world.products, "product", sku))}


def view_cart(world: World) -> dict[str, Any]:
    return {**asdict(world.cart), "total_cents": _total_cents(world)}


def add_to_cart(world: World, sku: str, quantity: int = 1) -> dict[str, Any]:
    wanted = world.cart.items.get(sku, 0) + quantity
    _in_stock(world, sku, wanted)
    world.cart.items[sku] = wanted
    return {"sku": sku, "quantity": wanted}


def remove_from_cart(world: World, sku: str) -> dict[str, Any]:
    find(world.cart.items, "product in the cart with the id", sku)
    del world.cart.items[sku]
    return {"sku": sku, "quantity": 0}


def apply_coupon(world: World, code: str) -> dict[str, Any]:
    coupon = find(world.coupons, "coupon", code)
    if coupon.used or world.cart.coupon == code:
        raise ToolRefusedError("conflict", f"coupon {code} has been used; try another one")
    if _goods_cents(world) < coupon.least_cents:
        raise ToolRefusedError("limit_exceeded", f"coupon {code} needs a cart of {coupon.least_cents} cents or more")
    world.cart.coupon = code
    return {"code": code, "percent": coupon.percent, "total_cents": _total_cents(world)}


def add_address(world: World, address: dict[str, str]) -> dict[str, Any]:
    new = Address(**address)
    if new in world.addresses.values():
        raise ToolRefusedError("conflict", "this address is known already")
    address_id = fresh_id(world.addresses, "A")
    world.addresses[address_id] = new
    return {"address_id": address_id}


def place_order(world: World, address_id: str) -> dict[str, Any]:
    find(world.addresses, "address", address_id)
    if not world.cart.items:
        raise ToolRefusedError("conflict", "the cart is empty; add something first")
    for sku, quantity in world.cart.items.items():
        _in_stock(world, sku, quantity)
    total, order_id = _total_cents(world), fresh_id(world.orders, "O")
    for sku, quantity in world.cart.items.items():
        world.products[sku].stock -= quantity
    if world.cart.coupon:
        world.coupons[world.cart.coupon].used = True
    world.orders[order_id] = Order(world.me, world.cart.items, total, total, address_id)
    world.cart = Cart()
    return {"order_id": order_id, "total_cents": total}


def list_orders(world: World, status: str | None = None) -> dict[str, Any]:
    found = [(key, order) for key, order in world.orders.items() if order.owner == world.me]
    return {"orders": [{"order_id": key, "status": one.status} for key, one in found if status in (None, one.status)]}


def get_order(world: World, order_id: str) -> dict[str, Any]:
    order = _order(world, order_id)
    payments = [key for key, payment in world.payments.items() if payment.order_id == order_id]
    return {"order_id": order_id, **asdict(order), "payment_ids": payments}


def cancel_order(world: World, order_id: str) -> dict[str, Any]:
    order = _order(world, order_id, "open", "paid")
    order.status = "cancelled"
    for sku, quantity in order.items.items():
        world.products[sku].stock += quantity
    return {"order_id": order_id, "status": order.status}


def _authorized_cents(world: World, order_id: str) -> int:
    """What payments have been promised for an order and not been captured."""
    payments = [payment for payment in world.payments.values() if payment.order_id == order_id]
    return sum(payment.amount_cents - payment.captured_cents for payment in payments)


def authorize_payment(world: World, order_id: str, method: str, idempotency_key: str) -> dict[str, Any]:
    if idempotency_key in world.keys:
        payment_id = world.keys[idempotency_key]
        payment = world.payments[payment_id]
        if (payment.order_id, payment.method) != (order_id, method):
            raise ToolRefusedError("conflict", f"the key {idempotency_key} was used for another payment")
        return {"payment_id": payment_id, "amount_cents": payment.amount_cents}
    order = _order(world, order_id, "open")
    due = order.due_cents - _authorized_cents(world, order_id)
    if due <= 0:
        raise ToolRefusedError("conflict", f"order {order_id} has an authorized payment; capture it")
    if method == "invoice" and due > INVOICE_LIMIT_CENTS:
        raise ToolRefusedError("limit_exceeded", f"invoices go up to {INVOICE_LIMIT_CENTS} cents; pay otherwise")
    payment_id = fresh_id(world.payments, "Y")
    world.payments[payment_id] = Payment(order_id, method, due)
    world.keys[idempotency_key] = payment_id
    return {"payment_id": payment_id, "amount_cents": due}


def capture_payment(world: World, payment_id: str, amount_cents: int | None = None) -> dict[str, Any]:
    payment = _payment(world, payment_id)
    order = _order(world, payment.order_id, "open")
    left = min(payment.amount_cents - payment.captured_cents, order.due_cents)
    amount = left if amount_cents is None else amount_cents
    if not 0 < amount <= left:
        raise ToolRefusedError("conflict", f"{left} cents can be captured with {payment_id}, not {amount}")
    payment.captured_cents += amount
    order.due_cents -= amount
    order.status = "open" if order.due_cents else "paid"
    return {"payment_id": payment_id, "captured_cents": payment.captured_cents, "due_cents": order.due_cents}


def refund_payment(world: World, payment_id: str, amount_cents: int) -> dict[str, Any]:
    payment = _payment(world, payment_id)
    left = payment.captured_cents - payment.refunded_cents
    if amount_cents > left:
        raise ToolRefusedError("limit_exceeded", f"{left} cents can be refunded on {payment_id}; choose at most that")
    payment.refunded_cents += amount_cents
    return {"payment_id": payment_id, "refunded_cents": payment.refunded_cents}


def redeem_gift_card(world: World, order_id: str, card: str) -> dict[str, Any]:
    order = _order(world, order_id, "open")
    balance = find(world.gift_cards, "gift card", card)
    if not balance:
        raise ToolRefusedError("conflict", f"gift card {card} is empty; pay otherwise")
    if _authorized_cents(world, order_id):
        raise ToolRefusedError("conflict", f"order {order_id} has an authorized payment; capture that")
    used = min(balance, order.due_cents)
    world.gift_cards[card] -= used
    order.due_cents -= used
    order.status = "open" if order.due_cents else "paid"
    return {"order_id": order_id, "used_cents": used, "due_cents": order.due_cents}


def request_return(world: World, order_id: str, items: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    order = _order(world, order_id, "delivered")
    wanted: dict[str, int] = {}
    for item in items:
        wanted[item["sku"]] = wanted.get(item["sku"], 0) + item["quantity"]
    returned = [each.items for each in world.returns.values() if each.order_id == order_id]
    for sku, quantity in wanted.items():
        bought = find(order.items, f"product in order {order_id} with the id", sku)
        left = bought - sum(each.get(sku, 0) for each in returned)
        if quantity > left:
            raise ToolRefusedError("limit_exceeded", f"{left} of {sku} can be returned; choose at most that")
    return_id = fresh_id(world.returns, "B")
    world.returns[return_id] = Return(order_id, wanted, reason)
    return {"return_id": return_id}


def track_shipment(world: World, order_id: str) -> dict[str, Any]:
    order = _order(world, order_id, "shipped", "delivered")
    return {"order_id": order_id, "status": order.status, "address": asdict(world.addresses[order.address_id])}


def change_address(world: World, order_id: str, address_id: str) -> dict[str, Any]:
    order = _order(world, order_id, "open", "paid")
    find(world.addresses, "address", address_id)
    order.address_id = address_id
    return {"order_id": order_id, "address_id": address_id}


_SKU, _ORDER_ID, _PAYMENT_ID = text("Product id"), text("Order id"), text("Payment id")
_ADDRESS_ID = text("Address id")
_QUANTITY = whole("Pieces", 1, 99)
_ADDRESS = record(
    "Address", street=text("Street and number"), city=text("City"), postcode=text("Five digits", pattern=r"^\d{5}$")
)
_ITEM = record("Pieces of a product", sku=_SKU, quantity=_QUANTITY)
_STATES = ("open", "paid", "shipped", "delivered", "cancelled")

TOOLS = by_name(
    tool(
        search_products,
        "Search the catalogue.",
        optional=("query", "category", "most_cents"),
        query=text("Part of the name"),
        category=choice(CATEGORIES),
        most_cents=whole("Highest price in cents", 1, _MOST_CENTS),
    ),
    tool(get_product, "Get price and stock of a product.", sku=_SKU),
    tool(view_cart, "See the cart and what it costs."),
    tool(
        add_to_cart,
        "Add a product to the cart.",
        optional=("quantity",),
        sku=_SKU,
        quantity={**_QUANTITY, "default": 1},
    ),
    tool(remove_from_cart, "Remove a product from the cart.", sku=_SKU),
    tool(apply_coupon, "Use a coupon for the cart.", code=text("Coupon code")),
    tool(add_address, "Add an address.", address=_ADDRESS),
    tool(place_order, "Order what is in the cart.", address_id=_ADDRESS_ID),
    tool(list_orders, "List your orders.", optional=("status",), status=choice(_STATES)),
    tool(get_order, "Get the details of an order.", order_id=_ORDER_ID),
    tool(cancel_order, "Cancel an order that has not shipped.", order_id=_ORDER_ID),
    tool(
        authorize_payment,
        "Authorize a payment of what is due for an order.",
        order_id=_ORDER_ID,
        method=choice(METHODS),
        idempotency_key=text("The same key never pays twice", minLength=1),
    ),
    tool(
        capture_payment,
        "Capture an authorized payment.",
        optional=("amount_cents",),
        payment_id=_PAYMENT_ID,
        amount_cents=whole("Cents; all that was authorized unless given", 1, _MOST_CENTS),
    ),
    tool(
        refund_payment,
        "Refund part of a captured payment.",
        payment_id=_PAYMENT_ID,
        amount_cents=whole("Cents", 1, _MOST_CENTS),
    ),
    tool(redeem_gift_card, "Pay an order with a gift card.", order_id=_ORDER_ID, card=text("Gift card id")),
    tool(
        request_return,
        "Return pieces of a delivered order.",
        order_id=_ORDER_ID,
        items=several(_ITEM, "What comes back", 10),
        reason=choice(REASONS),
    ),
    tool(track_shipment, "See where a shipped order is.", order_id=_ORDER_ID),
    tool(change_address, "Send an order to another address.", order_id=_ORDER_ID, address_id=_ADDRESS_ID),
)
