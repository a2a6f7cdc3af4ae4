"""The desk's tools: their specifications and what they do to a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from distill.environments.base import ErrorCode
from distill.environments.support_desk.world import PRIORITIES, REASONS, Order, Refund, Ticket, World
from distill.trajectories.types import JsonValue, ToolSpec

Row = TypeVar("Row")
# Handlers take exactly the arguments of their schema, which has been checked before they run.
Handler = Callable[..., dict[str, Any]]


class ToolRefusedError(Exception):
    """Raised by a handler before it has changed anything."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Tool:
    """A specification and its handler."""

    spec: ToolSpec
    handler: Handler
    parameter_names: tuple[str, ...]


def _find(table: Mapping[str, Row], kind: str, identifier: str) -> Row:
    if identifier not in table:
        raise ToolRefusedError("not_found", f"there is no {kind} {identifier}; check the id")
    return table[identifier]


def _open_ticket(world: World, ticket_id: str) -> Ticket:
    ticket = _find(world.tickets, "ticket", ticket_id)
    if ticket.status != "open":
        raise ToolRefusedError("conflict", f"ticket {ticket_id} is closed; create a new one")
    return ticket


def find_customer(world: World, name: str) -> dict[str, Any]:
    for customer_id, customer in world.customers.items():
        if customer.name == name:
            return {"customer_id": customer_id, **asdict(customer)}
    raise ToolRefusedError("not_found", f"there is no customer named {name}; check the spelling")


def list_orders(world: World, customer_id: str) -> dict[str, Any]:
    _find(world.customers, "customer", customer_id)
    return {"order_ids": [key for key, order in world.orders.items() if order.customer_id == customer_id]}


def update_address(world: World, customer_id: str, city: str) -> dict[str, Any]:
    customer = _find(world.customers, "customer", customer_id)
    customer.city = city
    return {"customer_id": customer_id, **asdict(customer)}


def get_order_status(world: World, order_id: str) -> dict[str, Any]:
    return {"order_id": order_id, **asdict(_find(world.orders, "order", order_id))}


def cancel_order(world: World, order_id: str) -> dict[str, Any]:
    order = _find(world.orders, "order", order_id)
    if order.status != "processing":
        raise ToolRefusedError(
            "conflict", f"order {order_id} is {order.status}; only a processing order can be cancelled"
        )
    order.status = "cancelled"
    return {"order_id": order_id, "status": order.status}


def create_refund(world: World, order_id: str, amount: int, reason: str) -> dict[str, Any]:
    order: Order = _find(world.orders, "order", order_id)
    open_amount = order.total - order.refunded
    if not 0 < amount <= open_amount:
        raise ToolRefusedError("conflict", f"cannot refund {amount} on {order_id}; choose 1 to {open_amount}")
    order.refunded += amount
    refund_id = f"R-{len(world.refunds) + 1}"
    world.refunds[refund_id] = Refund(order_id, amount, reason)
    return {"refund_id": refund_id}


def create_ticket(world: World, customer_id: str, subject: str, priority: str) -> dict[str, Any]:
    _find(world.customers, "customer", customer_id)
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


def _text(description: str) -> dict[str, JsonValue]:
    return {"type": "string", "description": description}


def _choice(values: tuple[str, ...]) -> dict[str, JsonValue]:
    return {"type": "string", "enum": list(values)}


_CUSTOMER_ID = _text("Customer id")
_ORDER_ID = _text("Order id")
_TICKET_ID = _text("Ticket id")
_AMOUNT: dict[str, JsonValue] = {"type": "integer", "description": "Amount"}


def _tool(handler: Handler, description: str, **properties: JsonValue) -> Tool:
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(ToolSpec(handler.__name__, description, schema), handler, tuple(properties))


TOOLS: dict[str, Tool] = {
    tool.spec.name: tool
    for tool in (
        _tool(find_customer, "Find a customer by name.", name=_text("Full name")),
        _tool(list_orders, "List the orders of a customer.", customer_id=_CUSTOMER_ID),
        _tool(update_address, "Update the address of a customer.", customer_id=_CUSTOMER_ID, city=_text("New city")),
        _tool(get_order_status, "Get the status of an order.", order_id=_ORDER_ID),
        _tool(cancel_order, "Cancel an order.", order_id=_ORDER_ID),
        _tool(create_refund, "Refund an order.", order_id=_ORDER_ID, amount=_AMOUNT, reason=_choice(REASONS)),
        _tool(
            create_ticket,
            "Create a ticket for a customer.",
            customer_id=_CUSTOMER_ID,
            subject=_text("Subject"),
            priority=_choice(PRIORITIES),
        ),
        _tool(set_priority, "Set the priority of a ticket.", ticket_id=_TICKET_ID, priority=_choice(PRIORITIES)),
        _tool(add_note, "Add a note to a ticket.", ticket_id=_TICKET_ID, note=_text("Note")),
        _tool(close_ticket, "Close a ticket.", ticket_id=_TICKET_ID),
    )
}
