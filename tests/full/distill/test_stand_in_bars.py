"""What the stand-ins must reach on the support desk, and that it is the teacher's labels that do it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from distill.environments.base import Category, Scenario, Split
from distill.environments.gold import gold_trajectories
from distill.environments.registry import generate_scenarios
from distill.evaluation.scoring import score
from distill.families import family_named
from distill.families.base import Prompt
from distill.inference.generate import generate, load
from distill.recipe import STAND_IN_TRAINING
from distill.standins import checkpoint
from distill.training.sft import TrainSpec, train
from distill.trajectories.calls import ParsedCalls, ParseOutcome
from distill.trajectories.types import Message, Trajectory
from distill.verification.verify import verify_batch

pytestmark = pytest.mark.full
CATEGORIES: tuple[Category, ...] = ("single", "no_call")
HELD_OUT = {"single": 100, "no_call": 100}
SEEDS = (0, 1)


def scenarios(split: Split, seed: int, counts: dict[str, int]) -> list[Scenario]:
    return [
        one
        for category in CATEGORIES
        for one in generate_scenarios("support_desk", split, category, counts[category], seed)
    ]


def answers(family_name: str, adapter: Path | None, asked: Sequence[Scenario]) -> list[ParseOutcome]:
    family = family_named(family_name)
    prompts = [Prompt((Message("user", one.user_message),), one.tools) for one in asked]
    model = load(str(checkpoint(family_name)), adapter, family)
    return [family.parse(text) for text in generate(model, prompts, max_new_tokens=128)]


def exact(family_name: str, adapter: Path | None) -> dict[str, float]:
    held_out = scenarios("heldout", 77, HELD_OUT)
    found = score(answers(family_name, adapter, held_out), held_out)
    return {category: result.fraction for category, result in found.categories.items()}


def tune(family_name: str, folder: Path, rows: Sequence[Trajectory], seed: int) -> Path:
    settings = STAND_IN_TRAINING
    spec = TrainSpec(
        base=str(checkpoint(family_name)),
        output_dir=folder,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lora_rank=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        seed=seed,
    )
    return train(spec, family_named(family_name), rows).adapter


@pytest.fixture(scope="module", params=SEEDS)
def teacher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A seed, and the teacher tuned with it."""
    gold = gold_trajectories(scenarios("train", request.param, {"single": 512, "no_call": 256}))
    return request.param, tune("xlam", tmp_path_factory.mktemp("teacher"), gold, request.param)


@pytest.fixture(scope="module")
def traces(teacher: tuple[int, Path]) -> list[Trajectory]:
    """What the teacher answered to other scenarios, as far as it verified."""
    seed, adapter = teacher
    asked = scenarios("train", seed + 100, {"single": 512, "no_call": 256})
    said = answers("xlam", adapter, asked)
    return [
        Trajectory(
            one.id,
            one.tools,
            (
                Message("user", one.user_message),
                Message("assistant", parsed.content, parsed.calls),
            ),
        )
        for one, parsed, result in zip(asked, said, verify_batch(said, asked), strict=True)
        if result.accepted and isinstance(parsed, ParsedCalls)
    ]


def test_the_untouched_student_solves_nothing() -> None:
    assert max(exact("qwen3", None).values()) <= 0.2


def test_the_tuned_teacher_reaches_its_bar(teacher: tuple[int, Path]) -> None:
    reached = exact("xlam", teacher[1])
    assert min(reached.values()) >= 0.9, reached


def test_the_student_reaches_its_bar(teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path) -> None:
    reached = exact("qwen3", tune("qwen3", tmp_path, traces, teacher[0]))
    assert min(reached.values()) >= 0.8, reached


def test_a_student_of_shuffled_labels_learns_nothing(
    teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path
) -> None:
    labels = [row.messages[1] for row in traces]
    random.Random(1).shuffle(labels)
    mismatched = [replace(row, messages=(row.messages[0], label)) for row, label in zip(traces, labels, strict=True)]
    reached = exact("qwen3", tune("qwen3", tmp_path, mismatched, teacher[0]))
    assert max(reached.values()) <= 0.2, reached
