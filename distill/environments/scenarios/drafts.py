"""Drafts of each category, drawn from a world's content.

A draft's calls run as they are drawn, so that each is drawn from the world as the ones before have left it. What does
not fit raises ``Unfit``, and another draft is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from distill.environments.base import Difficulty, Split, Step, ToolError, ToolSuccess, UserTurn
from distill.environments.scenarios.assembly import Draft
from distill.environments.scenarios.content import Beyond, Chain, Content, Draws, Fallback, Saying, Values
from distill.environments.scenarios.talk import SORRY, TALK, draw_talk
from distill.environments.scenarios.wordings import JOINTS, REPLIES, Wordings, joined, slots
from distill.environments.world import WorldEnvironment
from distill.trajectories.types import JsonValue, ToolCall

_FOLLOW_UPS = 0.7
"""Share of later turns about the thing of the one before, where the tools on offer allow."""
_PLAIN = Saying(str, str)


# A refused call changes nothing, so another one can be tried.
_ATTEMPTS = 6
Request = tuple[str, ToolCall]


class Unfit(Exception):
    """What was drawn makes no scenario."""


class Pen:
    """Draws the calls and sentences of one draft."""

    def __init__(self, content: Content[Any], split: Split, seed: int, rng: random.Random, level: Difficulty) -> None:
        self.content, self.split, self.rng, self.level = content, split, rng, level
        self._environment = WorldEnvironment(content.build, content.tools, unsteady=lambda _seed: False)
        self._environment.reset(seed)

    @property
    def draws(self) -> Draws:
        """What values are drawn from now."""
        return Draws(self._environment.world, self.split, self.rng)

    def wording(self, wordings: Wordings) -> str:
        """A sentence with its slots."""
        return self.rng.choice(wordings.sentences(self.split))

    def arguments(self, tool: str, wanted: frozenset[str], given: Mapping[str, JsonValue]) -> Values:
        """Drawn arguments: the required ones and those that are ``wanted``; ``given`` ones stay as they are."""
        found, kind = self._drawn(tool, given), self.content.tools[tool]
        names = [name for name in kind.parameter_names if name in kind.required | wanted]
        return {name: given.get(name, found[name]) for name in names}

    def _drawn(self, tool: str, given: Mapping[str, JsonValue]) -> Values:
        try:
            return self.content.draws[tool](self.draws._replace(given=given))
        except LookupError as error:  # the world has no such thing, or none of the settled id
            raise Unfit from error

    def run(self, call: ToolCall) -> Mapping[str, Any]:
        """What the call returns. Raises Unfit where it is refused."""
        outcome = self._environment.call(call)
        if not isinstance(outcome, ToolSuccess) or not isinstance(outcome.value, dict):
            raise Unfit
        return outcome.value

    def refused(self, call: ToolCall) -> ToolError:
        """How the call is refused. Raises Unfit where it is not."""
        outcome = self._environment.call(call)
        if not isinstance(outcome, ToolError):
            raise Unfit
        return outcome

    def say(self, sentence: str, values: Mapping[str, JsonValue]) -> str:
        """The sentence with values in its slots, some in other words."""
        said = {name: self._said(name.removeprefix("then_"), values[name]) for name in sorted(slots(sentence))}
        return sentence.format(**said)

    def _said(self, name: str, value: JsonValue) -> str:
        saying = self.content.sayings.get(name, _PLAIN)
        return (saying.oblique if self.rng.random() < self.level.obliqueness else saying.plain)(value)

    def perform(self, compose: Callable[[], Request]) -> tuple[str, ToolCall, Mapping[str, Any]]:
        """A message, its call and what that returns. Raises Unfit where all that is composed is refused."""
        for _ in range(_ATTEMPTS):
            with suppress(Unfit):
                message, call = compose()
                return message, call, self.run(call)
        raise Unfit

    def request(self, tool: str) -> Request:
        """A message for one call. The call has not been run."""
        sentence = self.wording(self.content.requests[tool])
        call = ToolCall(tool, self.arguments(tool, slots(sentence), {}))
        return self.say(sentence, call.arguments), call

    def turn(self, message: str, *steps: Step) -> UserTurn:
        """A turn after whose calls the assistant says that it is done."""
        tools = {call.name for step in steps for call in step.calls}
        return UserTurn(message, steps, answer="Here you are." if tools <= self.content.reading else "Done.")


def single(tool: str, pen: Pen) -> Draft:
    """One call."""
    message, call, _ = pen.perform(lambda: pen.request(tool))
    return Draft((pen.turn(message, Step((call,))),))


def parallel(tools: Sequence[str], pen: Pen) -> Draft:
    """Calls that do not hang on each other."""
    asked = [pen.perform(partial(pen.request, tool)) for tool in tools]
    message = asked[0][0]
    for more, _, _ in asked[1:]:
        message = joined(message, pen.rng.choice(JOINTS[pen.split]), more)
    return Draft((pen.turn(message, Step(tuple(call for _, call, _ in asked))),))


def multi_turn(tools: Sequence[str], pen: Pen) -> Draft:
    """A turn for each tool, many of them about the thing of the turn before."""
    turns: list[UserTurn] = []
    known: dict[str, Any] = {}
    for tool in tools:
        message, call, result = pen.perform(partial(_go_on, tool, known, pen))
        known = {**call.arguments, **result}
        turns.append(pen.turn(message, Step((call,))))
    return Draft(tuple(turns))


def _go_on(tool: str, known: Mapping[str, Any], pen: Pen) -> Request:
    links = [link for name, link in pen.content.follow_ups if name == tool and link in known]
    if not links or pen.rng.random() >= _FOLLOW_UPS:
        return pen.request(tool)
    link = pen.rng.choice(links)
    sentence = pen.wording(pen.content.follow_ups[tool, link])
    call = ToolCall(tool, pen.arguments(tool, slots(sentence), {link: known[link]}))
    return pen.say(sentence, call.arguments), call


def missing_parameter(tool: str, parameter: str, pen: Pen) -> Draft:
    """A request that lacks an argument, which the user gives when asked."""
    sentence, word = pen.wording(pen.content.gaps[tool, parameter]), pen.content.words[parameter]

    def compose() -> Request:
        call = ToolCall(tool, pen.arguments(tool, slots(sentence), {}))
        return pen.say(sentence, call.arguments), call

    message, call, _ = pen.perform(compose)
    value = pen.say("{" + parameter + "}", call.arguments)
    reply = pen.rng.choice(REPLIES[pen.split]).format(word=word, value=value)
    asked = UserTurn(message, answer=f"Which {word}?", asks_for=word)
    return Draft((asked, pen.turn(reply, Step((call,)))))


def reasoning(chain: Chain, pen: Pen) -> Draft:
    """Calls that need each other's results, with the thoughts that lead from one to the next."""
    sentence = pen.wording(chain.wordings)
    wanted = slots(sentence)
    results: list[Mapping[str, Any]] = []
    values: Values = {}
    steps: list[Step] = []
    for stage in chain.stages:
        try:
            linked = {name: link(results) for name, link in stage.links.items()}
        except LookupError as error:
            raise Unfit from error
        if None in linked.values():
            raise Unfit
        call = ToolCall(stage.tool, pen.arguments(stage.tool, wanted | {*linked}, {**values, **linked}))
        results.append(pen.run(call))
        values = {**call.arguments, **values}
        steps.append(Step((call,), _thought(linked, pen)))
    message = pen.say(sentence, values)
    return Draft((pen.turn(message, *steps),))


