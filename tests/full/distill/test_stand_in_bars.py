"""What the stand-ins must reach on the support desk, and that it is the teacher's labels that do it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cli.tour.distillation import MAXIMUM, MINIMUM
from cli.tour.distillation import recipe as demo_recipe
from distill.environments.base import Scenario
from distill.environments.gold import gold_trajectories
from distill.evaluation.scoring import score
from distill.families import family_named
from distill.inference.generate import generate, load
from distill.recipe import Recipe, from_proto
from distill.runs.known import known_names
from distill.stages.inputs import MAX_NEW_TOKENS, gold_scenarios, heldout_scenarios, prompt_of, rollout_scenarios
from distill.standins import checkpoint
from distill.training.sft import TrainSpec, train
from distill.trajectories.calls import ParsedCalls, ParseOutcome
from distill.trajectories.types import Message, Trajectory
from distill.verification.verify import verify_batch

pytestmark = [
    pytest.mark.full,
    # PEFT asks transformers by a name that is to go in version 6.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
SEEDS = (0, 1)


def demo(seed: int) -> Recipe:
    """What the demo runs, with another seed: other scenarios in training and in evaluation."""
    return replace(from_proto(demo_recipe("qwen3"), known_names()), seed=seed)


def answers(family_name: str, adapter: Path | None, asked: Sequence[Scenario]) -> list[ParseOutcome]:
    family = family_named(family_name)
    model = load(str(checkpoint(family_name)), adapter, family)
    texts = generate(model, [prompt_of(one) for one in asked], max_new_tokens=MAX_NEW_TOKENS)
    return [family.parse(text) for text in texts]


def exact(family_name: str, adapter: Path | None, seed: int) -> dict[str, float]:
    held_out = heldout_scenarios(demo(seed))
    found = score(answers(family_name, adapter, held_out), held_out)
    return {category: result.fraction for category, result in found.categories.items()}


def tune(family_name: str, folder: Path, rows: Sequence[Trajectory], seed: int) -> Path:
    recipe = demo(seed)
    settings = recipe.teacher.training if family_name == "xlam" else recipe.student.training
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
    gold = gold_trajectories(gold_scenarios(demo(request.param)))
    return request.param, tune("xlam", tmp_path_factory.mktemp("teacher"), gold, request.param)


@pytest.fixture(scope="module")
def traces(teacher: tuple[int, Path]) -> list[Trajectory]:
    """What the teacher answered to other scenarios, as far as it verified."""
    seed, adapter = teacher
    asked = rollout_scenarios(demo(seed))
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
    assert max(exact("qwen3", None, SEEDS[0]).values()) <= MAXIMUM["untouched_student"]


def test_the_tuned_teacher_reaches_its_bar(teacher: tuple[int, Path]) -> None:
    seed, adapter = teacher
    reached = exact("xlam", adapter, seed)
    assert min(reached.values()) >= MINIMUM["teacher"], reached


def test_the_student_reaches_its_bar(teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path) -> None:
    seed, _ = teacher
    reached = exact("qwen3", tune("qwen3", tmp_path, traces, seed), seed)
    assert min(reached.values()) >= MINIMUM["student"], reached


def test_a_student_of_shuffled_labels_learns_nothing(
    teacher: tuple[int, Path], traces: list[Trajectory], tmp_path: Path
) -> None:
    seed, _ = teacher
    labels = [row.messages[1] for row in traces]
    random.Random(1).shuffle(labels)
    mismatched = [replace(row, messages=(row.messages[0], label)) for row, label in zip(traces, labels, strict=True)]
    reached = exact("qwen3", tune("qwen3", tmp_path, mismatched, seed), seed)
    assert max(reached.values()) <= MAXIMUM["untouched_student"], reached
