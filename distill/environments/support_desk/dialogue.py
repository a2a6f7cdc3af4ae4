"""Sentence templates of scenarios with several calls: joint requests, follow-ups, gaps, failures and chains.

As in ``templates``: held-out wordings differ from the training ones, and slots are the arguments of gold calls. Where
an argument has no slot, it is to be found in an earlier turn or in a tool's result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from distill.environments.base import Split
from distill.environments.scenarios.wordings import JOINTS, REPLIES, TRAIN_ASKS, crossed

Sentences = Mapping[str, tuple[str, ...]]

# Tool -> requests for two calls that differ in one argument, whose second value is in the slot {other}.
_TRAIN_PAIRS: Sentences = {
    "find_customer": (
        *crossed(TRAIN_ASKS, ("find the customers {name} and {other}", "look up customers {name} and {other}")),
        "Who are the customers {name} and {other}?",
    ),
    "list_orders": (
        *crossed(TRAIN_ASKS, ("list the orders of {customer_id} and of {other}",)),
        "Which orders do customers {customer_id} and {other} have?",
        "Orders of {customer_id} and {other}, please.",
    ),
    "get_order_status": (
        *crossed(
            TRAIN_ASKS, ("check the status of orders {order_id} and {other}", "see where {order_id} and {other} are")
        ),
        "Where are my orders {order_id} and {other}?",
    ),
    "cancel_order": (
        *crossed(TRAIN_ASKS, ("cancel orders {order_id} and {other}", "cancel both {order_id} and {other}")),
        "I need neither {order_id} nor {other}, cancel both.",
    ),
    "set_priority": (
        *crossed(TRAIN_ASKS, ("set tickets {ticket_id} and {other} to {priority} priority",)),
        "Tickets {ticket_id} and {other} should both have {priority} priority.",
        "Give {priority} priority to {ticket_id} and {other}.",
    ),
    "add_note": (
        *crossed(TRAIN_ASKS, ("add the note {note} to tickets {ticket_id} and {other}",)),
        "The same note for {ticket_id} and {other}: {note}.",
    ),
    "close_ticket": (
        *crossed(TRAIN_ASKS, ("close tickets {ticket_id} and {other}", "close both {ticket_id} and {other}")),
        "Tickets {ticket_id} and {other} are solved, close them.",
    ),
}
_HELDOUT_PAIRS: Sentences = {
    "find_customer": ("I am looking for two customers, {name} and {other}, find them.",),
    "list_orders": ("Show what customers {customer_id} and {other} have ordered, the orders of both.",),
    "get_order_status": ("Tell me the status of {order_id} as well as {other}.",),
    "cancel_order": ("Two orders to cancel: {order_id} and {other}.",),
    "set_priority": ("Both {ticket_id} and {other} need {priority} priority.",),
    "add_note": ("A note for two tickets, {ticket_id} and {other}: {note}.",),
    "close_ticket": ("Two tickets to close: {ticket_id} and {other}.",),
}

# Tool -> what a user says of the thing that the turn before was about.
_TRAIN_FOLLOW_UPS: Sentences = {
    "list_orders": (
        *crossed(TRAIN_ASKS, ("list the orders of this customer", "show me what this customer ordered")),
        "Which orders do they have?",
        "What did that customer order?",
    ),
    "update_address": (
        *crossed(TRAIN_ASKS, ("change their address to {city}", "set the address of this customer to {city}")),
        "They moved to {city}, update the address.",
        "This customer lives in {city} now, change it.",
    ),
    "create_ticket": (
        *crossed(TRAIN_ASKS, ("open a ticket for them about {subject} with {priority} priority",)),
        "This customer needs a {priority} priority ticket about {subject}.",
        "Create a ticket for the same customer, subject {subject}, priority {priority}.",
    ),
    "get_order_status": (
        *crossed(TRAIN_ASKS, ("check its status", "see where this order is")),
        "And where is that order?",
        "What is the status of it?",
    ),
    "cancel_order": (
        *crossed(TRAIN_ASKS, ("cancel it", "cancel this order")),
        "I do not want it, cancel it.",
        "That order should be cancelled.",
    ),
    "create_refund": (
        *crossed(
            TRAIN_ASKS, ("refund {amount} for it, it was {reason}", "refund {amount} on this order, reason {reason}")
        ),
        "It came {reason}, so I want a refund of {amount}.",
        "That one was {reason}, refund {amount}.",
    ),
    "set_priority": (
        *crossed(TRAIN_ASKS, ("set it to {priority} priority", "change its priority to {priority}")),
        "That ticket should be {priority} priority.",
        "Make it {priority} priority now.",
    ),
    "add_note": (
        *crossed(TRAIN_ASKS, ("add a note to it: {note}", "put the note {note} on this ticket")),
        "And a note for it: {note}.",
        "That ticket needs the note {note}.",
    ),
    "close_ticket": (
        *crossed(TRAIN_ASKS, ("close it", "close this ticket")),
        "It is solved, close it.",
        "That ticket is done, close it.",
    ),
}
_HELDOUT_FOLLOW_UPS: Sentences = {
    "list_orders": ("Could you list all their orders?", "I would like to see the orders of that customer."),
    "update_address": (
        "The address has changed, it is {city} now.",
        "Could you change the address to {city} for them?",
    ),
    "create_ticket": ("Please create a {priority} priority ticket about {subject} for them.",),
    "get_order_status": ("Could you tell me its status?", "What about the status of that order?"),
    "cancel_order": ("Could you cancel that one?", "I changed my mind, cancel it."),
    "create_refund": (
        "Since it was {reason}, please refund {amount}.",
        "Could I get a refund of {amount}, it came {reason}?",
    ),
    "set_priority": ("Could you give it {priority} priority?", "I want {priority} priority for that ticket."),
    "add_note": ("Could you put the note {note} on it?", "Please note on that ticket: {note}."),
    "close_ticket": ("Could you close that ticket?", "I would like to close it now."),
}


@dataclass(frozen=True, slots=True)
class Gap:
    """A request that lacks one argument of its tool."""

    tool: str
    missing: str
    sentences: tuple[str, ...]


def _gap(tool: str, missing: str, *acts: str) -> Gap:
    return Gap(tool, missing, tuple(crossed(TRAIN_ASKS, acts)))


_TRAIN_GAPS: tuple[Gap, ...] = (
    _gap(
        "list_orders",
        "customer_id",
        "list the orders of a customer",
        "show me all orders of one customer",
        "see what someone ordered",
    ),
    _gap(
        "update_address",
        "customer_id",
        "change the address of a customer to {city}",
        "set {city} as the new address of our customer",
        "note that somebody moved to {city}",
    ),
    _gap(
        "update_address",
        "city",
        "change the address of {customer_id}",
        "update the address of customer {customer_id}",
        "note that {customer_id} moved",
        "set a new address for {customer_id}",
    ),
    _gap(
        "get_order_status",
        "order_id",
        "check the status of an order",
        "see where my order is",
        "know the status of my order",
        "find out if the order shipped",
    ),
    _gap(
        "cancel_order",
        "order_id",
        "cancel my order",
        "cancel an order for me",
        "have an order cancelled",
        "stop the order",
    ),
    _gap(
        "create_refund",
        "order_id",
        "refund {amount} for my order, it was {reason}",
        "refund {amount}, it came {reason}",
        "get a refund of {amount}, reason {reason}",
    ),
    _gap(
        "create_refund",
        "amount",
        "refund order {order_id}, it was {reason}",
        "get a refund for {order_id}, reason {reason}",
        "pay me back for {order_id}, it came {reason}",
    ),
    _gap(
        "set_priority",
        "ticket_id",
        "set my ticket to {priority} priority",
        "change the priority of a ticket to {priority}",
        "give the ticket {priority} priority",
    ),
    _gap(
        "set_priority",
        "priority",
        "change the priority of {ticket_id}",
        "set a priority for ticket {ticket_id}",
        "give {ticket_id} another priority",
        "set the priority of ticket {ticket_id}",
    ),
    _gap(
        "add_note",
        "ticket_id",
        "add the note {note} to a ticket",
        "put a note on my ticket: {note}",
        "add a note: {note}",
        "note {note}",
    ),
    _gap(
        "close_ticket",
        "ticket_id",
        "close my ticket",
        "close a ticket",
        "have the ticket closed",
        "close the solved ticket",
    ),
)
_HELDOUT_GAPS: tuple[Gap, ...] = (
    Gap("list_orders", "customer_id", ("Could you list the orders that a customer has?",)),
    Gap("update_address", "customer_id", ("Could you change the address of someone to {city}?",)),
    Gap("update_address", "city", ("{customer_id} has a new address, please change it.",)),
    Gap(
        "get_order_status",
        "order_id",
        ("I would like to know the status of my order.", "Could you check where an order is?"),
    ),
    Gap("cancel_order", "order_id", ("Could you cancel one of my orders?", "I would like an order cancelled.")),
    Gap("create_refund", "order_id", ("Can I get {amount} as a refund? It was {reason}.",)),
    Gap("create_refund", "amount", ("Since {order_id} came {reason}, can I get a refund?",)),
    Gap("set_priority", "ticket_id", ("Could you change a ticket to {priority} priority?",)),
    Gap("set_priority", "priority", ("Could you change the priority of ticket {ticket_id}?",)),
    Gap("add_note", "ticket_id", ("Could you put this note on a ticket: {note}?",)),
    Gap("close_ticket", "ticket_id", ("Could you close a ticket for me?", "I would like a ticket closed.")),
)
# The word by which an assistant asks for a parameter, and a user names it.
WORDS: Mapping[str, str] = {
    "customer_id": "customer",
    "order_id": "order",
    "ticket_id": "ticket",
    "city": "city",
    "amount": "amount",
    "priority": "priority",
}

# Refunds of more than is left, which the user has thought of.
_LESS: Mapping[Split, tuple[str, ...]] = {
    "train": (
        *crossed(
            TRAIN_ASKS,
            (
                "refund {amount} for order {order_id}, or as much as is left, it was {reason}",
                "refund {amount} on {order_id} or the most that you can, reason {reason}",
            ),
        ),
        "Order {order_id} was {reason}. Refund {amount}, or what is possible.",
        "Refund {amount} or less for {order_id}, it came {reason}.",
    ),
    "heldout": (
        "Since {order_id} was {reason}, refund {amount} or whatever remains.",
        "Can I get {amount} back for order {order_id}, or the highest refund there is? It came {reason}.",
    ),
}
# An order to cancel that has left already, and what to do then.
_FALLBACK: Mapping[Split, tuple[str, ...]] = {
    "train": (
        *crossed(
            TRAIN_ASKS,
            (
                "cancel order {order_id}, and if that fails refund {amount}, it was {reason}",
                "cancel {order_id} or else refund {amount} for it, reason {reason}",
            ),
        ),
        "Order {order_id} was {reason}. Cancel it, or if it is too late, refund {amount}.",
        "If {order_id} cannot be cancelled, refund {amount}, it came {reason}.",
    ),
    "heldout": (
        "Could you cancel {order_id}? If not, I want a refund of {amount}, it was {reason}.",
        "Please have {order_id} cancelled or, if it has left, refund {amount} because it was {reason}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Two calls in a row: the second one's argument ``link`` is in the first one's result. Slots are of both."""

    first: str
    second: str
    link: str
    train: tuple[str, ...]
    heldout: tuple[str, ...]

    def sentences(self, split: Split) -> tuple[str, ...]:
        """The requests of one split."""
        return self.train if split == "train" else self.heldout