def _thought(linked: Mapping[str, JsonValue], pen: Pen) -> str:
    said = {name: pen.content.sayings.get(name, _PLAIN).plain(value) for name, value in linked.items()}
    return " ".join(f"The {pen.content.words.get(name, name)} is {value}." for name, value in said.items())


def fallback(chosen: Fallback, pen: Pen) -> Draft:
    """A call that is refused, and what the user wants then."""
    try:
        drawn = chosen.draw(pen.draws)
    except LookupError as error:
        raise Unfit from error
    first, *then = [ToolCall(tool, values) for tool, values in zip(chosen.tools, drawn, strict=True)]
    if pen.refused(first).code != chosen.code:
        raise Unfit
    values = dict(first.arguments)
    for call in then:
        pen.run(call)
        for name, value in call.arguments.items():
            values[f"then_{name}" if values.get(name, value) != value else name] = value
    message = pen.say(pen.wording(chosen.wordings), values)
    turn = pen.turn(message, *(Step((call,)) for call in (first, *then)))
    return Draft((turn,), refused=frozenset({0}))


def missing_function(tool: str, others: Sequence[str], pen: Pen) -> Draft:
    """A request for a tool that is not on offer, and perhaps for others that are."""
    message, _ = pen.request(tool)
    asked = [pen.perform(partial(pen.request, other)) for other in others]
    if not asked:
        return Draft((UserTurn(message, answer="Sorry, I have no tool for that."),))
    for possible, _, _ in asked:
        message = joined(possible, pen.rng.choice(JOINTS[pen.split]), message)
    answer = "Done, but I have no tool for the other request."
    return Draft((UserTurn(message, (Step(tuple(call for _, call, _ in asked)),), answer),))


def no_call(pen: Pen) -> Draft:
    """Small talk and requests that no tool serves, some of which are about things that the world has."""
    if pen.content.beyond and pen.rng.random() < pen.level.obliqueness:
        return Draft((_beyond(pen.rng.choice(pen.content.beyond), pen),))
    answer = pen.rng.choice(list(TALK))
    return Draft((UserTurn(pen.wording(TALK[answer]).format(**draw_talk(pen.draws)), answer=answer),))


def _beyond(chosen: Beyond, pen: Pen) -> UserTurn:
    sentence = pen.wording(chosen.wordings)
    message = pen.say(sentence, pen.arguments(chosen.tool, slots(sentence), {}))
    return UserTurn(message, answer=SORRY)
