"""Sentence templates of requests for one call, and of small talk.

Held-out templates are worded differently from the training ones but keep each intent's key word, which is what a reader
may generalise from. Slots are the arguments of the gold call, and for small talk words of the split.
"""

from __future__ import annotations

from functools import cache

from distill.environments.base import Split
from distill.environments.scenarios.wordings import TRAIN_ASKS, crossed

# Tool name -> sentences; the slots are that tool's arguments.
_TRAIN_CALLS: dict[str, tuple[str, ...]] = {
    "find_customer": (
        "Find the customer {name}.",
        "Please look up customer {name}.",
        "Find customer {name} for me.",
        "I need the customer record of {name}.",
        "Look up the customer called {name}.",
        "Which customer is named {name}?",
        "Can you find a customer with the name {name}?",
        "Search the customer {name}, please.",
    ),
    "list_orders": (
        "List the orders of customer {customer_id}.",
        "Show all orders of {customer_id}.",
        "Which orders does customer {customer_id} have?",
        "List all orders for {customer_id}.",
        "Give me the orders of customer {customer_id}.",
        "Please list orders of {customer_id}.",
        "What orders did {customer_id} place?",
        "Show me the list of orders of customer {customer_id}.",
    ),
    "update_address": (
        "Customer {customer_id} moved to {city}, update the address.",
        "Update the address of {customer_id} to {city}.",
        "Please change the address of customer {customer_id} to {city}.",
        "The new address of {customer_id} is in {city}.",
        "Set the address of customer {customer_id} to {city}.",
        "{customer_id} has moved to {city}, please update.",
        "Change the address for {customer_id}, the city is {city}.",
        "Update customer {customer_id}: new address in {city}.",
    ),
    "get_order_status": (
        "What is the status of order {order_id}?",
        "Check the status of order {order_id}.",
        "Where is order {order_id}?",
        "Please give me the status of {order_id}.",
        "Show the order status for {order_id}.",
        "Has order {order_id} shipped yet?",
        "I want the status of my order {order_id}.",
        "Where is my order {order_id} now?",
    ),
    "cancel_order": (
        "Cancel order {order_id}.",
        "Please cancel my order {order_id}.",
        "I want to cancel {order_id}.",
        "Can you cancel order {order_id} for me?",
        "Order {order_id} should be cancelled.",
        "Cancel the order {order_id}, please.",
        "I do not need {order_id}, cancel it.",
        "Please cancel {order_id} before it ships.",
    ),
    "create_refund": (
        "Refund {amount} for order {order_id}, it was {reason}.",
        "Please refund {amount} on order {order_id} because it was {reason}.",
        "Order {order_id} was {reason}, refund {amount}.",
        "I want a refund of {amount} for {order_id}, reason {reason}.",
        "Create a refund of {amount} for order {order_id}: {reason}.",
        "My order {order_id} came {reason}, please refund {amount}.",
        "Give a refund of {amount} on {order_id}, the item was {reason}.",
        "The item in {order_id} was {reason}. Refund {amount} please.",
        "{order_id} was {reason}, I need a refund of {amount}.",
    ),
    "create_ticket": (
        "Open a {priority} priority ticket for {customer_id} about {subject}.",
        "Create a ticket for customer {customer_id} about {subject}, priority {priority}.",
        "New ticket for {customer_id}: {subject}, {priority} priority.",
        "Please open a ticket about {subject} for {customer_id} with {priority} priority.",
        "Customer {customer_id} needs a {priority} priority ticket about {subject}.",
        "Create a {priority} ticket for {customer_id}, subject {subject}.",
        "Open a ticket for customer {customer_id}, subject {subject}, priority {priority}.",
        "I need a new {priority} priority ticket about {subject} for customer {customer_id}.",
        "Make a ticket: customer {customer_id}, {subject}, priority {priority}.",
    ),
    "set_priority": (
        "Set ticket {ticket_id} to {priority} priority.",
        "Change the priority of {ticket_id} to {priority}.",
        "Set the priority of ticket {ticket_id} to {priority}.",
        "Ticket {ticket_id} should have {priority} priority.",
        "Please give {ticket_id} a {priority} priority.",
        "Make {ticket_id} a {priority} priority ticket.",
        "The priority of ticket {ticket_id} is now {priority}.",
        "Move ticket {ticket_id} to priority {priority}.",
    ),
    "add_note": (
        "Add a note to ticket {ticket_id}: {note}.",
        "Add the note {note} to {ticket_id}.",
        "Please note on ticket {ticket_id}: {note}.",
        "Put a note on {ticket_id} saying {note}.",
        "New note for ticket {ticket_id}: {note}.",
        "Write the note {note} on ticket {ticket_id}.",
        "Note for {ticket_id}: {note}.",
        "Ticket {ticket_id} needs the note {note}.",
    ),
    "close_ticket": (
        "Close ticket {ticket_id}.",
        "Please close {ticket_id}.",
        "You can close the ticket {ticket_id}.",
        "Ticket {ticket_id} is solved, close it.",
        "I want to close ticket {ticket_id}.",
        "Close the ticket {ticket_id} for me.",
        "The issue in {ticket_id} is fixed, please close it.",
        "Ticket {ticket_id} can be closed.",
    ),
}
_TRAIN_ACTS: dict[str, tuple[str, ...]] = {
    "find_customer": (
        "find customer {name}",
        "look up the customer {name}",
        "find the customer called {name}",
        "search customer {name}",
        "find the record that belongs to customer {name}",
        "look for a customer with name {name}",
    ),
    "list_orders": (
        "list every order of {customer_id}",
        "show the orders of customer {customer_id}",
        "see all orders by {customer_id}",
        "list what {customer_id} ordered",
        "get the orders for customer {customer_id}",
        "show a list of orders for {customer_id}",
    ),
    "update_address": (
        "update the address of {customer_id} to {city}",
        "change the address of customer {customer_id} to {city}",
        "set {city} as the new address of {customer_id}",
        "update the city of {customer_id} to {city}",
        "switch the address for {customer_id} to {city}",
        "note that {customer_id} lives in {city} and change the address",
    ),
    "get_order_status": (
        "check the status of {order_id}",
        "get the status of order {order_id}",
        "see where order {order_id} is",
        "know the status of order {order_id}",
        "tell me where {order_id} is",
        "check order {order_id} and its status",
    ),
    "cancel_order": (
        "cancel order {order_id}",
        "cancel {order_id}",
        "have the order {order_id} cancelled",
        "cancel the whole order {order_id}",
        "get {order_id} cancelled",
        "stop and cancel order {order_id}",
    ),
    "create_refund": (
        "refund {amount} for order {order_id}, which was {reason}",
        "refund {amount} on {order_id}, it came {reason}",
        "create a refund of {amount} on order {order_id}, reason {reason}",
        "pay a refund of {amount} since {order_id} was {reason}",
        "get a refund of {amount} for the {reason} order {order_id}",
        "issue a refund for {order_id}, amount {amount}, reason {reason}",
    ),
    "create_ticket": (
        "open a ticket for {customer_id} about {subject} with {priority} priority",
        "create a {priority} priority ticket about {subject} for {customer_id}",
        "make a new ticket for customer {customer_id}, subject {subject}, priority {priority}",
        "open a {priority} ticket on {subject} for customer {customer_id}",
        "create a new ticket on {subject}, customer {customer_id}, {priority} priority",
        "raise a ticket about {subject} at priority {priority} for {customer_id}",
    ),
    "set_priority": (
        "set {ticket_id} to {priority} priority",
        "change the priority of ticket {ticket_id} to {priority}",
        "give ticket {ticket_id} {priority} priority",
        "change {ticket_id} to priority {priority}",
        "set a {priority} priority for {ticket_id}",
        "make the priority of {ticket_id} {priority}",
    ),
    "add_note": (
        "add a note to {ticket_id}: {note}",
        "place the note {note} on ticket {ticket_id}",
        "note on {ticket_id}: {note}",
        "add the note {note} on {ticket_id}",
        "leave a note on ticket {ticket_id}: {note}",
        "put this note on {ticket_id}: {note}",
    ),
    "close_ticket": (
        "close ticket {ticket_id}",
        "close {ticket_id}",
        "have ticket {ticket_id} closed",
        "close the solved ticket {ticket_id}",
        "close {ticket_id} as done",
        "get the ticket {ticket_id} closed",
    ),
}
_HELDOUT_CALLS: dict[str, tuple[str, ...]] = {
    "find_customer": (
        "Could you look up a customer called {name}?",
        "Please find the record of customer {name}.",
        "I want to find the customer named {name}.",
        "Search for customer {name}.",
    ),
    "list_orders": (
        "Please show the orders for customer {customer_id}.",
        "Can you list the orders of {customer_id}?",
        "What are the orders of customer {customer_id}?",
        "I need a list of all orders by {customer_id}.",
    ),
    "update_address": (
        "Please update the address for customer {customer_id} to {city}.",
        "{customer_id} now lives in {city}, change the address.",
        "Could you change the address of {customer_id} to {city}?",
        "Customer {customer_id} has a new address in {city}.",
    ),
    "get_order_status": (
        "Tell me the status of order {order_id}, please.",
        "Could you check where order {order_id} is?",
        "I would like to know the status of {order_id}.",
        "Can I get the order status of {order_id}?",
    ),
    "cancel_order": (
        "I would like to cancel order {order_id}.",
        "Could you cancel {order_id} today?",
        "Please have order {order_id} cancelled.",
        "I changed my mind, cancel order {order_id}.",
    ),
    "create_refund": (
        "Can I get a refund of {amount} for order {order_id}? It was {reason}.",
        "Since order {order_id} was {reason}, please refund {amount}.",
        "Issue a refund of {amount} on order {order_id}, it came {reason}.",
        "We owe a refund of {amount}: order {order_id} was {reason}.",
    ),
    "create_ticket": (
        "Please create a {priority} priority ticket for customer {customer_id} about {subject}.",
        "Could you open a ticket for {customer_id} about {subject} with priority {priority}?",
        "Open a new ticket about {subject} for customer {customer_id}, {priority} priority.",
        "I want a {priority} priority ticket for {customer_id}, subject {subject}.",
    ),
    "set_priority": (
        "Please set the priority of {ticket_id} to {priority}.",
        "Could you change ticket {ticket_id} to {priority} priority?",
        "Give ticket {ticket_id} the priority {priority}.",
        "I want {priority} priority for ticket {ticket_id}.",
    ),
    "add_note": (
        "Please add a note on {ticket_id}: {note}.",
        "Could you put the note {note} on {ticket_id}?",
        "Add this note to ticket {ticket_id}: {note}.",
        "Put the note {note} on ticket {ticket_id}.",
    ),
    "close_ticket": (
        "Could you close ticket {ticket_id}?",
        "Please close the ticket {ticket_id} now.",
        "Ticket {ticket_id} is done, please close it.",
        "I would like to close {ticket_id}.",
    ),
}

