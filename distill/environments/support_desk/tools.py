"""The desk's tools: their specifications and what they do to a world."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from distill.environments.support_desk.world import PRIORITIES, REASONS, Order, Refund, Ticket, World
from distill.environments.tools import ToolRefusedError, by_name, choice, find, text, tool
from distill.trajectories.types import JsonValue


def _open_ticket(world: World, ticket_id: str) -> Ticket:
    ticket = find(world.tickets, "ticket", ticket_id)
    if ticket.status != "open":
        raise ToolRefusedError("conflict", f"ticket {ticket_id} is closed; create a new one")
    return ticket


def find_customer(world: World, name: str) -> dict[str, Any]:
    for customer_id, customer in world.customers.items():
        if customer.name == name:
            return {"customer_id": customer_id, **asdict(customer)}
    raise ToolRefusedError("not_found", f"there is no customer named {name}; check the spelling")


def list_orders(world: World, customer_id: str) -> dict[str, Any]:
    find(world.customers, "customer", customer_id)
    return {"order_ids": [key for key, order in world.orders.items() if order.customer_id == customer_id]}


def update_address(world: World, customer_id: str, city: str) -> dict[str, Any]:
    customer = find(world.customers, "customer", customer_id)
    customer.city = city
    return {"customer_id": customer_id, **asdict(customer)}


def get_order_status(world: World, order_id: str) -> dict[str, Any]:
    return {"order_id": order_id, **asdict(find(world.orders, "order", order_id))}


def cancel_order(world: World, order_id: str) -> dict[str, Any]:
    order = find(world.orders, "order", order_id)
    if order.status != "processing":
        raise ToolRefusedError(
            "conflict", f"order {order_id} is {order.status}; only a processing order can be cancelled"
        )
    order.status = "cancelled"
    return {"order_id": order_id, "status": order.status}


def create_refund(world: World, order_id: str, amount: int, reason: str) -> dict[str, Any]:
    order: Order = find(world.orders, "order", order_id)
    open_amount = order.total - order.refunded
    if not 0 < amount <= open_amount:
        raise ToolRefusedError("conflict", f"cannot refund {amount} on {order_id}; choose 1 to {open_amount}")
    order.refunded += amount
    refund_id = f"R-{len(world.refunds) + 1}"
    world.refunds[refund_id] = Refund(order_id, amount, reason)
    return {"refund_id": refund_id}


def create_ticket(world: World, customer_id: str, subject: str, priority: str) -> dict[str, Any]:
    find(world.customers, "customer", customer_id)
    # Ids from the seed have four digits, so the small numbers are free.
    ticket_id = f"T-{len(world.tickets) + 1}"
    world.tickets[ticket_id] = Ticket(customer_id, subject, priority)
    return {"ticket_id": ticket_id}


def set_priority(world: World, ticket_id: str, priority: str) -> dict[str, Any]:
    _open_ticket(world, ticket_id).priority = priority
    return {"ticket_id": ticket_id, "priority": priority}


def add_note(world: World, ticket_id: str, note: str) -> dict[str, Any]:
    notes = _open_ticket(world, ticket_id).notes
    notes.append(note)
    return {"ticket_id": ticket_id, "notes": len(notes)}


def close_ticket(world: World, ticket_id: str) -> dict[str, Any]:
    _open_ticket(world, ticket_id).status = "closed"
    return {"ticket_id": ticket_id, "status": "closed"}


def get_customer(world: World, customer_id: str) -> dict[str, Any]:
    return {"customer_id": customer_id, **asdict(find(world.customers, "customer", customer_id))}


def list_tickets(world: World, customer_id: str) -> dict[str, Any]:
    find(world.customers, "customer", customer_id)
    return {"ticket_ids": [key for key, ticket in world.tickets.items() if ticket.customer_id == customer_id]}


def get_ticket(world: World, ticket_id: str) -> dict[str, Any]:
    return {"ticket_id": ticket_id, **asdict(find(world.tickets, "ticket", ticket_id))}


_CUSTOMER_ID = text("Customer id")
_ORDER_ID = text("Order id")
_TICKET_ID = text("Ticket id")
_AMOUNT: dict[str, JsonValue] = {"type": "integer", "description": "Amount"}


TOOLS = by_name(
    tool(find_customer, "Find a customer by name.", name=text("Full name")),
    tool(list_orders, "List the orders of a customer.", customer_id=_CUSTOMER_ID),
    tool(update_address, "Update the address of a customer.", customer_id=_CUSTOMER_ID, city=text("New city")),
    tool(get_order_status, "Get the status of an order.", order_id=_ORDER_ID),
    tool(cancel_order, "Cancel an order.", order_id=_ORDER_ID),
    tool(create_refund, "Refund an order.", order_id=_ORDER_ID, amount=_AMOUNT, reason=choice(REASONS)),
    tool(
        create_ticket,
        "Create a ticket for a customer.",
        customer_id=_CUSTOMER_ID,
        subject=text("Subject"),
        priority=choice(PRIORITIES),
    ),
    tool(set_priority, "Set the priority of a ticket.", ticket_id=_TICKET_ID, priority=choice(PRIORITIES)),
    tool(add_note, "Add a note to a ticket.", ticket_id=_TICKET_ID, note=text("Note")),
    tool(close_ticket, "Close a ticket.", ticket_id=_TICKET_ID),
    tool(get_customer, "Get the record of a customer.", customer_id=_CUSTOMER_ID),
    tool(list_tickets, "List the tickets of a customer.", customer_id=_CUSTOMER_ID),
    tool(get_ticket, "Get the details of a ticket.", ticket_id=_TICKET_ID),
)
BASIC_TOOLS = tuple(TOOLS)[:10]
"""The tools of scenarios without a difficulty, on which the stand-in checkpoints have been tuned."""
