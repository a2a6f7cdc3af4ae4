"""Roll-outs with a teacher that is asked over time, in real worlds, and their journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from distill.environments.base import Category, Scenario
from distill.environments.support_desk.scenarios import generate
from distill.families.base import Prompt
from distill.inference.written import Written
from distill.rollouts.asking import AskSettings, ask
from distill.rollouts.episode import Episode
from distill.rollouts.journal import Journal
from distill.rollouts.play import play
from distill.rollouts.seeds import reply_seed
from distill.teacher.protocol import ChatMessage, Sampling, TeacherReply, TeacherRequest
from distill.trajectories.calls import ParseOutcome
from distill.verification.verify import verify_batch
from spiritsafe.errors import Unavailable
from tests.distill.playing import XLAM, gold_turns, written

CATEGORIES: tuple[Category, ...] = ("single", "parallel", "multi_turn", "no_call")
SCENARIOS = [one for category in CATEGORIES for one in generate("train", category, 3, 3)]
SETTINGS = AskSettings(Sampling(temperature=0.7, max_tokens=128), seed=5, samples=2, conversations=5, sandboxes=2)


class Xlam:
    """The family's prompt as one message."""

    def messages(self, prompt: Prompt) -> Sequence[ChatMessage]:
        return [ChatMessage("user", XLAM.prompt(prompt))]

    def parse(self, text: str) -> ParseOutcome:
        return XLAM.parse(text)


@dataclass
class Knowing:
    """A teacher that knows the right turns by the prompt's beginning, and fails after ``patience`` replies."""

    patience: int = 1_000_000
    cut: bool = False
    asked: list[TeacherRequest] = field(default_factory=list)

    async def ask(self, request: TeacherRequest) -> TeacherReply:
        if len(self.asked) == self.patience:
            raise Unavailable("the teacher is gone", reason="TEACHER_DOWN", remedy="start it")
        self.asked.append(request)
        await asyncio.sleep(len(self.asked) % 3 / 1000)
        text = ANSWERS[request.messages[0].content]
        return TeacherReply(text, "knowing", "length" if self.cut else "stop", 100, 10)


def _answers() -> dict[str, str]:
    """The right turn of every prompt that right turns lead to."""
    found = {}
    for scenario in SCENARIOS:
        turns = [written(XLAM, turn) for turn in gold_turns(scenario)]
        with_prompts = _prompts(scenario, turns)
        found.update(zip(with_prompts, turns, strict=True))
    return found


def _prompts(scenario: Scenario, turns: Sequence[str]) -> list[str]:
    seen: list[str] = []
    waiting = iter(turns)

    def respond(prompts: Sequence[Prompt]) -> list[Written]:
        seen.extend(map(XLAM.prompt, prompts))
        return [Written(next(waiting))]

    play([scenario], XLAM, respond)
    return seen


ANSWERS = _answers()


def asked(path: Path, teacher: Knowing) -> list[Episode]:
    with Journal(path) as journal:
        return ask(teacher, SCENARIOS, Xlam(), SETTINGS, journal)


def test_right_turns_play_to_accepted_episodes_in_order(tmp_path: Path) -> None:
    teacher = Knowing()
    episodes = asked(tmp_path / "journal", teacher)
    assert [(one.scenario.id, one.sample) for one in episodes] == [
        (scenario.id, sample) for scenario in SCENARIOS for sample in (0, 1)
    ]
    assert Counter(result.reason for result in verify_batch(episodes)) == {"": len(episodes)}
    assert all(one.completion_tokens == 10 * len(one.texts) for one in episodes)
    assert sum(len(one.texts) for one in episodes) == len(teacher.asked)


def test_every_reply_has_a_seed_of_its_own_that_depends_on_nothing_but_what_is_asked(tmp_path: Path) -> None:
    first, second = Knowing(), Knowing()
    asked(tmp_path / "first", first)
    asked(tmp_path / "second", second)
    seeds = [request.sampling.seed for request in first.asked]
    assert len(set(seeds)) == len(seeds)
    assert sorted(map(str, seeds)) == sorted(str(request.sampling.seed) for request in second.asked)
    assert reply_seed(5, SCENARIOS[0].id, 0, 0) in seeds


@pytest.mark.parametrize("patience", [0, 17])
def test_what_was_done_before_a_teacher_failed_is_kept_and_not_asked_again(tmp_path: Path, patience: int) -> None:
    whole = asked(tmp_path / "whole", Knowing())
    failing = Knowing(patience)
    with pytest.raises(Unavailable, match="gone"):
        asked(tmp_path / "journal", failing)
    with Journal(tmp_path / "journal") as journal:
        kept = journal.read(SCENARIOS)
    again = Knowing()
    assert asked(tmp_path / "journal", again) == whole
    turns = sum(len(one.texts) for one in whole)
    assert len(again.asked) == turns - sum(len(one.texts) for one in kept.values())


@pytest.mark.parametrize("cut", [1, 300])
def test_a_journal_that_was_cut_in_a_line_goes_on_before_it(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    whole = asked(path, Knowing())
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    again = Knowing()
    assert asked(path, again) == whole
    assert again.asked
    assert len(path.read_bytes()) == len(data)


def test_a_turn_at_its_limit_of_tokens_is_never_read_as_a_call(tmp_path: Path) -> None:
    episodes = asked(tmp_path / "journal", Knowing(cut=True))
    assert {one.ending for one in episodes} == {"cut_off"}
    assert {result.reason for result in verify_batch(episodes)} == {"not_finished"}