CHAINS: tuple[Chain, ...] = (
    Chain(
        "find_customer",
        "list_orders",
        "customer_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "list the orders of {name}",
                    "find {name} and list their orders",
                    "show what {name} ordered",
                    "get the orders for our customer {name}",
                    "see all orders by customer {name}",
                ),
            ),
            "Which orders does {name} have?",
            "Find {name}. Then show the orders.",
        ),
        ("Could you show me all the orders by {name}?", "What orders has {name} made?"),
    ),
    Chain(
        "find_customer",
        "update_address",
        "customer_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "change the address of {name} to {city}",
                    "find {name} and set the address to {city}",
                    "update the address of customer {name} to {city}",
                    "set {city} as the new address of {name}",
                    "note that {name} lives in {city} and change the address",
                ),
            ),
            "{name} moved to {city}, update the address.",
            "The new address of {name} is in {city}.",
        ),
        ("{name} now lives in {city}, change the address.", "Could you change the address to {city} for {name}?"),
    ),
    Chain(
        "find_customer",
        "create_ticket",
        "customer_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "open a {priority} priority ticket for {name} about {subject}",
                    "create a ticket on {subject} for customer {name}, {priority} priority",
                    "make a ticket for our customer {name}, subject {subject}, priority {priority}",
                    "raise a ticket about {subject} at priority {priority} for {name}",
                    "open a {priority} ticket on {subject} for customer {name}",
                ),
            ),
            "{name} needs a ticket about {subject} with {priority} priority.",
            "New ticket for {name}: {subject}, {priority} priority.",
        ),
        ("Please create a {priority} priority ticket on {subject} for our customer {name}.",),
    ),
    Chain(
        "create_ticket",
        "add_note",
        "ticket_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "open a {priority} priority ticket for {customer_id} about {subject} and add the note {note} to it",
                    "create a ticket on {subject} for {customer_id}, {priority} priority, and note on it: {note}",
                    "make a {priority} ticket about {subject} for {customer_id}, then add a note: {note}",
                    "raise a ticket for {customer_id}, subject {subject}, priority {priority}, leave the note {note}",
                ),
            ),
            "New ticket for {customer_id}: {subject}, {priority} priority, with the note {note}.",
            "Open a ticket about {subject} for {customer_id}, priority {priority}, then put a note on it: {note}.",
        ),
        ("Create a {priority} priority ticket for {customer_id} on {subject}, and note there: {note}.",),
    ),
    Chain(
        "list_orders",
        "get_order_status",
        "order_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "check the status of the order of {customer_id}",
                    "see where the order of {customer_id} is",
                    "tell me the status of the one order by {customer_id}",
                    "know if the order that {customer_id} made has shipped",
                ),
            ),
            "Customer {customer_id} has one order. Where is it?",
        ),
        ("Could you tell me the status of the one order that {customer_id} has?",),
    ),
    Chain(
        "list_orders",
        "cancel_order",
        "order_id",
        (
            *crossed(
                TRAIN_ASKS,
                (
                    "cancel the order of {customer_id}",
                    "cancel the one order of customer {customer_id}",
                    "have the order by {customer_id} cancelled",
                    "stop and cancel the order that {customer_id} made",
                ),
            ),
            "Customer {customer_id} has one order. Cancel it.",
        ),
        ("Could you have the only order by {customer_id} cancelled?",),
    ),
)


