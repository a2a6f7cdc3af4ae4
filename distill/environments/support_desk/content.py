"""What scenarios of the support desk are made of where a difficulty is asked for: its own sentences, and more tools."""

from __future__ import annotations

from functools import partial
from typing import Any

from distill.environments.scenarios.content import Beyond, Chain, Content, Draws, Fallback, Link, Stage, Values
from distill.environments.scenarios.wordings import Wordings, acts
from distill.environments.support_desk import dialogue
from distill.environments.support_desk.drafts import GIVES, IDS, READING, Desk, found_link
from distill.environments.support_desk.templates import call_templates
from distill.environments.support_desk.tools import BASIC_TOOLS, TOOLS
from distill.environments.support_desk.world import build_world


def _desk(draws: Draws) -> Desk:
    return Desk(draws.split, 0, draws.world, draws.rng)


def _draw(tool: str, draws: Draws) -> Values:
    return _desk(draws).arguments(tool, **draws.given)


def _link(name: str) -> Link:
    return lambda results: found_link(results[-1], name)


_REQUESTS = {
    **{tool: Wordings(call_templates("train")[tool], call_templates("heldout")[tool]) for tool in BASIC_TOOLS},
    "get_customer": acts(
        ("get the record of customer {customer_id}", "show who customer {customer_id} is"),
        ("tell me the name behind {customer_id}",),
    ),
    "list_tickets": acts(
        ("list the tickets of customer {customer_id}", "show all tickets by {customer_id}"),
        ("name every ticket that {customer_id} has with us",),
    ),
    "get_ticket": acts(
        ("show the details of ticket {ticket_id}", "read ticket {ticket_id} with its notes"),
        ("tell me what stands in {ticket_id}",),
    ),
}
_TRAIN_FOLLOW_UPS, _HELDOUT_FOLLOW_UPS = (dialogue.follow_up_templates(split) for split in ("train", "heldout"))
_FOLLOW_UPS = {
    (tool, link): Wordings(_TRAIN_FOLLOW_UPS[tool], _HELDOUT_FOLLOW_UPS[tool])
    for tool in _TRAIN_FOLLOW_UPS
    for link in IDS
    if link in TOOLS[tool].required
}
_GAPS = {
    (train.tool, train.missing): Wordings(train.sentences, heldout.sentences)
    for train, heldout in zip(dialogue.gaps("train"), dialogue.gaps("heldout"), strict=True)
}
_CHAINS = (
    *(
        Chain((Stage(one.first), Stage(one.second, {one.link: _link(one.link)})), Wordings(one.train, one.heldout))
        for one in dialogue.CHAINS
    ),
    Chain(
        (
            Stage("find_customer"),
            Stage("list_orders", {"customer_id": _link("customer_id")}),
            Stage("cancel_order", {"order_id": _link("order_id")}),
        ),
        acts(("cancel the one order that {name} has",), ("stop the single thing {name} has ordered",)),
    ),
    Chain(
        (
            Stage("find_customer"),
            Stage("list_orders", {"customer_id": _link("customer_id")}),
            Stage("cancel_order", {"order_id": _link("order_id")}),
            Stage("create_refund", {"order_id": lambda results: results[2]["order_id"]}),
        ),
        acts(
            ("cancel the one order that {name} has and refund {amount} for it, it was {reason}",),
            ("stop the single thing {name} has ordered and pay {amount} back since it was {reason}",),
        ),
    ),
    Chain(
        (
            Stage("find_customer"),
            Stage("create_ticket", {"customer_id": _link("customer_id")}),
            Stage("add_note", {"ticket_id": _link("ticket_id")}),
        ),
        acts(
            ("open a ticket about {subject} for {name} at {priority} priority and note {note} on it",),
            ("have {subject} of {name} taken up as a {priority} ticket, with the words {note}",),
        ),
    ),
)


def _too_much(draws: Draws) -> list[Values]:
    """A refund of more than is left, and then of that."""
    desk = _desk(draws)
    wish = desk.arguments("create_refund")
    order = desk.world.orders[str(wish["order_id"])]
    left = order.total - order.refunded
    return [{**wish, "amount": left + draws.rng.randint(1, 400)}, {**wish, "amount": left}]


def _too_late(draws: Draws) -> list[Values]:
    """An order that cannot be cancelled any more, and is refunded."""
    desk = _desk(draws)
    gone = [key for key, order in desk.world.orders.items() if order.status != "processing"]
    order_id = draws.rng.choice(gone)
    return [{"order_id": order_id}, desk.arguments("create_refund", order_id=order_id)]


_FALLBACKS = (
    Fallback(
        ("create_refund", "create_refund"),
        "conflict",
        _too_much,
        Wordings(dialogue.less_templates("train"), dialogue.less_templates("heldout")),
    ),
    Fallback(
        ("cancel_order", "create_refund"),
        "conflict",
        _too_late,
        Wordings(dialogue.fallback_templates("train"), dialogue.fallback_templates("heldout")),
    ),
)
_BEYOND = (
    Beyond("get_ticket", acts(("translate ticket {ticket_id} into French",), ("turn {ticket_id} into a poem",))),
    Beyond("get_order_status", acts(("gift-wrap order {order_id}",), ("insure {order_id} against theft",))),
    Beyond("find_customer", acts(("call {name} on the phone",), ("send flowers to {name}",))),
)
CONTENT: Content[Any] = Content(
    name="support_desk",
    build=build_world,
    tools=TOOLS,
    draws={tool: partial(_draw, tool) for tool in TOOLS},
    requests=_REQUESTS,
    follow_ups=_FOLLOW_UPS,
    gaps=_GAPS,
    words=dialogue.WORDS,
    chains=_CHAINS,
    fallbacks=_FALLBACKS,
    beyond=_BEYOND,
    reading=READING | {"get_customer", "list_tickets", "get_ticket"},
    gives=GIVES,
    substitutes={"list_orders": ("get_order_status",), "get_customer": ("find_customer",)},
)
