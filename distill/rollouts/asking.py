"""Playing scenarios with a teacher that answers over time: many conversations at once, each at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

from distill.environments.base import Scenario
from distill.environments.definitions import Setup
from distill.environments.sandbox import Sandbox
from distill.families.base import Prompt
from distill.rollouts.episode import Episode, Game
from distill.rollouts.journal import Journal, Key
from distill.rollouts.seeds import reply_seed
from distill.teacher.protocol import ChatMessage, Sampling, Teacher, TeacherRequest, TokenAlternatives
from distill.trajectories.calls import ParseOutcome


class Dialect(Protocol):
    """How a teacher is spoken to: conversations in its own words, and its turns as calls."""

    def messages(self, prompt: Prompt) -> Sequence[ChatMessage]:
        """The conversation as chat messages. Raises ValueError where it cannot be written."""

    def parse(self, text: str) -> ParseOutcome:
        """What an assistant turn says."""


@dataclass(frozen=True, slots=True)
class AskSettings:
    """How a teacher is rolled out.

    ``samples`` episodes of each scenario, ``conversations`` at a time; tools run in ``sandboxes`` processes, with
    ``time_limit_s`` for the calls of one turn where ``setup`` says nothing else. ``seed`` decides the seed of every
    reply, and ``top_logprobs`` alternatives of its tokens are asked for.
    """

    sampling: Sampling
    seed: int
    samples: int = 1
    conversations: int = 64
    sandboxes: int = 1
    time_limit_s: float = 30.0
    setup: Setup = field(default_factory=Setup)
    top_logprobs: int = 0


Tokens = tuple[tuple[TokenAlternatives, ...], ...]
"""Of each assistant turn of an episode, its tokens with alternatives."""
OnTokens = Callable[[Episode, Tokens], None]


def ask(
    teacher: Teacher,
    scenarios: Sequence[Scenario],
    dialect: Dialect,
    settings: AskSettings,
    journal: Journal,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Episode]:
    """``ask_all`` where no event loop runs."""
    return asyncio.run(ask_all(teacher, scenarios, dialect, settings, journal, on_progress))


async def ask_all(
    teacher: Teacher,
    scenarios: Sequence[Scenario],
    dialect: Dialect,
    settings: AskSettings,
    journal: Journal,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_tokens: OnTokens = lambda _episode, _tokens: None,
) -> list[Episode]:
    """Play every sample that ``journal`` does not hold yet, and return all, by scenario and sample.

    ``on_tokens`` is told of each episode before it is in the journal, and of some once more after a kill.

    Raises:
        SpiritsafeError: what the teacher or the sandbox raised; what was done by then is in the journal.
    """
    wanted = [(scenario, sample) for scenario in scenarios for sample in range(settings.samples)]
    done = journal.read(scenarios)
    on_progress(len(done), len(wanted))
    missing = iter([(scenario, sample) for scenario, sample in wanted if (scenario.id, sample) not in done])

    def keep(episode: Episode, tokens: Tokens) -> None:
        on_tokens(episode, tokens)
        journal.add([episode])
        done[episode.scenario.id, episode.sample] = episode
        on_progress(len(done), len(wanted))

    with ExitStack() as stack:
        sandboxes = [stack.enter_context(Sandbox(settings.setup)) for _ in range(settings.sandboxes)]
        tools = _Tools(sandboxes, settings.time_limit_s)
        player = _Player(teacher, dialect, settings, tools)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(settings.conversations):
                    group.create_task(_converse(player, missing, keep))
        except BaseExceptionGroup as failures:
            # The first failure ended the others; it is what the caller can act on.
            raise failures.exceptions[0] from None
    keys: Iterator[Key] = ((scenario.id, sample) for scenario, sample in wanted)
    return [done[key] for key in keys]


async def _converse(player: _Player, missing: Iterator[tuple[Scenario, int]], keep: OnTokens) -> None:
    """One conversation after the other, until none is missing."""
    for scenario, sample in missing:
        keep(*await player.play(scenario, sample))


class _Tools:
    """Sandboxes for whoever has calls to run, one job at a time each."""

    def __init__(self, sandboxes: Sequence[Sandbox], time_limit_s: float) -> None:
        self._free: asyncio.Queue[Sandbox] = asyncio.Queue()
        self._time_limit_s = time_limit_s
        for sandbox in sandboxes:
            self._free.put_nowait(sandbox)

    async def run(self, game: Game) -> None:
        sandbox = await self._free.get()
        work = asyncio.create_task(asyncio.to_thread(sandbox.run, [game.job], self._time_limit_s))
        try:
            (execution,) = await asyncio.shield(work)
        finally:
            # A thread cannot be cancelled, and nobody else may touch its sandbox before it is done.
            await asyncio.wait([work])
            self._free.put_nowait(sandbox)
        game.answer(execution)


@dataclass(frozen=True, slots=True)
class _Player:
    teacher: Teacher
    dialect: Dialect
    settings: AskSettings
    tools: _Tools

    async def play(self, scenario: Scenario, sample: int) -> tuple[Episode, Tokens]:
        game = Game(scenario, self.dialect.parse, self.dialect.messages, sample)
        tokens: list[tuple[TokenAlternatives, ...]] = []
        while game.ending is None:
            seed = reply_seed(self.settings.seed, scenario.id, sample, len(game.texts))
            sampling = replace(self.settings.sampling, seed=seed)
            messages = tuple(self.dialect.messages(game.prompt))
            reply = await self.teacher.ask(TeacherRequest(messages, sampling, self.settings.top_logprobs))
            game.count(reply.prompt_tokens, reply.completion_tokens)
            game.model = reply.model
            tokens.append(reply.tokens)
            take = game.cut if reply.finish_reason == "length" else game.read
            take(reply.text)
            if game.pending:
                await self.tools.run(game)
        return game.episode(), tuple(tokens)
