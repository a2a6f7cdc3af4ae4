"""A model's roll-out in waves: what a kill leaves is not played again, and the rest comes out the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from distill.environments.support_desk.scenarios import generate
from distill.families.base import Prompt
from distill.inference.written import Written
from distill.rollouts.journal import Journal
from distill.rollouts.waves import play_in_waves
from tests.distill.playing import DONE, XLAM, written

SCENARIOS = generate("train", "single", 10, 3)
WAVE = 4


class Killed(Exception):
    """Stands for the end of the process."""


class Model:
    """Writes that it is done, and dies when it is asked for the ``death``-th wave."""

    def __init__(self, death: int | None = None) -> None:
        self.death = death
        self.batches: list[int] = []

    def __call__(self, prompts: Sequence[Prompt]) -> list[Written]:
        if len(self.batches) == self.death:
            raise Killed
        self.batches.append(len(prompts))
        return [Written(written(XLAM, DONE), 100, 10)] * len(prompts)


@pytest.mark.parametrize("death", [0, 1, 2])
def test_a_killed_roll_out_goes_on_at_its_wave(tmp_path: Path, death: int) -> None:
    with Journal(tmp_path / "whole") as journal:
        whole = play_in_waves(SCENARIOS, XLAM, Model(), journal, wave=WAVE)
    with Journal(tmp_path / "journal") as journal, pytest.raises(Killed):
        play_in_waves(SCENARIOS, XLAM, Model(death), journal, wave=WAVE)
    progress: list[tuple[int, int]] = []
    again = Model()
    with Journal(tmp_path / "journal") as journal:
        episodes = play_in_waves(
            SCENARIOS, XLAM, again, journal, lambda done, total: progress.append((done, total)), wave=WAVE
        )
    assert episodes == whole
    assert {(one.prompt_tokens, one.completion_tokens) for one in episodes} == {(100, 10)}
    assert again.batches == [4, 4, 2][death:]
    assert progress == [(4, 10), (8, 10), (10, 10)][death:]
    assert (tmp_path / "journal").read_bytes() == (tmp_path / "whole").read_bytes()
