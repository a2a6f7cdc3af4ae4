"""What scenarios of the shop are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distill.environments.scenarios.content import (
    Beyond,
    Chain,
    Content,
    Fallback,
    Saying,
    Stage,
    listing,
    only,
)
from distill.environments.scenarios.wordings import acts
from distill.environments.shop import draws, sentences
from distill.environments.shop.tools import TOOLS
from distill.environments.shop.world import build_world


def _found(results: Any) -> Any:
    return only(results[0]["products"], "sku")


def _one_order(results: Any) -> Any:
    return only(results[0]["orders"], "order_id")


def _new_address(results: Any) -> Any:
    return results[0]["address_id"]


def _ordered(results: Any) -> Any:
    return results[-1]["order_id"]


def _one_payment(results: Any) -> Any:
    return only([{"id": key} for key in results[-1]["payment_ids"]], "id")


def _authorized(results: Any) -> Any:
    return results[-1]["payment_id"]


_CHAINS = (
    Chain(
        (Stage("search_products"), Stage("get_product", {"sku": _found})),
        acts(
            ("check the stock of the {query}", "show all about the {query}"),
            ("work out whether a {query} is to be had",),
        ),
    ),
    Chain(
        (Stage("search_products"), Stage("add_to_cart", {"sku": _found})),
        acts(
            ("put {quantity} of the {query} in my cart", "add the {query} to my cart, {quantity} pieces"),
            ("let me have {quantity} of that {query}",),
        ),
    ),
    Chain(
        (Stage("list_orders"), Stage("track_shipment", {"order_id": _one_order})),
        acts(("track my one order that is {status}",), ("follow the delivery of my only {status} purchase",)),
    ),
    Chain(
        (Stage("add_address"), Stage("place_order", {"address_id": _new_address})),
        acts(
            ("order my cart to the new address {address}",),
            ("have all of my basket delivered to {address}, a new place",),
        ),
    ),
    Chain(
        (Stage("add_address"), Stage("change_address", {"address_id": _new_address})),
        acts(("send order {order_id} to the new address {address}",), ("let {order_id} go to {address}, a new place",)),
    ),
    Chain(
        (Stage("get_order"), Stage("refund_payment", {"payment_id": _one_payment})),
        acts(("refund {amount_cents} on order {order_id}",), ("return {amount_cents} for the purchase {order_id}",)),
    ),
    Chain(
        (Stage("authorize_payment"), Stage("capture_payment", {"payment_id": _authorized})),
        acts(
            ("pay {order_id} by {method} with the key {idempotency_key} and capture it right away",),
            ("let {method} cover {order_id} under the key {idempotency_key}, and charge it at once",),
        ),
    ),
    Chain(
        (
            Stage("add_address"),
            Stage("place_order", {"address_id": _new_address}),
            Stage("authorize_payment", {"order_id": _ordered}),
        ),
        acts(
            ("order my cart to the new address {address} and pay by {method} with the key {idempotency_key}",),
            ("have my basket delivered to {address}, a new place, and let {method} cover it, key {idempotency_key}",),
        ),
    ),
    Chain(
        (
            Stage("place_order"),
            Stage("authorize_payment", {"order_id": _ordered}),
            Stage("capture_payment", {"payment_id": _authorized}),
        ),
        acts(
            ("order my cart to {address_id}, pay by {method} with the key {idempotency_key} and capture it",),
            ("check out to {address_id}, let {method} cover it under the key {idempotency_key}, and charge it",),
        ),
    ),
    Chain(
        (
            Stage("search_products"),
            Stage("add_to_cart", {"sku": _found}),
            Stage("place_order"),
            Stage("authorize_payment", {"order_id": _ordered}),
        ),
        acts(
            ("put {quantity} of the {query} in my cart, order it to {address_id} by {method}, key {idempotency_key}",),
            ("let me have {quantity} of that {query} at {address_id}, {method} to cover it, key {idempotency_key}",),
        ),
    ),
)
_FALLBACKS = (
    Fallback(
        ("add_to_cart", "add_to_cart"),
        "conflict",
        draws.too_many,
        acts(
            ("put {quantity} of {sku} in my cart, or as many as there are",),
            ("let me have {quantity} of those {sku}, failing that whatever is left",),
        ),
    ),
    Fallback(
        ("authorize_payment", "authorize_payment"),
        "limit_exceeded",
        draws.large_invoice,
        acts(
            ("pay {order_id} by {method} with the key {idempotency_key}, or if that is too much, by {then_method}",),
            ("let {method} cover {order_id} under the key {idempotency_key}, past its limit {then_method}",),
        ),
    ),
    Fallback(
        ("cancel_order", "request_return"),
        "conflict",
        draws.gone_order,
        acts(
            ("cancel {order_id}, or if it has come already, return {items}, reason {reason}",),
            ("stop the purchase {order_id} or, when too late, take {items} back on the grounds {reason}",),
        ),
    ),
    Fallback(
        ("apply_coupon", "apply_coupon"),
        "conflict",
        draws.used_coupon,
        acts(
            ("use the coupon {code}, or if it has been used, {then_code}",),
            ("redeem the voucher {code}, failing that {then_code}",),
        ),
    ),
    Fallback(
        ("cancel_order", "cancel_order"),
        "permission_denied",
        draws.not_mine,
        acts(
            ("cancel order {order_id}, or if that is not mine, {then_order_id}",),
            ("stop the purchase {order_id}; should I have mixed up the number, {then_order_id}",),
        ),
    ),
)
_BEYOND = (
    Beyond("get_product", acts(("write a review of {sku}", "gift-wrap {sku}"), ("show me a film about {sku}",))),
    Beyond(
        "get_order",
        acts(("insure order {order_id}", "print the invoice of {order_id}"), ("rate the courier of {order_id}",)),
    ),
    Beyond(
        "refund_payment", acts(("convert payment {payment_id} to dollars",), ("explain the tax within {payment_id}",))
    ),
)


def _plain_cents(value: int) -> str:
    return f"{value} cents"


def _euros(value: int) -> str:
    return f"{value // 100}.{value % 100:02} euros"


def _address(value: dict[str, str]) -> str:
    return f"{value['street']}, {value['postcode']} {value['city']}"


def _items(value: Sequence[dict[str, Any]]) -> str:
    return listing([f"{item['quantity']} of {item['sku']}" for item in value])


_CENTS = Saying(_plain_cents, _euros)
_REASONS = {"damaged": "damaged", "wrong_item": "the wrong item", "changed_mind": "a change of mind"}

CONTENT = Content(
    name="shop",
    build=build_world,
    tools=TOOLS,
    draws=draws.DRAWS,
    requests=sentences.REQUESTS,
    follow_ups=sentences.FOLLOW_UPS,
    gaps=sentences.GAPS,
    words=sentences.WORDS,
    chains=_CHAINS,
    fallbacks=_FALLBACKS,
    beyond=_BEYOND,
    reading=frozenset(("search_products", "get_product", "view_cart", "list_orders", "get_order", "track_shipment")),
    gives={"place_order": ("order_id",), "authorize_payment": ("payment_id",), "add_address": ("address_id",)},
    sayings={
        "amount_cents": _CENTS,
        "most_cents": _CENTS,
        "address": Saying(_address, _address),
        "items": Saying(_items, _items),
        "reason": Saying(str, _REASONS.__getitem__),
    },
    substitutes={
        "get_product": ("search_products",),
        "search_products": ("get_product",),
        "list_orders": ("get_order",),
        "get_order": ("list_orders", "track_shipment"),
        "track_shipment": ("get_order", "list_orders"),
        "authorize_payment": ("redeem_gift_card",),
        "redeem_gift_card": ("authorize_payment",),
    },
)
