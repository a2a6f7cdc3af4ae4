"""Conversations about made tools: several calls at once, results, failures, and users who come back.

As pure, seeded and far from every built-in environment as the single requests of ``distill.standins.corpus``. A turn in
which everything is done has neither calls nor words.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from distill.standins.corpus import MadeTool, make_toolbox, pseudo_word, request, small_talk
from distill.trajectories.types import JsonValue, Message, ToolCall, Trajectory

_JOINTS = (". ", ". Also ", " and ", ", and also ", "; ", ", then ", ". Then ", " and then ", ". After that ", " plus ")
_SAME = ("the same {noun}", "that {noun}", "this {noun} too", "the {noun} from before", "it", "it again")
_KEYS = ("state", "kind", "total", "since", "owner", "place", "colour", "age")
_AGAIN = ("please repeat", "not just now, repeat", "line lost, repeat", "the {noun} did not answer, repeat")
_INSTEAD = ("{word} must be {value}", "not that {word}, only {value}", "{value} is the {word} to use", "take {value}")
_ASK = ("Which {word}?", "And the {word}?", "Tell me the {word}.", "What {word}?")
_REPLY = ("{value}", "{value}.", "The {word} is {value}.", "It is {value}.", "{word} {value}", "Take {value}, please.")
Values = dict[str, JsonValue]


@dataclass
class _Talk:
    """A conversation in the making, about ``tools`` out of ``toolbox``."""

    rng: random.Random
    tools: Sequence[MadeTool]
    toolbox: Sequence[MadeTool]
    messages: list[Message] = field(default_factory=list)

    def user(self, text: str) -> None:
        self.messages.append(Message("user", text[0].upper() + text[1:]))

    def call(self, *calls: tuple[MadeTool, Values]) -> None:
        """Call, and get a result that repeats little of what was asked."""
        self.attempt(*calls)
        for tool, values in calls:
            self.result(tool, self._outcome(values))

    def attempt(self, *calls: tuple[MadeTool, Values]) -> None:
        made = tuple(ToolCall(tool.spec.name, values) for tool, values in calls)
        self.messages.append(Message("assistant", tool_calls=made))

    def result(self, tool: MadeTool, outcome: Values) -> None:
        self.messages.append(Message("tool", json.dumps(outcome), name=tool.spec.name))

    def say(self, text: str = "") -> None:
        self.messages.append(Message("assistant", text))

    def request(self, tool: MadeTool, values: Values, unsaid: Sequence[str] = ()) -> str:
        return request(self.rng, tool, values, self.toolbox, unsaid)

    def joined(self, requests: Sequence[str]) -> str:
        text = requests[0].rstrip(".?!")
        for each in requests[1:]:
            joint = self.rng.choice(_JOINTS)
            follows = each if joint == ". " else each[0].lower() + each[1:]
            text += joint + follows.rstrip(".?!")
        return text + self.rng.choice((".", "", "?", "!", ", please."))

    def _outcome(self, values: Values) -> Values:
        kept = {name: value for name, value in values.items() if name.endswith("_id")}
        told = {key: self._detail() for key in self.rng.sample(_KEYS, self.rng.choice((0, 1, 1, 2)))}
        return {**kept, **told} or {"done": True}

    def _detail(self) -> JsonValue:
        return self.rng.randrange(1000) if self.rng.random() < 0.4 else pseudo_word(self.rng)


def _parallel(talk: _Talk) -> None:
    """Two things, rarely three, that do not hang on each other."""
    count = talk.rng.choice((2, 2, 2, 2, 3))
    calls = [(tool, tool.values(talk.rng)) for tool in talk.rng.choices(talk.tools, k=count)]
    talk.user(talk.joined([talk.request(*each) for each in calls]))
    talk.call(*calls)
    talk.say()


def _pair(talk: _Talk) -> None:
    """The same for two values of one argument."""
    tool = talk.rng.choice(talk.tools)
    values, other = tool.values(talk.rng), tool.values(talk.rng)
    twice = talk.rng.choice(list(values))
    while other[twice] == values[twice]:
        other = tool.values(talk.rng)
    joint = talk.rng.choice((" and ", " and ", " and for ", ", then "))
    talk.user(talk.request(tool, {**values, twice: f"{values[twice]}{joint}{other[twice]}"}))
    talk.call((tool, values), (tool, {**values, twice: other[twice]}))
    talk.say()


def _return(talk: _Talk) -> None:
    """A second request once the first is done, about the same thing where the tools allow."""
    first, second = talk.rng.choice(talk.tools), talk.rng.choice(talk.tools)
    values, later = first.values(talk.rng), second.values(talk.rng)
    talk.user(talk.request(first, values))
    talk.call((first, values))
    talk.say(small_talk(talk.rng))
    same = [name for name in later if name in values and name.endswith("_id")]
    if same and talk.rng.random() < 0.8:
        later |= {name: values[name] for name in same}
        meant = talk.rng.choice(_SAME).format(noun=second.noun)
        talk.user(talk.request(second, {**later, **dict.fromkeys(same, meant)}))
    else:
        talk.user(talk.request(second, later))
    talk.call((second, later))
    talk.say()


def _chain(talk: _Talk) -> None:
    """The second call needs an id that only the first one's result has."""
    first, second = talk.rng.sample(list(talk.tools), 2)
    values, later = first.values(talk.rng), second.values(talk.rng)
    missing = [name for name in later if name.endswith("_id") and name not in values]
    if not missing:
        return _parallel(talk)
    talk.user(talk.joined([talk.request(first, values), talk.request(second, later, missing)]))
    talk.attempt((first, values))
    talk.result(first, {missing[0]: later[missing[0]], talk.rng.choice(_KEYS): talk.rng.randrange(1000)})
    talk.call((second, later))
    return talk.say()


