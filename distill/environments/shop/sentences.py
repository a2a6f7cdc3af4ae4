"""How users ask for one call of the shop."""

from __future__ import annotations

from distill.environments.scenarios.wordings import acts

REQUESTS = {
    "search_products": acts(
        (
            "search the shop for {query}",
            "find products in {category} for at most {most_cents}",
            "look for a {query} up to {most_cents}",
        ),
        ("check whether you sell a {query}", "tell me what {category} goods I can have below {most_cents}"),
    ),
    "get_product": acts(
        ("show the price of product {sku}", "get the details of {sku}", "check the stock of {sku}"),
        ("tell me what {sku} costs", "work out whether {sku} is to be had"),
    ),
    "view_cart": acts(
        ("show my cart", "tell me what my cart costs", "see what is in the cart", "view the whole cart"),
        ("read out everything I have collected so far", "sum up my basket"),
    ),
    "add_to_cart": acts(
        ("add {sku} to my cart", "put {quantity} of {sku} in the cart", "add {quantity} pieces of product {sku}"),
        ("drop {sku} into my basket", "let me have {quantity} of those {sku}"),
    ),
    "remove_from_cart": acts(
        ("remove {sku} from my cart", "take product {sku} out of the cart", "drop {sku} from the cart"),
        ("leave {sku} out of my basket", "forget about {sku} in what I collected"),
    ),
    "apply_coupon": acts(
        ("use the coupon {code}", "apply coupon {code} to my cart", "take off the discount of {code}"),
        ("redeem the voucher {code} on my basket", "let {code} make it cheaper"),
    ),
    "add_address": acts(
        ("add the address {address}", "save my new address {address}", "note that I can be reached at {address}"),
        ("remember {address} as a place to deliver to", "extend my address book by {address}"),
    ),
    "place_order": acts(
        (
            "order my cart to address {address_id}",
            "place the order, send it to {address_id}",
            "buy the cart for {address_id}",
        ),
        ("have all of my basket delivered at {address_id}", "check out with {address_id} as the destination"),
    ),
    "list_orders": acts(
        ("list my orders that are {status}", "show all {status} orders", "list my orders"),
        ("name every purchase of mine that is {status}", "read out what I ever bought"),
    ),
    "get_order": acts(
        ("show order {order_id}", "get the details of order {order_id}", "see what is in {order_id}"),
        ("tell me all about the purchase {order_id}", "open {order_id} for me"),
    ),
    "cancel_order": acts(
        ("cancel order {order_id}", "cancel {order_id} before it ships", "call off my order {order_id}"),
        ("stop the purchase {order_id}", "see that {order_id} is never sent"),
    ),
    "authorize_payment": acts(
        (
            "authorize the payment of order {order_id} by {method} with the key {idempotency_key}",
            "pay {order_id} by {method}, idempotency key {idempotency_key}",
        ),
        ("let {method} cover the purchase {order_id} under the key {idempotency_key}",),
    ),
    "capture_payment": acts(
        (
            "capture payment {payment_id}",
            "capture {amount_cents} of payment {payment_id}",
            "collect {amount_cents} on {payment_id}",
        ),
        ("draw the money of {payment_id}", "charge {amount_cents} against {payment_id}"),
    ),
    "refund_payment": acts(
        ("refund {amount_cents} of payment {payment_id}", "pay back {amount_cents} on {payment_id}"),
        ("return {amount_cents} to me out of {payment_id}",),
    ),
    "redeem_gift_card": acts(
        ("pay order {order_id} with the gift card {card}", "use gift card {card} for {order_id}"),
        ("let the voucher card {card} cover {order_id}",),
    ),
    "request_return": acts(
        ("return {items} of order {order_id}, reason {reason}", "send back {items} from {order_id}, it is {reason}"),
        ("take {items} out of {order_id} back on the grounds {reason}",),
    ),
    "track_shipment": acts(
        ("track the shipment of {order_id}", "see where the parcel of order {order_id} is", "track order {order_id}"),
        ("find out how far {order_id} has come", "follow the delivery {order_id}"),
    ),
    "change_address": acts(
        ("send order {order_id} to address {address_id}", "change the address of {order_id} to {address_id}"),
        ("let {order_id} go to {address_id} instead",),
    ),
}
FOLLOW_UPS = {
    ("get_product", "sku"): acts(("show its price", "check the stock of it"), ("tell me what this one costs",)),
    ("add_to_cart", "sku"): acts(
        ("add it to my cart", "put {quantity} of it in the cart"), ("let me have {quantity} of those",)
    ),
    ("remove_from_cart", "sku"): acts(
        ("remove it from the cart", "take it out again"), ("leave this out of my basket",)
    ),
    ("get_order", "order_id"): acts(("show that order", "get its details"), ("tell me all about this purchase",)),
    ("cancel_order", "order_id"): acts(("cancel it", "call that order off"), ("stop this purchase after all",)),
    ("redeem_gift_card", "order_id"): acts(
        ("pay it with the gift card {card}",), ("let the voucher card {card} cover this",)
    ),
    ("authorize_payment", "order_id"): acts(
        ("pay it by {method} with the key {idempotency_key}",),
        ("let {method} cover this under the key {idempotency_key}",),
    ),
    ("capture_payment", "payment_id"): acts(
        ("capture it", "capture {amount_cents} of it"), ("charge {amount_cents} against this",)
    ),
    ("refund_payment", "payment_id"): acts(("refund {amount_cents} of it",), ("return {amount_cents} of this to me",)),
    ("request_return", "order_id"): acts(
        ("return {items} of it, reason {reason}",), ("take {items} back on the grounds {reason}",)
    ),
    ("track_shipment", "order_id"): acts(("track it", "see where that parcel is"), ("find out how far this has come",)),
    ("change_address", "order_id"): acts(
        ("send it to address {address_id}",), ("let this go to {address_id} instead",)
    ),
    ("place_order", "address_id"): acts(("order my cart to that address",), ("have all of my basket delivered there",)),
}
GAPS = {
    ("get_product", "sku"): acts(
        ("show the price of a product", "check the stock of something"), ("tell me what an item costs",)
    ),
    ("add_to_cart", "sku"): acts(
        ("put {quantity} of something in my cart", "add a product to the cart"), ("drop an item into my basket",)
    ),
    ("apply_coupon", "code"): acts(("use a coupon", "apply my coupon to the cart"), ("redeem a voucher on my basket",)),
    ("add_address", "address"): acts(("add an address", "save my new address"), ("extend my address book",)),
    ("place_order", "address_id"): acts(("order my cart", "place the order now"), ("check out for me",)),
    ("get_order", "order_id"): acts(
        ("show one of my orders", "get the details of an order"), ("tell me all about a purchase",)
    ),
    ("cancel_order", "order_id"): acts(("cancel my order", "cancel an order before it ships"), ("stop a purchase",)),
    ("authorize_payment", "method"): acts(
        ("authorize the payment of {order_id} with the key {idempotency_key}",),
        ("settle {order_id} under the key {idempotency_key}",),
    ),
    ("authorize_payment", "idempotency_key"): acts(
        ("pay {order_id} by {method}",), ("let {method} cover the purchase {order_id}",)
    ),
    ("refund_payment", "amount_cents"): acts(
        ("refund something on {payment_id}",), ("return some money out of {payment_id}",)
    ),
    ("redeem_gift_card", "card"): acts(
        ("pay {order_id} with a gift card",), ("let some voucher card cover {order_id}",)
    ),
    ("request_return", "reason"): acts(
        ("return {items} of order {order_id}",), ("take {items} out of {order_id} back",)
    ),
    ("track_shipment", "order_id"): acts(
        ("track my shipment", "see where a parcel is"), ("find out how far a delivery has come",)
    ),
    ("change_address", "address_id"): acts(
        ("change the address of order {order_id}",), ("let {order_id} go somewhere else",)
    ),
}
WORDS = {
    "sku": "product",
    "code": "code",
    "address": "address",
    "address_id": "address",
    "order_id": "order",
    "payment_id": "payment",
    "method": "method",
    "idempotency_key": "key",
    "amount_cents": "amount",
    "card": "card",
    "reason": "reason",
}
