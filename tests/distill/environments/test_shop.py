"""The shop: what each tool does, and how it refuses; money is never made or lost."""

from __future__ import annotations

import pytest

from distill.environments.shop.world import Cart, Coupon, Order, Payment, Product
from tests.distill.environments.worlds import Played

ADDRESS = {"street": "Mill Lane 1", "city": "Oslo", "postcode": "12345"}


@pytest.fixture
def play() -> Played:
    """A small shop instead of the seed's."""
    played = Played("shop", 12)
    world = played.world
    world.products = {
        "P-1": Product("red lamp", "office", 1000, 5),
        "P-2": Product("blue tent", "outdoor", 30_000, 20),
        "P-3": Product("red kite", "toys", 500, 0),
    }
    world.cart, world.gift_cards = Cart({"P-1": 2}), {"G-1": 1500, "G-2": 0}
    world.coupons = {"TEN": Coupon(10, 0), "LARGE": Coupon(20, 50_000), "OLD": Coupon(10, 0, used=True)}
    address_id = next(iter(world.addresses))
    world.orders = {
        "O-1": Order("me", {"P-2": 2}, 60_000, 60_000, address_id),
        "O-2": Order("me", {"P-1": 2}, 2000, 0, address_id, "delivered"),
        "O-3": Order("somebody else", {"P-1": 1}, 1000, 1000, address_id),
    }
    world.payments, world.keys, world.returns = {"Y-9": Payment("O-2", "card", 2000, 2000)}, {}, {}
    return played


def test_products_are_searched_and_shown(play: Played) -> None:
    assert [row["sku"] for row in play("search_products", query="RED")["products"]] == ["P-1", "P-3"]
    assert [row["sku"] for row in play("search_products", most_cents=900)["products"]] == ["P-3"]
    assert [row["sku"] for row in play("search_products", category="outdoor")["products"]] == ["P-2"]
    assert play.refused("search_products", category="cars") == "invalid_arguments"
    assert play("get_product", sku="P-1")["price_cents"] == 1000
    assert play.refused("get_product", sku="P-0") == "not_found"


def test_a_cart_is_filled_within_stock_and_bounds(play: Played) -> None:
    assert play("add_to_cart", sku="P-1") == {"sku": "P-1", "quantity": 3}
    assert play.refused("add_to_cart", sku="P-1", quantity=3) == "conflict"
    assert play.refused("add_to_cart", sku="P-2", quantity=11) == "limit_exceeded"
    assert play.refused("add_to_cart", sku="P-2", quantity=0) == "invalid_arguments"
    assert play.refused("add_to_cart", sku="P-0") == "not_found"
    assert play("view_cart") == {"items": {"P-1": 3}, "coupon": None, "total_cents": 3000}
    assert play("remove_from_cart", sku="P-1")["quantity"] == 0
    assert play.refused("remove_from_cart", sku="P-1") == "not_found"


def test_coupons_count_once(play: Played) -> None:
    assert play("apply_coupon", code="TEN") == {"code": "TEN", "percent": 10, "total_cents": 1800}
    assert play.refused("apply_coupon", code="TEN") == "conflict"
    assert play.refused("apply_coupon", code="OLD") == "conflict"
    assert play.refused("apply_coupon", code="LARGE") == "limit_exceeded"
    assert play.refused("apply_coupon", code="NONE") == "not_found"
    play("place_order", address_id=next(iter(play.world.addresses)))
    play("add_to_cart", sku="P-2")
    assert play.refused("apply_coupon", code="TEN") == "conflict"


def test_an_order_is_placed_paid_and_cancelled(play: Played) -> None:
    address_id = play("add_address", address=ADDRESS)["address_id"]
    assert play.refused("add_address", address=ADDRESS) == "conflict"
    assert play.refused("add_address", address={**ADDRESS, "postcode": "x"}) == "invalid_arguments"
    assert play.refused("add_address", address={"street": "x"}) == "invalid_arguments"
    assert play.refused("place_order", address_id="A-0") == "not_found"
    order_id = play("place_order", address_id=address_id)["order_id"]
    assert play("get_product", sku="P-1")["stock"] == 3
    assert play.refused("place_order", address_id=address_id) == "conflict"
    paid = play("authorize_payment", order_id=order_id, method="card", idempotency_key="k")
    assert paid["amount_cents"] == 2000
    assert play("get_order", order_id=order_id)["payment_ids"] == [paid["payment_id"]]
    assert play("capture_payment", payment_id=paid["payment_id"], amount_cents=500)["due_cents"] == 1500
    assert play.refused("capture_payment", payment_id=paid["payment_id"], amount_cents=1501) == "conflict"
    assert play("capture_payment", payment_id=paid["payment_id"])["due_cents"] == 0
    assert [row["order_id"] for row in play("list_orders", status="paid")["orders"]] == [order_id]
    assert play.refused("capture_payment", payment_id=paid["payment_id"]) == "conflict"
    assert play("cancel_order", order_id=order_id)["status"] == "cancelled"
    assert play("get_product", sku="P-1")["stock"] == 5
    assert play.refused("cancel_order", order_id=order_id) == "conflict"


