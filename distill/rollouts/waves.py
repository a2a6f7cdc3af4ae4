"""Playing many scenarios in waves, so that a kill costs one wave at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distill.environments.base import Scenario
from distill.environments.definitions import Setup
from distill.families.base import Family
from distill.rollouts.episode import Episode
from distill.rollouts.journal import Journal
from distill.rollouts.play import Respond, play

WAVE = 256
"""Scenarios of a wave. A model's arithmetic depends on what else is in a batch, so a wave is played whole or not at
all: what a resumed roll-out writes is then equal to the last byte."""


def play_in_waves(
    scenarios: Sequence[Scenario],
    family: Family,
    respond: Respond,
    journal: Journal,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    wave: int = WAVE,
    setup: Setup | None = None,
) -> list[Episode]:
    """Play what ``journal`` does not hold yet, and return all episodes in the order of ``scenarios``."""
    done = {key: episode for key, episode in journal.read(scenarios).items() if key[1] == 0}
    for start in range(0, len(scenarios), wave):
        part = scenarios[start : start + wave]
        if all((scenario.id, 0) in done for scenario in part):
            continue

        def report(played: int, _: int, before: int = start) -> None:
            on_progress(before + played, len(scenarios))

        episodes = play(part, family, respond, on_progress=report, setup=setup)
        journal.add(episodes)
        done.update({(episode.scenario.id, 0): episode for episode in episodes})
    return [done[scenario.id, 0] for scenario in scenarios]
