"""An episode: a scenario as a model plays it, turn by turn. Pure: whoever plays brings the texts and the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from distill.environments.base import Scenario
from distill.environments.execution import Execution, Job, result_message
from distill.environments.limits import Failure
from distill.environments.sandbox import NotExecuted
from distill.families.base import Prompt
from distill.trajectories.calls import ParseFailure, ParseOutcome
from distill.trajectories.jsonl import message_from_json, message_to_json
from distill.trajectories.rows import Row
from distill.trajectories.types import Message, ToolCall

MOST_STEPS = 6
"""Assistant turns between two user messages, after which a conversation is given up: a model may call for ever."""
Ending = Literal["finished", "malformed", "cut_off", "too_many_steps"] | Failure


@dataclass(frozen=True, slots=True)
class Episode:
    """A scenario as it was played.

    ``messages`` end with the last assistant turn that could be read, and the results of its calls if they were run.
    ``texts`` are the raw assistant turns, an unreadable last one included. ``problem`` says why the episode was not
    finished, and where in the last text. ``sample`` numbers the episodes of one scenario, from 0. Tokens are those of
    all turns together. ``model`` is the id under which a server says that it served the teacher, empty where none did.
    """

    scenario: Scenario
    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    ending: Ending
    problem: str = ""
    position: int = 0
    sample: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""

    def to_json(self) -> Row:
        """As JSON values, with the scenario's id alone."""
        return {
            "scenario": self.scenario.id,
            "sample": self.sample,
            "ending": self.ending,
            "problem": self.problem,
            "position": self.position,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "model": self.model,
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
        return cls(
            scenario=scenario,
            messages=tuple(message_from_json(message, "messages") for message in row["messages"]),
            texts=tuple(row["texts"]),
            **{
                name: row[name]
                for name in ("ending", "problem", "position", "sample", "prompt_tokens", "completion_tokens", "model")
            },
        )


@dataclass
class Game:
    """An episode in the making.

    ``parse`` reads an assistant turn, ``check`` raises ValueError for a prompt that cannot be written. ``pending`` are
    the calls of the last turn until they have results.
    """

    scenario: Scenario
    parse: Callable[[str], ParseOutcome]
    check: Callable[[Prompt], object]
    sample: int = 0
    messages: list[Message] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    pending: tuple[ToolCall, ...] = ()
    turn: int = 0
    steps: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    ending: Ending | None = None
    problem: str = ""
    position: int = 0

    def __post_init__(self) -> None:
        self.messages.append(Message("user", self.scenario.turns[0].message))

    @property
    def prompt(self) -> Prompt:
        """What the model reads next."""
        return Prompt(tuple(self.messages), self.scenario.tools)

    @property
    def job(self) -> Job:
        """All calls until now: a world is a function of its seed and of the calls since."""
        return Job(self.scenario.environment, self.scenario.env_seed, tuple(self.calls))

    def read(self, text: str) -> None:
        """Take a raw assistant turn: calls to be run, or words, on which the user goes on or the episode ends."""
        self.texts.append(text)
        outcome = self.parse(text)
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

    def cut(self, text: str) -> None:
        """Take a turn that reached its limit of tokens: half a call is none, and half a sentence may miss one."""
        self.texts.append(text)
        self.end("cut_off", "the turn reached its limit of tokens; allow more of them")

    def count(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Take note of what a turn cost."""
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def answer(self, execution: Execution | NotExecuted) -> None:
        """Take what came of ``job``: the outcomes of the pending calls are its last ones."""
        if isinstance(execution, NotExecuted):
            self.end(execution.code, execution.reason)
        else:
            outcomes = execution.outcomes[-len(self.pending) :]
            self.messages += map(result_message, self.pending, outcomes)
            self._check()
        self.pending = ()

    def end(self, ending: Ending, problem: str = "", position: int = 0) -> None:
        """Nothing more will be played."""
        self.ending, self.problem, self.position = ending, problem, position

    def episode(self) -> Episode:
        """What was played, once it has ended."""
        assert self.ending is not None, "every game is played to its end"
        return Episode(
            scenario=self.scenario,
            messages=tuple(self.messages),
            texts=tuple(self.texts),
            ending=self.ending,
            problem=self.problem,
            position=self.position,
            sample=self.sample,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            model=self.model,
        )

    def _check(self) -> None:
        """End where the model could not be shown what it called: a format may read calls that it cannot write."""
        try:
            self.check(self.prompt)
        except ValueError as error:
            self.end("malformed", str(error))

    def _hand_back(self) -> None:
        self.turn, self.steps = self.turn + 1, 0
        if self.turn < len(self.scenario.turns):
            self.messages.append(Message("user", self.scenario.turns[self.turn].message))
        else:
            self.end("finished")
