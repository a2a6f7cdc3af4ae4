"""What the stand-ins must reach on the support desk, and that it is the teacher's labels that do it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from distill.environments.base import Category, Scenario, Split
from distill.environments.registry import generate_scenarios
from distill.evaluation.scoring import score
from distill.families import family_named
from distill.families.base import Prompt
from distill.inference.generate import generate, load
from distill.standins import checkpoint
from distill.training.sft import TrainSpec, train
from distill.trajectories.types import Message, Trajectory

pytestmark = pytest.mark.full
CATEGORIES: tuple[Category, ...] = ("single", "no_call")
# Twice as many calls as refusals: a student that learns only how often to call then never refuses.
TRAINING = {"single": 800, "no_call": 400}


def scenarios(split: Split, seed: int, counts: dict[str, int]) -> list[Scenario]:
    return [
        one
        for category in CATEGORIES
        for one in generate_scenarios("support_desk", split, category, counts[category], seed)
    ]


def verified(found: Sequence[Scenario]) -> list[Trajectory]:
    """What verification keeps of a teacher's roll-outs: turns whose calls are the gold calls, and no prose."""
    return [
        Trajectory(
            one.id,
            one.tools,
            (Message("user", one.user_message), Message("assistant", tool_calls=one.gold_calls)),
        )
        for one in found
    ]


def exact(family_name: str, adapter: Path | None) -> dict[str, float]:
    family = family_named(family_name)
    held_out = scenarios("heldout", 77, {"single": 100, "no_call": 100})
    prompts = [Prompt((Message("user", one.user_message),), one.tools) for one in held_out]
    texts = generate(load(str(checkpoint(family_name)), adapter, family), prompts)
    found = score([family.parse(text) for text in texts], held_out)
    return {category: result.fraction for category, result in found.categories.items()}


def tuned(family_name: str, folder: Path, rows: list[Trajectory], seed: int) -> dict[str, float]:
    spec = TrainSpec(base=str(checkpoint(family_name)), output_dir=folder, seed=seed)
    return exact(family_name, train(spec, family_named(family_name), rows).adapter)


def test_the_untouched_student_solves_nothing() -> None:
    assert max(exact("qwen3", None).values()) <= 0.2


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("family_name", "bar"), [("xlam", 0.9), ("qwen3", 0.8)])
def test_tuning_reaches_the_bar_in_each_category(family_name: str, bar: float, seed: int, tmp_path: Path) -> None:
    rows = verified(scenarios("train", seed, TRAINING))
    reached = tuned(family_name, tmp_path, rows, seed)
    assert min(reached.values()) >= bar, reached


def test_a_student_of_shuffled_labels_learns_nothing(tmp_path: Path) -> None:
    rows = verified(scenarios("train", 0, TRAINING))
    answers = [row.messages[1] for row in rows]
    random.Random(1).shuffle(answers)
    mismatched = [replace(row, messages=(row.messages[0], answer)) for row, answer in zip(rows, answers, strict=True)]
    reached = tuned("qwen3", tmp_path, mismatched, 0)
    assert max(reached.values()) <= 0.2, reached