def test_the_same_key_never_pays_twice(play: Played) -> None:
    first = play("authorize_payment", order_id="O-1", method="card", idempotency_key="k")
    assert play("authorize_payment", order_id="O-1", method="card", idempotency_key="k") == first
    assert len(play.world.payments) == 2
    assert play.refused("authorize_payment", order_id="O-1", method="wallet", idempotency_key="k") == "conflict"
    assert play.refused("authorize_payment", order_id="O-1", method="card", idempotency_key="l") == "conflict"


def test_payments_have_limits_and_owners(play: Played) -> None:
    invoice = {"method": "invoice", "idempotency_key": "k"}
    assert play.refused("authorize_payment", order_id="O-1", **invoice) == "limit_exceeded"
    assert play.refused("authorize_payment", order_id="O-3", **invoice) == "permission_denied"
    assert play.refused("authorize_payment", order_id="O-2", **invoice) == "conflict"
    assert play.refused("authorize_payment", order_id="O-0", **invoice) == "not_found"
    assert play("refund_payment", payment_id="Y-9", amount_cents=1500)["refunded_cents"] == 1500
    assert play.refused("refund_payment", payment_id="Y-9", amount_cents=501) == "limit_exceeded"
    assert play.refused("refund_payment", payment_id="Y-0", amount_cents=1) == "not_found"
    assert play.refused("refund_payment", payment_id="Y-9", amount_cents=0) == "invalid_arguments"


def test_gift_cards_pay_what_they_hold(play: Played) -> None:
    assert play("redeem_gift_card", order_id="O-1", card="G-1") == {
        "order_id": "O-1",
        "used_cents": 1500,
        "due_cents": 58_500,
    }
    assert play.refused("redeem_gift_card", order_id="O-1", card="G-1") == "conflict"
    assert play.refused("redeem_gift_card", order_id="O-1", card="G-0") == "not_found"
    assert play.refused("redeem_gift_card", order_id="O-2", card="G-2") == "conflict"
    assert play("authorize_payment", order_id="O-1", method="card", idempotency_key="k")["amount_cents"] == 58_500
    play.world.gift_cards["G-2"] = 1
    assert play.refused("redeem_gift_card", order_id="O-1", card="G-2") == "conflict"


def test_delivered_things_are_tracked_and_returned(play: Played) -> None:
    assert play("track_shipment", order_id="O-2")["status"] == "delivered"
    assert play.refused("track_shipment", order_id="O-1") == "conflict"
    one = [{"sku": "P-1", "quantity": 1}]
    assert play("request_return", order_id="O-2", items=one, reason="damaged")["return_id"] == "B-1"
    two = [{"sku": "P-1", "quantity": 2}]
    assert play.refused("request_return", order_id="O-2", items=two, reason="damaged") == "limit_exceeded"
    other = [{"sku": "P-2", "quantity": 1}]
    assert play.refused("request_return", order_id="O-2", items=other, reason="damaged") == "not_found"
    assert play.refused("request_return", order_id="O-1", items=other, reason="damaged") == "conflict"
    assert play.refused("request_return", order_id="O-2", items=[], reason="damaged") == "invalid_arguments"
    assert play.refused("request_return", order_id="O-2", items=one, reason="bored") == "invalid_arguments"


def test_an_order_that_is_not_gone_can_go_elsewhere(play: Played) -> None:
    address_id = play("add_address", address=ADDRESS)["address_id"]
    assert play("change_address", order_id="O-1", address_id=address_id)["address_id"] == address_id
    assert play.refused("change_address", order_id="O-1", address_id="A-0") == "not_found"
    assert play.refused("change_address", order_id="O-2", address_id=address_id) == "conflict"
    assert play.refused("get_order", order_id="O-3") == "permission_denied"
