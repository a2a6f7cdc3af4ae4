"""The support desk: tools, errors and determinism."""

from dataclasses import asdict

import pytest

from distill.environments.base import ToolEnvironment, ToolError, ToolSuccess, state_digest
from distill.environments.registry import UnknownEnvironmentError, get_environment
from distill.environments.support_desk.environment import SupportDesk
from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import build_world
from distill.trajectories.types import JsonValue, ToolCall

SEED = 12


@pytest.fixture
def desk() -> ToolEnvironment:
    environment = get_environment("support_desk")
    environment.reset(SEED)
    return environment


def _first_order(status: str) -> str:
    return next(key for key, order in build_world(SEED).orders.items() if order.status == status)


def _call(desk: ToolEnvironment, tool: str, **arguments: JsonValue) -> JsonValue:
    outcome = desk.call(ToolCall(tool, arguments))
    assert isinstance(outcome, ToolSuccess), outcome
    return outcome.value


def _refusal(desk: ToolEnvironment, tool: str, **arguments: JsonValue) -> ToolError:
    before = state_digest(desk)
    outcome = desk.call(ToolCall(tool, arguments))
    assert isinstance(outcome, ToolError), outcome
    assert state_digest(desk) == before
    return outcome


def test_an_unknown_environment_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownEnvironmentError, match="'moon_base'; use one of: calendar_mail, shop, support_desk, workspace"
    ):
        get_environment("moon_base")


def test_it_offers_thirteen_tools_with_complete_schemas(desk: ToolEnvironment) -> None:
    tools = desk.tools()
    assert len(tools) == 13
    for tool in tools:
        assert set(tool.parameters) == {"type", "properties", "required"}
        assert tool.parameters["required"] == list(tool.parameters["properties"])  # type: ignore[arg-type]  # JSON


def test_the_same_seed_and_calls_give_the_same_state() -> None:
    digests = set()
    for _ in range(2):
        desk = SupportDesk()
        desk.reset(SEED)
        _call(desk, "cancel_order", order_id=_first_order("processing"))
        digests.add(state_digest(desk))
        desk.reset(SEED)
        digests.add(state_digest(desk))
    assert len(digests) == 2


def test_another_seed_gives_another_state(desk: ToolEnvironment) -> None:
    before = state_digest(desk)
    desk.reset(SEED + 2)
    assert state_digest(desk) != before


def test_every_tool_does_what_it_says(desk: ToolEnvironment) -> None:
    world = build_world(SEED)
    customer_id, customer = next(iter(world.customers.items()))
    ticket_id = next(iter(world.tickets))
    order_id = _first_order("processing")
    found = _call(desk, "find_customer", name=customer.name)
    assert found == {"customer_id": customer_id, "name": customer.name, "city": customer.city}
    assert _call(desk, "list_orders", customer_id=customer_id) == {
        "order_ids": [key for key, order in world.orders.items() if order.customer_id == customer_id]
    }
    _call(desk, "update_address", customer_id=customer_id, city="Berlin")
    _call(desk, "create_refund", order_id=order_id, amount=7, reason="late")
    _call(desk, "cancel_order", order_id=order_id)
    status = _call(desk, "get_order_status", order_id=order_id)
    assert isinstance(status, dict)
    assert (status["status"], status["refunded"]) == ("cancelled", 7)
    created = _call(desk, "create_ticket", customer_id=customer_id, subject="login", priority="low")
    assert created == {"ticket_id": f"T-{len(world.tickets) + 1}"}
    assert _call(desk, "get_customer", customer_id=customer_id) == {**found, "city": "Berlin"}
    assert _call(desk, "list_tickets", customer_id=customer_id) == {
        "ticket_ids": [
            *(key for key, one in world.tickets.items() if one.customer_id == customer_id),
            *created.values(),
        ]
    }
    assert _call(desk, "get_ticket", ticket_id=ticket_id) == {
        "ticket_id": ticket_id,
        **asdict(world.tickets[ticket_id]),
    }
    _call(desk, "set_priority", ticket_id=ticket_id, priority="high")
    _call(desk, "add_note", ticket_id=ticket_id, note="called back")
    _call(desk, "close_ticket", ticket_id=ticket_id)
    state = desk.state()
    assert state["customers"][customer_id]["city"] == "Berlin"  # type: ignore[call-overload, index]  # JSON
    assert state["refunds"] == {"R-1": {"order_id": order_id, "amount": 7, "reason": "late"}}
    ticket = state["tickets"][ticket_id]  # type: ignore[call-overload, index]  # JSON
    assert (ticket["status"], ticket["priority"], ticket["notes"]) == ("closed", "high", ["called back"])  # type: ignore[call-overload, index]  # JSON


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("fly", {}, "unknown_tool"),
        ("cancel_order", {"order_id": "O-1"}, "not_found"),
        ("find_customer", {"name": "Nobody"}, "not_found"),
        ("cancel_order", {}, "invalid_arguments"),
        ("cancel_order", {"order_id": 5}, "invalid_arguments"),
        ("cancel_order", {"order_id": "O-1", "why": "x"}, "invalid_arguments"),
        ("create_refund", {"order_id": "O-1", "amount": True, "reason": "late"}, "invalid_arguments"),
        ("create_refund", {"order_id": "O-1", "amount": 3.0, "reason": "late"}, "invalid_arguments"),
        ("create_refund", {"order_id": "O-1", "amount": 3, "reason": "ugly"}, "invalid_arguments"),
    ],
)
def test_a_bad_call_is_a_typed_error_and_changes_nothing(
    desk: ToolEnvironment, tool: str, arguments: dict[str, JsonValue], code: str
) -> None:
    assert _refusal(desk, tool, **arguments).code == code


def test_the_state_of_things_can_refuse_a_call(desk: ToolEnvironment) -> None:
    ticket_id = next(iter(build_world(SEED).tickets))
    _call(desk, "close_ticket", ticket_id=ticket_id)
    assert _refusal(desk, "close_ticket", ticket_id=ticket_id).code == "conflict"
    assert _refusal(desk, "cancel_order", order_id=_first_order("delivered")).code == "conflict"
    too_much = _refusal(desk, "create_refund", order_id=_first_order("shipped"), amount=100_000, reason="late")
    assert too_much.code == "conflict"


def test_state_is_a_copy(desk: ToolEnvironment) -> None:
    before = state_digest(desk)
    desk.state()["customers"].clear()  # type: ignore[union-attr]  # JSON
    assert state_digest(desk) == before


def test_descriptions_are_one_short_sentence() -> None:
    for tool in TOOLS.values():
        assert tool.spec.description.count(".") == 1
        assert len(tool.spec.description) < 50