_WELCOME = "You are welcome!"
_HELLO = "Hello! How can I help you?"
_SORRY = "Sorry, I cannot help with that."

# Polite answer -> sentences; the slots are {first_name}, {city}, {item} and {day}.
_TRAIN_TALK: dict[str, tuple[str, ...]] = {
    _WELCOME: (
        "Thanks a lot, {first_name} here, all is well with my {item}.",
        "Thank you, the {item} works fine again.",
        "Great, thanks for your help with the {item}.",
        "Thanks, greetings from {city}.",
        "Many thanks and a nice {day}!",
        "Perfect, thank you, bye from {first_name}.",
    ),
    _HELLO: (
        "Hello, this is {first_name}.",
        "Hi, {first_name} here, how are you?",
        "Good morning from {city}!",
        "Hello there, are you open on {day}?",
        "Hi, it is {first_name} from {city}.",
        "Good day, my name is {first_name}.",
    ),
    _SORRY: (
        "What is the weather in {city} on {day}?",
        "How do I clean a {item}?",
        "Can you tell me a joke about a {item}?",
        "Which bus goes to {city}?",
        "Do you sell a {item} in {city}?",
        "Who won the game in {city} on {day}?",
        "Book me a hotel in {city} for {day}.",
        "What is a good name for my dog, maybe {first_name}?",
    ),
}
# As for calls: ways to open, and what about.
_TRAIN_TALK_ASKS: dict[str, tuple[str, ...]] = {
    _WELCOME: (
        *("Thanks{act}.", "Thank you{act}.", "Many thanks{act}.", "Thanks a lot{act}!", "Great, thanks{act}."),
        *("Perfect, thank you{act}!", "Cheers{act}.", "Wonderful, thanks{act}!", "Good, thank you very much{act}."),
    ),
    _HELLO: (
        *("Hello{act}.", "Hi{act}.", "Good morning{act}.", "Good day{act}!", "Hey{act}.", "Good afternoon{act}."),
        *("Greetings{act}.", "Hello again{act}!", "Hi everybody{act}."),
    ),
    _SORRY: (
        "Tell me about {act}.",
        "What do you know about {act}?",
        "I wonder about {act}.",
        "Can you help me with {act}?",
        "Any idea about {act}?",
        "Please explain {act}.",
        "Where do I find {act}?",
        "I am looking for {act}.",
        "What do you think of {act}?",
        "Do you like {act}?",
        "I read about {act}, is it true?",
        "Talk to me about {act}.",
    ),
}
_TRAIN_TALK_ACTS: dict[str, tuple[str, ...]] = {
    _WELCOME: (
        *(" for the {item}", ", greetings from {city}", ", see you on {day}", ", says {first_name}"),
        *(" for your help, {first_name} here", ", that solved it", ", my {item} works again", ", that was quick"),
        *(" and bye", ", {first_name} is happy now", " and a nice {day} to you", ", the {item} looks fine"),
    ),
    _HELLO: (
        *(", this is {first_name}", ", {first_name} from {city} speaking", ", how are you", ", anybody there"),
        *(" from {city}", ", I am {first_name}", ", nice to meet you", ", what a lovely {day}", ", are you a robot"),
        *(", can we talk", ", it is {day} here in {city}", ", do you work on {day}"),
    ),
    _SORRY: (
        *("the weather in {city}", "a joke about a {item}", "a bus to {city}", "beds in {city} for {day}"),
        *("the football in {city} on {day}", "a good name for my dog", "the news from {city}", "cooking for {day}"),
        *("music for {day}", "the time in {city}", "painting a {item}", "the history of {city}", "the best {item}"),
        *("a film about {city}", "a walk in {city} on {day}", "repairing a {item} myself", "the mayor of {city}"),
        *("a rhyme for {first_name}", "a birthday gift for {first_name}", "the stars", "tennis on {day}"),
    ),
}
_HELDOUT_TALK: dict[str, tuple[str, ...]] = {
    _WELCOME: (
        "Thank you so much, {first_name} from {city}.",
        "Thanks again, my {item} is fine now.",
        "Super, thanks and have a good {day}!",
    ),
    _HELLO: (
        "Hi there, my name is {first_name}.",
        "Good evening, {first_name} from {city} here.",
        "Hello, how are you this {day}?",
    ),
    _SORRY: (
        "Will the weather in {city} be good on {day}?",
        "Can you tell me how to clean my {item}?",
        "Which train goes to {city} on {day}?",
        "Tell me a joke about {city}.",
    ),
}


@cache
def _train_calls() -> dict[str, tuple[str, ...]]:
    return {tool: (*sentences, *crossed(TRAIN_ASKS, _TRAIN_ACTS[tool])) for tool, sentences in _TRAIN_CALLS.items()}


@cache
def _train_talk() -> dict[str, tuple[str, ...]]:
    return {
        answer: (*sentences, *crossed(_TRAIN_TALK_ASKS[answer], _TRAIN_TALK_ACTS[answer]))
        for answer, sentences in _TRAIN_TALK.items()
    }


def call_templates(split: Split) -> dict[str, tuple[str, ...]]:
    """Tool name to the sentences that ask for it."""
    return _train_calls() if split == "train" else _HELDOUT_CALLS


def talk_templates(split: Split) -> dict[str, tuple[str, ...]]:
    """Polite answer to the sentences that ask for no tool."""
    return _train_talk() if split == "train" else _HELDOUT_TALK
