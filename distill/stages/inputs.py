"""What several stages start from: the scenarios of a recipe, its families, and a training."""

from __future__ import annotations

import math
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from distill.environments.base import LEVELS, Category, Level, Scenario, Split
from distill.environments.registry import generate_scenarios
from distill.environments.scenario_files import read_scenarios
from distill.families import Role, family_for
from distill.families.base import Family
from distill.recipe import BASE_OF, Recipe
from distill.rollouts.play import Respond
from distill.runs import layout
from distill.runs.checkpoints import Source, folder_digest, read_config
from distill.stages.spec import ATTEMPT, Report, StageSpec
from distill.training.overlong import Lengths
from distill.trajectories.formats.ertas import iterate_ertas
from distill.trajectories.reading import iterate_file
from distill.trajectories.rows import TrajectoryError
from distill.trajectories.types import Trajectory
from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.publish import file_digest

if TYPE_CHECKING:
    from distill.inference.generate import LoadedModel

ADAPTER = "adapter"
# Longest assistant turn in tokens; two calls with their arguments stay far below.
MAX_NEW_TOKENS = 128
# How many training scenarios of a category there are for each one of a single call. Calls outnumber refusals: at equal
# counts a student that learnt nothing from its labels would refuse every second time, and that would look like skill.
# The others teach the same calls once more and, beyond that, little: when to call twice, go on, ask or stop.
_TRAINING_SHARE: Mapping[Category, float] = {
    "no_call": 0.95,
    "parallel": 0.95,
    "multi_turn": 0.75,
    "recovery": 0.45,
    "missing_parameter": 0.1,
    "reasoning": 0.1,
    "missing_function": 0.3,
}


def gold_scenarios(recipe: Recipe) -> list[Scenario]:
    """The training scenarios that the teacher is tuned on."""
    if recipe.environment.scenarios_path:
        return [one for gold, _ in _own_training(recipe) for one in gold]
    return [one for category, gold, _ in _training_counts(recipe) for one in _generate(recipe, "train", category, gold)]


def rollout_scenarios(recipe: Recipe) -> list[Scenario]:
    """The training scenarios that the teacher is rolled out on: none that it was tuned on, and in equal proportion.

    Gold and roll-out scenarios of a category are the beginning and the end of one set, so no message occurs in both.
    """
    if recipe.environment.scenarios_path:
        return [one for _, rollout in _own_training(recipe) for one in rollout]
    return [
        one
        for category, gold, rollout in _training_counts(recipe)
        for one in _generate(recipe, "train", category, gold + rollout)[gold:]
    ]


def heldout_scenarios(recipe: Recipe) -> list[Scenario]:
    """The scenarios for evaluation, of the other split."""
    count = recipe.environment.evaluation_scenarios
    if recipe.environment.scenarios_path:
        return [one for _, found in _own(recipe, "heldout") for one in found[:count]]
    return [one for category in recipe.environment.categories for one in _generate(recipe, "heldout", category, count)]


def check_heldout(recipe: Recipe) -> None:
    """Find out before the first stage what the first evaluation would: that there are too few held-out scenarios.

    Raises:
        InvalidArgument: an environment has fewer of a category than the recipe asks for, or a line of the user's
            scenarios is malformed.
    """
    try:
        heldout_scenarios(recipe)
    except ValueError as error:
        field = (
            f"recipe.environment.{'scenarios_path' if recipe.environment.scenarios_path else 'evaluation_scenarios'}"
        )
        raise InvalidArgument(
            f"{field}: {error}", reason="INVALID_RECIPE", violations=(Violation(field, str(error)),)
        ) from error


def check_files(recipe: Recipe) -> None:
    """Find out before the first stage what a later one would: that a row of the user's own data is malformed.

    Raises:
        InvalidArgument: it names file, line and field.
    """
    if recipe.teacher.dataset_path:
        _check_rows(iterate_ertas(Path(recipe.teacher.dataset_path)), "recipe.teacher.dataset_path")
    for path, field in recipe.curation.files.values():
        _check_rows(iterate_file(Path(path)), field)


def _check_rows(rows: Iterator[Trajectory], field: str) -> None:
    try:
        deque(rows, maxlen=0)
    except (TrajectoryError, InvalidArgument) as error:
        raise InvalidArgument(
            f"{field}: {error}", reason="INVALID_RECIPE", violations=(Violation(field, str(error)),)
        ) from error


def check_unchanged(source: Source, path: Path | None = None) -> None:
    """Find out whether a file of the user's, or a copy of it at ``path``, still holds what the run took up.

    Results are found again by the digest of what they were made from, so it must be true of what was read.

    Raises:
        ValueError: its bytes have changed.
    """
    if file_digest(path or Path(source.path)) != source.digest:
        raise ValueError(f"{source.path} has changed since the run took it up; resume the run with what it is now")