def joints(split: Split) -> tuple[str, ...]:
    """What stands between two requests."""
    return JOINTS[split]


def pair_templates(split: Split) -> Sentences:
    """Tool to requests for two of its calls."""
    return _TRAIN_PAIRS if split == "train" else _HELDOUT_PAIRS


def follow_up_templates(split: Split) -> Sentences:
    """Tool to requests about the thing that was spoken of before."""
    return _TRAIN_FOLLOW_UPS if split == "train" else _HELDOUT_FOLLOW_UPS


def gaps(split: Split) -> tuple[Gap, ...]:
    """Requests that lack an argument."""
    return _TRAIN_GAPS if split == "train" else _HELDOUT_GAPS


def replies(split: Split) -> tuple[str, ...]:
    """What a user answers when asked for an argument."""
    return REPLIES[split]


def less_templates(split: Split) -> tuple[str, ...]:
    """Requests for a refund that may have to be smaller."""
    return _LESS[split]


def fallback_templates(split: Split) -> tuple[str, ...]:
    """Requests to cancel, or to refund where that fails."""
    return _FALLBACK[split]


def every_sentence(split: Split) -> Iterable[str]:
    """All templates of this module."""
    for group in (pair_templates(split), follow_up_templates(split)):
        for sentences in group.values():
            yield from sentences
    for gap in gaps(split):
        yield from gap.sentences
    for chain in CHAINS:
        yield from chain.sentences(split)
    yield from (*joints(split), *replies(split), *less_templates(split), *fallback_templates(split))
