"""What the stand-ins must reach on the support desk, and that it is the teacher's labels that do it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cli.tour.distillation import recipe as demo_recipe
from cli.tour.students import STUDENTS as DEMO_STUDENTS
from distill.environments.base import Scenario
from distill.environments.gold import gold_trajectories
from distill.evaluation.scoring import score
from distill.families import family_named
from distill.inference.generate import load
from distill.recipe import Recipe, from_proto
from distill.rollouts.episode import Episode
from distill.rollouts.play import play
from distill.runs.known import known_names
from distill.stages.inputs import gold_scenarios, heldout_scenarios, responder, rollout_scenarios
from distill.standins import checkpoint
from distill.training.sft import TrainSpec, train
from distill.trajectories.types import Trajectory
from distill.verification.verify import verify_batch

pytestmark = [
    pytest.mark.full,
    # PEFT asks transformers by a name that is to go in version 6.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
SEEDS = (0, 1)
STUDENTS = tuple(DEMO_STUDENTS)
EASY, HARD = ("single", "no_call"), ("parallel", "multi_turn", "recovery")
TEACHER = {**dict.fromkeys(EASY, 0.9), **dict.fromkeys(HARD, 0.75)}
STUDENT = {**dict.fromkeys(EASY, 0.8), **dict.fromkeys(HARD, 0.6)}
# Who cannot call anything may still be right where nothing is to be called.
UNTOUCHED = dict.fromkeys(("single", *HARD, "missing_parameter", "reasoning"), 0.2)


def demo(student: str, seed: int) -> Recipe:
    """What the demo runs, with another seed: other scenarios in training and in evaluation."""
    return replace(from_proto(demo_recipe(DEMO_STUDENTS[student]), known_names()), seed=seed)


def episodes(family_name: str, adapter: Path | None, asked: Sequence[Scenario]) -> list[Episode]:
    family = family_named(family_name)
    model = load(str(checkpoint(family_name)), adapter, family)
    with responder(model) as respond:
        return play(asked, family, respond)


def exact(family_name: str, adapter: Path | None, recipe: Recipe) -> dict[str, float]:
    found = score(episodes(family_name, adapter, heldout_scenarios(recipe)))
    return {category: result.fraction for category, result in found.categories.items()}


def below(reached: Mapping[str, float], bars: Mapping[str, float]) -> set[str]:
    return {category for category, bar in bars.items() if reached[category] < bar}


def above(reached: Mapping[str, float], bars: Mapping[str, float]) -> set[str]:
    return {category for category, bar in bars.items() if reached[category] > bar}


def tune(family_name: str, folder: Path, rows: Sequence[Trajectory], recipe: Recipe) -> Path:
    settings = recipe.teacher.training if family_name == "xlam" else recipe.student.training
    spec = TrainSpec(
        base=str(checkpoint(family_name)),
        output_dir=folder,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lora_rank=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        max_length=settings.max_length,
        seed=recipe.seed,
    )
    return train(spec, family_named(family_name), rows).adapter


@pytest.fixture(scope="module", params=SEEDS)
def teacher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A seed, and the teacher tuned with it."""
    recipe = demo(STUDENTS[0], request.param)
    gold = gold_trajectories(gold_scenarios(recipe))
    return request.param, tune("xlam", tmp_path_factory.mktemp("teacher"), gold, recipe)


@pytest.fixture(scope="module")
def traces(teacher: tuple[int, Path]) -> list[Trajectory]:
    """How the teacher played other scenarios, as far as it verified."""
    seed, adapter = teacher
    played = episodes("xlam", adapter, rollout_scenarios(demo(STUDENTS[0], seed)))
    return [
        Trajectory(episode.scenario.id, episode.scenario.tools, episode.messages)
        for episode, result in zip(played, verify_batch(played), strict=True)
        if result.accepted
    ]


@pytest.mark.parametrize("student", STUDENTS)
def test_an_untouched_student_solves_nothing(student: str) -> None:
    reached = exact(student, None, demo(student, SEEDS[0]))
    assert not above(reached, UNTOUCHED), reached


def test_the_tuned_teacher_reaches_its_bars(teacher: tuple[int, Path]) -> None:
    seed, adapter = teacher
    reached = exact("xlam", adapter, demo(STUDENTS[0], seed))
    assert not below(reached, TEACHER), reached


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_reaches_its_bars(
    teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path, student: str
) -> None:
    recipe = demo(student, teacher[0])
    reached = exact(student, tune(student, tmp_path, traces, recipe), recipe)
    assert not below(reached, STUDENT), reached


def test_a_student_of_shuffled_labels_learns_nothing(
    teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path
) -> None:
    """Each first message with the answer to another."""
    recipe = demo("qwen3", teacher[0])
    labels = [row.messages[1] for row in traces]
    random.Random(1).shuffle(labels)
    mismatched = [replace(row, messages=(row.messages[0], label)) for row, label in zip(traces, labels, strict=True)]
    reached = exact("qwen3", tune("qwen3", tmp_path, mismatched, recipe), recipe)
    assert not above(reached, UNTOUCHED), reached