@contextmanager
def responder(model: LoadedModel, max_new_tokens: int = MAX_NEW_TOKENS) -> Iterator[Respond]:
    """A model that plays scenarios, greedily and unconstrained, on all the cores that it can use."""
    from distill.inference.generate import write_turns
    from distill.inference.replicas import replicas

    with replicas(model) as write:
        yield lambda prompts: write_turns(model, prompts, max_new_tokens=max_new_tokens, write=write)


def family_of(spec: StageSpec, role: Role) -> Family:
    """The family of the run's teacher or student base."""
    return family_for(read_config(Path(spec.sources[role].path), role), role)


def check_base_unchanged(spec: StageSpec) -> None:
    """Find out whether a folder of the user's still holds what the run took up, once it has been read.

    Results are found again by the digest of what they were made from, so it must be true of what was read.

    Raises:
        ValueError: its files have changed.
    """
    if spec.base is None or spec.base.location != "path":
        return
    source = spec.sources[BASE_OF[spec.stage]]
    if folder_digest(Path(source.path)) != source.digest:
        raise ValueError(f"{source.path} has changed since the run took it up; resume the run with what it is now")


def check_files_unchanged(spec: StageSpec) -> None:
    """The same for the user's scenarios and module, which stages read as they are.

    Raises:
        ValueError: one of them has changed.
    """
    for name in ("scenarios", "module"):
        source = spec.sources.get(name)
        if source is not None and file_digest(Path(source.path)) != source.digest:
            raise ValueError(f"{source.path} has changed since the run took it up; resume the run with what it is now")


def train_adapter(spec: StageSpec, role: Role, trajectories: Sequence[Trajectory], report: Report) -> dict[str, Any]:
    """Trains the adapter of a role into the stage's output, from the last checkpoint if there is one; its figures."""
    from distill.training.sft import TrainProgress, TrainSpec, train

    settings = spec.recipe.teacher.training if role == "teacher" else spec.recipe.student.training
    # Beside the output folder, which every attempt begins anew: checkpoints must outlive an attempt.
    work = spec.folder / layout.UNFINISHED
    shutil.rmtree(work / ADAPTER, ignore_errors=True)

    def on_progress(progress: TrainProgress) -> None:
        report(progress.step, progress.total, loss=progress.loss, eta_seconds=progress.eta_seconds)

    def on_rows(lengths: Lengths) -> None:
        report(0, 0, message=f"{lengths}; the limit is {settings.max_length:,}")

    result = train(
        TrainSpec(
            base=spec.sources[role].path,
            output_dir=work,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            lora_rank=settings.lora_rank,
            lora_alpha=settings.lora_alpha,
            max_length=settings.max_length,
            overlong=settings.overlong,
            save_every=settings.checkpoint_steps,
            seed=spec.recipe.seed,
        ),
        family_of(spec, role),
        trajectories,
        on_progress,
        on_rows,
    )
    shutil.move(result.adapter, spec.output / ADAPTER)
    return {
        "rows": result.rows,
        "lengths": asdict(result.lengths),
        "steps": result.steps,
        "final_loss": result.final_loss,
        ATTEMPT: {"resumed_from": result.resumed_from},
    }


def _training_counts(recipe: Recipe) -> Iterator[tuple[str, int, int]]:
    """Each category with how many gold and roll-out scenarios there are of it."""
    environment = recipe.environment
    for category in environment.categories:
        share = _TRAINING_SHARE.get(cast("Category", category), 1.0)
        yield (
            category,
            math.ceil(environment.teacher_scenarios * share),
            math.ceil(environment.rollout_scenarios * share),
        )


def _generate(recipe: Recipe, split: Split, category: str, count: int) -> list[Scenario]:
    environment = recipe.environment
    difficulty = LEVELS[cast("Level", environment.difficulty)] if environment.difficulty else None
    return generate_scenarios(environment.name, split, cast("Category", category), count, recipe.seed, difficulty)


def _own_training(recipe: Recipe) -> Iterator[tuple[list[Scenario], list[Scenario]]]:
    """Gold and roll-out scenarios of each category of the user's file; no gold ones where a dataset stands in."""
    environment = recipe.environment
    for _, found in _own(recipe, "train"):
        gold = 0 if recipe.teacher.dataset_path else min(environment.teacher_scenarios, len(found) // 2)
        yield found[:gold], found[gold : gold + environment.rollout_scenarios]


def _own(recipe: Recipe, split: Split) -> Iterator[tuple[str, list[Scenario]]]:
    """The scenarios of the user's file, by category."""
    environment = recipe.environment
    scenarios = read_scenarios(Path(environment.scenarios_path), environment.name)
    for category in environment.categories:
        yield category, [one for one in scenarios if (one.split, one.category) == (split, category)]