def _retry(talk: _Talk) -> None:
    """A call that fails and is made again, with what the failure says where it says so."""
    tool = talk.rng.choice(talk.tools)
    values = tool.values(talk.rng)
    again = dict(values)
    talk.user(talk.request(tool, values))
    talk.attempt((tool, values))
    if talk.rng.random() < 0.5:
        failure = talk.rng.choice(_AGAIN).format(noun=tool.noun)
    else:
        argument = talk.rng.choice(tool.arguments)
        again[argument.name] = argument.make(talk.rng)
        failure = talk.rng.choice(_INSTEAD).format(word=argument.words, value=again[argument.name])
    talk.result(tool, {"failed": failure})
    talk.call((tool, again))
    talk.say()


def _ask(talk: _Talk) -> None:
    """A request that lacks an argument, which the user gives when asked."""
    tool = talk.rng.choice(talk.tools)
    values = tool.values(talk.rng)
    argument = talk.rng.choice(tool.arguments)
    talk.user(talk.request(tool, values, (argument.name,)))
    talk.say(talk.rng.choice(_ASK).format(word=argument.words))
    talk.user(talk.rng.choice(_REPLY).format(word=argument.words, value=values[argument.name]))
    talk.call((tool, values))
    talk.say()


_KINDS: tuple[Callable[[_Talk], None], ...] = (
    *(_parallel, _parallel, _parallel, _pair),
    *(_return, _return, _chain, _chain, _retry, _retry, _ask),
)


def talk_exercises(seed: int, sizes: tuple[int, ...], count: int) -> list[Trajectory]:
    """Make conversations about the same made-up tools.

    Args:
        seed: decides everything.
        sizes: how many tools may be on offer; two or more.
        count: how many conversations.
    """
    rng = random.Random(f"talk exercises {seed}")  # noqa: S311 - reproducible data, no secret
    toolbox = make_toolbox(rng, rng.choice(sizes))
    offer = tuple(tool.spec for tool in toolbox)
    exercises = []
    for number in range(count):
        talk = _Talk(rng, toolbox, toolbox)
        rng.choice(_KINDS)(talk)
        exercises.append(Trajectory(f"talk-{seed}-{number}", offer, tuple(talk.messages)))
    return exercises
