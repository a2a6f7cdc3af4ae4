"""Episodes of models that write what a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from distill.environments.base import Category, Scenario
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.families import family_named
from distill.families.base import Family, Prompt
from distill.inference.written import Written
from distill.rollouts.episode import Episode
from distill.rollouts.play import Respond, play
from distill.trajectories.types import JsonValue, Message, ToolCall

XLAM = family_named("xlam")
DONE = Message("assistant", "Done.")
Turn = Message | str
"""An assistant turn, or the raw text of one."""


def calling(*calls: ToolCall) -> Message:
    """A turn with calls."""
    return Message("assistant", tool_calls=calls)


def look_up(tool: str, **arguments: JsonValue) -> Message:
    """A turn with one call."""
    return calling(ToolCall(tool, arguments))


def written(family: Family, turn: Turn) -> str:
    """What generation returns of a turn: the text before its stop token."""
    text = turn if isinstance(turn, str) else family.target(turn)
    return text.removesuffix(next((stop for stop in family.stop_tokens if text.endswith(stop)), ""))


def gold_turns(scenario: Scenario) -> list[Message]:
    """The right assistant turns."""
    (gold,) = gold_trajectories([scenario])
    return [message for message in gold.messages if message.role == "assistant"]


def scripted(scripts: Sequence[Sequence[str]]) -> Respond:
    """A model that writes the given texts, one script a scenario, and fails the test where it is asked for more."""
    waiting = [list(script) for script in scripts]

    def respond(prompts: Sequence[Prompt]) -> list[Written]:
        texts = [script.pop(0) for script in waiting if script]
        assert len(texts) == len(prompts)
        return [Written(text) for text in texts]

    return respond


def played(
    scenarios: Sequence[Scenario], turns: Sequence[Sequence[Turn]], family: Family = XLAM, **options: Any
) -> list[Episode]:
    """Each scenario played with its turns; ``options`` are of ``play``."""
    scripts = [[written(family, turn) for turn in script] for script in turns]
    return play(scenarios, family, scripted(scripts), **options)


def one_played(scenario: Scenario, *turns: Turn, family: Family = XLAM, **options: Any) -> Episode:
    """One scenario played with these turns."""
    return played([scenario], [turns], family, **options)[0]


def gold_played(scenarios: Sequence[Scenario], family: Family = XLAM, **options: Any) -> list[Episode]:
    """Scenarios played right, in the turns that the family's format knows."""
    turns = [
        [message for message in family.conversation(gold.messages) if message.role == "assistant"]
        for gold in gold_trajectories(scenarios)
    ]
    return played(scenarios, turns, family, **options)


def first_scenario(category: Category, fits: Callable[[Scenario], bool] = lambda _: True) -> Scenario:
    """The first training scenario of a category that fits."""
    return next(one for seed in range(1, 20) for one in generate("train", category, 40, seed) if fits(one))


def about(tool: str) -> Scenario:
    """A single call of this tool."""
    return first_scenario("single", lambda one: one.gold_calls[0].name == tool)
