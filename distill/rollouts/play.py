"""Playing scenarios turn by turn, many side by side, so that a model writes for all of them at once.

The simulated user says the next message whenever the assistant hands back without a call. Tools run in the sandbox: as
a world is a function of its seed and of the calls since, every round runs a conversation's calls from the beginning and
takes the outcomes of the last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from distill.environments.base import Scenario
from distill.environments.execution import Execution, Job, result_message
from distill.environments.sandbox import NotExecuted, Sandbox
from distill.families.base import Family, Prompt
from distill.trajectories.calls import ParseFailure
from distill.trajectories.jsonl import message_from_json, message_to_json
from distill.trajectories.rows import Row
from distill.trajectories.types import Message, ToolCall

MOST_STEPS = 6
"""Assistant turns between two user messages, after which a conversation is given up: a model may call for ever."""
Ending = Literal["finished", "malformed", "too_many_steps", "not_executed"]
Respond = Callable[[Sequence[Prompt]], Sequence[str]]
"""Writes one raw assistant turn for each prompt."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A scenario as it was played.

    ``messages`` end with the last assistant turn that could be read, and the results of its calls if they were run.
    ``texts`` are the raw assistant turns, an unreadable last one included. ``problem`` says why the episode was not
    finished, and where in the last text.
    """

    scenario: Scenario
    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    ending: Ending
    problem: str = ""
    position: int = 0

    def to_json(self) -> Row:
        """As JSON values, with the scenario's id alone."""
        return {
            "scenario": self.scenario.id,
            "ending": self.ending,
            "problem": self.problem,
            "position": self.position,
            "texts": list(self.texts),
            "messages": [message_to_json(message) for message in self.messages],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any], scenario: Scenario) -> Episode:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError: a field is missing.
            FieldError: a message is malformed.
        """
        messages = tuple(message_from_json(message, "messages") for message in row["messages"])
        return cls(scenario, messages, tuple(row["texts"]), row["ending"], row["problem"], row["position"])


def play(
    scenarios: Sequence[Scenario],
    family: Family,
    respond: Respond,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    time_limit_s: float = 300.0,
) -> list[Episode]:
    """Play every scenario to its end.

    Args:
        scenarios: what to play.
        family: reads what the model writes.
        respond: the model.
        on_progress: told how many scenarios are done, of how many, after each round.
        time_limit_s: for the tools of one round.
    """
    games = [_Game(scenario, [Message("user", scenario.turns[0].message)]) for scenario in scenarios]
    with Sandbox() as sandbox:
        while at_work := [game for game in games if game.ending is None]:
            texts = respond([game.prompt() for game in at_work])
            for game, text in zip(at_work, texts, strict=True):
                game.read(text, family)
            _execute(
                [game for game in at_work if game.pending], family, partial(sandbox.run, time_limit_s=time_limit_s)
            )
            on_progress(sum(game.ending is not None for game in games), len(games))
    return [game.episode() for game in games]


def _execute(
    games: Sequence[_Game], family: Family, run: Callable[[Sequence[Job]], list[Execution | NotExecuted]]
) -> None:
    """Run what each game's last turn calls, after all that it called before, and tell it the results."""
    jobs = [Job(game.scenario.environment, game.scenario.env_seed, tuple(game.calls)) for game in games]
    for game, execution in zip(games, run(jobs), strict=True):
        if isinstance(execution, NotExecuted):
            game.end("not_executed", execution.reason)
        else:
            outcomes = execution.outcomes[-len(game.pending) :]
            game.messages += map(result_message, game.pending, outcomes)
            game.check(family)
        game.pending = ()


@dataclass
class _Game:
    """An episode in the making. ``pending`` are the calls of the last turn until they have results."""

    scenario: Scenario
    messages: list[Message]
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    pending: tuple[ToolCall, ...] = ()
    turn: int = 0
    steps: int = 0
    ending: Ending | None = None
    problem: str = ""
    position: int = 0

    def read(self, text: str, family: Family) -> None:
        """Take a raw assistant turn: calls to be run, or words, on which the user goes on or the episode ends."""
        self.texts.append(text)
        outcome = family.parse(text)
        if isinstance(outcome, ParseFailure):
            self.end("malformed", outcome.reason, outcome.position)
            return
        self.messages.append(Message("assistant", outcome.content, outcome.calls, outcome.reasoning or None))
        self.steps += 1
        if outcome.calls and self.steps >= MOST_STEPS:
            self.end("too_many_steps", f"more than {MOST_STEPS - 1} turns with calls for one user message")
        elif outcome.calls:
            self.pending = outcome.calls
            self.calls += outcome.calls
        else:
            self._hand_back()

    def prompt(self) -> Prompt:
        """What the model reads next."""
        return Prompt(tuple(self.messages), self.scenario.tools)

    def check(self, family: Family) -> None:
        """End where the model could not be shown what it called: a format may read calls that it cannot write."""
        try:
            family.prompt(self.prompt())
        except ValueError as error:
            self.end("malformed", str(error))

    def _hand_back(self) -> None:
        self.turn, self.steps = self.turn + 1, 0
        if self.turn < len(self.scenario.turns):
            self.messages.append(Message("user", self.scenario.turns[self.turn].message))
        else:
            self.end("finished")

    def end(self, ending: Ending, problem: str = "", position: int = 0) -> None:
        self.ending, self.problem, self.position = ending, problem, position

    def episode(self) -> Episode:
        assert self.ending is not None, "every game is played to its end"
        return Episode(self.scenario, tuple(self.messages), tuple(self.texts), self.ending, self.problem, self.position)
