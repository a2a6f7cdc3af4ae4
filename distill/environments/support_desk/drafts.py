"""What is asked in a scenario: user turns with their right calls, drawn from one world and one split's sentences.

A draft is not yet sound: a drawn call may fail where it should not. ``scenarios`` plays every draft and draws again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from distill.environments.base import Split, Step, ToolSuccess, UserTurn
from distill.environments.pools import Pool, pool
from distill.environments.scenarios.wordings import joined
from distill.environments.support_desk import dialogue
from distill.environments.support_desk.environment import SupportDesk
from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import PRIORITIES, REASONS, World, build_world
from distill.trajectories.types import JsonValue, ToolCall

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
READING = frozenset(("find_customer", "list_orders", "get_order_status"))
IDS = ("customer_id", "order_id", "ticket_id")
_PAIRS = 0.4
"""Share of parallel requests that ask for two calls of one tool in one sentence."""
_FOLLOW_UPS = 0.7
"""Share of second turns about the thing of the first, where the tools on offer allow."""
_THIRD_TURNS = 0.2
Values = dict[str, JsonValue]
GIVES = {"find_customer": ("customer_id",), "create_ticket": ("ticket_id",)}
"""What a tool's result names beyond its arguments."""
NO_TOOL = "Sorry, I have no tool for that."


@dataclass(frozen=True, slots=True)
class Desk:
    """What a draft is drawn from."""

    split: Split
    seed: int
    world: World
    rng: random.Random

    @classmethod
    def of(cls, split: Split, seed: int, rng: random.Random) -> Desk:
        """The desk in the world of ``seed``."""
        return cls(split, seed, build_world(seed), rng)

    @property
    def words(self) -> Pool:
        """The words of the split."""
        return pool(self.split)

    def arguments(self, tool: str, **given: JsonValue) -> Values:
        """Arguments with which the tool mostly succeeds, in the order of its schema; ``given`` ones stay."""
        order_id = given.get("order_id") or self._order(tool)
        customer_id = str(given.get("customer_id") or self.rng.choice(list(self.world.customers)))
        ticket_id = given.get("ticket_id") or self.rng.choice(list(self.world.tickets))
        # An id that a call of this draft makes is not in the world yet.
        customer = self.world.customers[customer_id]
        ticket = self.world.tickets.get(str(ticket_id))
        values: Values = {
            "name": customer.name,
            "customer_id": customer_id,
            "city": self.rng.choice([city for city in self.words.cities if city != customer.city]),
            "order_id": order_id,
            "amount": self.rng.randint(5, self.world.orders[str(order_id)].total),
            "reason": self.rng.choice(REASONS),
            "subject": self.rng.choice(self.words.subjects),
            "ticket_id": ticket_id,
            "note": self.rng.choice(self.words.notes),
            "priority": self.rng.choice([level for level in PRIORITIES if ticket is None or level != ticket.priority]),
        }
        return {name: given.get(name, values[name]) for name in TOOLS[tool].parameter_names}

    def _order(self, tool: str) -> str:
        fitting = [
            key for key, order in self.world.orders.items() if tool != "cancel_order" or order.status == "processing"
        ]
        return self.rng.choice(fitting)

    def call(self, tool: str, **given: JsonValue) -> ToolCall:
        """A call with drawn arguments."""
        return ToolCall(tool, self.arguments(tool, **given))

    def result(self, call: ToolCall) -> Mapping[str, JsonValue]:
        """What a call returns as the first one in this world; empty where it fails."""
        desk = SupportDesk()
        desk.reset(self.seed)
        outcome = desk.call(call)
        return outcome.value if isinstance(outcome, ToolSuccess) and isinstance(outcome.value, dict) else {}

    def sentence(self, call: ToolCall) -> str:
        """A request for one call."""
        return self.rng.choice(call_templates(self.split)[call.name]).format(**call.arguments)


Plan = Callable[[Desk], tuple[UserTurn, ...]]


def single(tool: str, desk: Desk) -> tuple[UserTurn, ...]:
    """One call."""
    return (_request(desk, tool),)


def talk(desk: Desk) -> tuple[UserTurn, ...]:
    """Small talk, and requests that no desk could serve."""
    pairs = [(answer, template) for answer, group in talk_templates(desk.split).items() for template in group]
    answer, template = desk.rng.choice(pairs)
    message = template.format(
        first_name=desk.rng.choice(desk.words.first_names),
        city=desk.rng.choice(desk.words.cities),
        item=desk.rng.choice(desk.words.items),
        day=desk.rng.choice(_DAYS),
    )
    return (UserTurn(message, answer=answer),)


def parallel(tool: str, offered: Sequence[str], desk: Desk) -> tuple[UserTurn, ...]:
    """Two calls that do not hang on each other."""
    templates = dialogue.pair_templates(desk.split)
    if tool in templates and desk.rng.random() < _PAIRS:
        first = desk.call(tool)
        varied = next(iter(first.arguments))
        second = ToolCall(tool, {**first.arguments, varied: desk.arguments(tool)[varied]})
        sentence = desk.rng.choice(templates[tool])
        return (_turn(sentence.format(**first.arguments, other=second.arguments[varied]), Step((first, second))),)
    first, second = desk.call(tool), desk.call(desk.rng.choice(offered))
    begin, joint = desk.sentence(first), desk.rng.choice(dialogue.joints(desk.split))
    return (_turn(joined(begin, joint, desk.sentence(second)), Step((first, second))),)


