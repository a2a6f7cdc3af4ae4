"""Playing scenarios turn by turn, many side by side, so that a model writes for all of them at once.

The simulated user says the next message whenever the assistant hands back without a call. Tools run in the sandbox: as
a world is a function of its seed and of the calls since, every round runs a conversation's calls from the beginning and
takes the outcomes of the last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distill.environments.base import Scenario
from distill.environments.definitions import Setup
from distill.environments.sandbox import Sandbox
from distill.families.base import Family, Prompt
from distill.inference.written import Written
from distill.rollouts.episode import Episode, Game

Respond = Callable[[Sequence[Prompt]], Sequence[Written]]
"""Writes one raw assistant turn for each prompt."""


def play(
    scenarios: Sequence[Scenario],
    family: Family,
    respond: Respond,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    time_limit_s: float = 300.0,
    setup: Setup | None = None,
) -> list[Episode]:
    """Play every scenario to its end.

    Args:
        scenarios: what to play.
        family: reads what the model writes.
        respond: the model.
        on_progress: told how many scenarios are done, of how many, after each round.
        time_limit_s: for the tools of one round, where they are those of built-in worlds.
        setup: environments beside the built-in worlds, and their limits.
    """
    games = [Game(scenario, family.parse, family.prompt) for scenario in scenarios]
    with Sandbox(setup or Setup()) as sandbox:
        while at_work := [game for game in games if game.ending is None]:
            turns = respond([game.prompt for game in at_work])
            for game, turn in zip(at_work, turns, strict=True):
                game.count(turn.prompt_tokens, turn.completion_tokens)
                game.read(turn.text)
            calling = [game for game in at_work if game.pending]
            for game, execution in zip(calling, sandbox.run([one.job for one in calling], time_limit_s), strict=True):
                game.answer(execution)
            on_progress(sum(game.ending is not None for game in games), len(games))
    return [game.episode() for game in games]