def multi_turn(tool: str, offered: Sequence[str], desk: Desk) -> tuple[UserTurn, ...]:
    """Two requests, rarely three, one after the other."""
    turns = [_request(desk, tool)]
    known = {**desk.result(turns[0].calls[0]), **turns[0].calls[0].arguments}
    others = [name for name in offered if name != tool]
    linked = [(each, link) for each in others for link in _links(tool, each) if link in known]
    if linked and desk.rng.random() < _FOLLOW_UPS:
        follow, link = desk.rng.choice(linked)
        call = desk.call(follow, **{link: known[link]})
        sentence = desk.rng.choice(dialogue.follow_up_templates(desk.split)[follow])
        turns.append(_turn(sentence.format(**call.arguments), Step((call,))))
    else:
        turns.append(_request(desk, desk.rng.choice(offered)))
    if desk.rng.random() < _THIRD_TURNS:
        turns.append(_request(desk, desk.rng.choice(offered)))
    return tuple(turns)


def missing_function(tool: str, desk: Desk) -> tuple[UserTurn, ...]:
    """A request for a tool that is not on offer."""
    return (UserTurn(desk.sentence(desk.call(tool)), answer=NO_TOOL),)


def retry(tool: str, desk: Desk) -> tuple[UserTurn, ...]:
    """A call that is refused once and must be made again, in an unsteady world."""
    call = desk.call(tool)
    return (_turn(desk.sentence(call), Step((call,)), Step((call,))),)


def refund_less(desk: Desk) -> tuple[UserTurn, ...]:
    """A refund of more than the order cost, and then of what the refusal names."""
    order_id = desk.rng.choice(list(desk.world.orders))
    total = desk.world.orders[order_id].total
    wish = desk.call("create_refund", order_id=order_id, amount=total + desk.rng.randint(1, 400))
    granted = ToolCall(wish.name, {**wish.arguments, "amount": total})
    sentence = desk.rng.choice(dialogue.less_templates(desk.split))
    return (_turn(sentence.format(**wish.arguments), Step((wish,)), Step((granted,))),)


def refund_instead(desk: Desk) -> tuple[UserTurn, ...]:
    """An order that cannot be cancelled any more, and is refunded."""
    gone = [key for key, order in desk.world.orders.items() if order.status != "processing"]
    cancel = ToolCall("cancel_order", {"order_id": desk.rng.choice(gone)})
    refund = desk.call("create_refund", order_id=cancel.arguments["order_id"])
    sentence = desk.rng.choice(dialogue.fallback_templates(desk.split))
    return (_turn(sentence.format(**refund.arguments), Step((cancel,)), Step((refund,))),)


def missing(tool: str, parameter: str, desk: Desk) -> tuple[UserTurn, ...]:
    """A request that lacks an argument, which the user gives when asked."""
    sentences = [
        sentence
        for gap in dialogue.gaps(desk.split)
        if (gap.tool, gap.missing) == (tool, parameter)
        for sentence in gap.sentences
    ]
    call, word = desk.call(tool), dialogue.WORDS[parameter]
    reply = desk.rng.choice(dialogue.replies(desk.split)).format(word=word, value=call.arguments[parameter])
    return (
        UserTurn(desk.rng.choice(sentences).format(**call.arguments), answer=f"Which {word}?", asks_for=word),
        _turn(reply, Step((call,))),
    )


def reasoning(chain: dialogue.Chain, desk: Desk) -> tuple[UserTurn, ...]:
    """Two calls of which the second needs what the first returned, with the thought that leads from one to the other.

    Where the first result does not name one such thing, the draft has no turns.
    """
    first = desk.call(chain.first)
    found = found_link(desk.result(first), chain.link)
    if found is None:
        return ()
    given = {name: value for name, value in first.arguments.items() if name == "customer_id"}
    second = desk.call(chain.second, **{**given, chain.link: found})
    sentence = desk.rng.choice(chain.sentences(desk.split)).format(**{**second.arguments, **first.arguments})
    thought = f"The {dialogue.WORDS[chain.link]} is {found}."
    return (_turn(sentence, Step((first,)), Step((second,), thought)),)


def found_link(result: Mapping[str, JsonValue], link: str) -> JsonValue:
    """The id that a result names; None where it names none or several."""
    several = result.get(f"{link}s")
    if isinstance(several, list):
        return several[0] if len(several) == 1 else None
    return result.get(link)


def _links(first: str, second: str) -> list[str]:
    """By which ids a request for ``second`` may mean the thing that ``first`` was about."""
    about = {*TOOLS[first].parameter_names, *GIVES.get(first, ())}
    return [name for name in IDS if name in about and name in TOOLS[second].parameter_names]


def _request(desk: Desk, tool: str) -> UserTurn:
    call = desk.call(tool)
    return _turn(desk.sentence(call), Step((call,)))


def _turn(message: str, *steps: Step) -> UserTurn:
    tools = {call.name for step in steps for call in step.calls}
    return UserTurn(message, steps, answer="Here you are." if tools <= READING else "Done.")


def chain_plans() -> list[tuple[Plan, tuple[str, ...]]]:
    """A plan for each chain, and the tools that it needs."""
    return [(partial(reasoning, chain), (chain.first, chain.second)) for chain in dialogue.CHAINS]


def gap_plans() -> list[tuple[Plan, tuple[str, ...]]]:
    """A plan for each argument that may be missing, and the tool that it needs."""
    return [(partial(missing, gap.tool, gap.missing), (gap.tool,)) for gap in dialogue.gaps("train")]
