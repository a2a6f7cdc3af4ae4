"""What a run is asked to do, with every default filled in, and the digest of each stage's inputs. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from distill.recipe_environment import Environment, read_environment
from distill.recipe_parts import (
    Curation,
    Judge,
    Rollout,
    curation_from_json,
    curation_to_proto,
    endpoint_from_json,
    endpoint_to_proto,
    judge_from_json,
    judge_to_proto,
    read_curation,
    read_endpoint,
    read_judge,
    read_rollout,
    served_as,
)
from distill.recipe_reader import Reader
from distill.teacher.endpoint.settings import EndpointSettings
from distill.training.overlong import Overlong
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

Stage = Literal[
    "evaluate_untouched",
    "finetune_teacher",
    "register_teacher",
    "evaluate_teacher",
    "rollout",
    "verify",
    "curate",
    "train_student",
    "evaluate",
    "merge",
    "register",
]
STAGES: tuple[Stage, ...] = (
    "evaluate_untouched",
    "finetune_teacher",
    "register_teacher",
    "evaluate_teacher",
    "rollout",
    "verify",
    "curate",
    "train_student",
    "evaluate",
    "merge",
    "register",
)
# Each run's own, whatever it has in common with others: what they answer is about the registry as it was then.
REGISTERING: frozenset[Stage] = frozenset({"register_teacher", "register"})
# Left out where the teacher is behind an endpoint: it is asked as it is served.
TUNING: frozenset[Stage] = frozenset({"finetune_teacher", "evaluate_teacher"})
# Whose base a stage loads; the others load none.
BASE_OF: Mapping[Stage, Literal["teacher", "student"]] = {
    "evaluate_untouched": "student",
    "finetune_teacher": "teacher",
    "evaluate_teacher": "teacher",
    "rollout": "teacher",
    "train_student": "student",
    "evaluate": "student",
    "merge": "student",
}
# A change that makes a stage's output another one for equal inputs must raise it, or later runs find old results.
RESULTS_VERSION = 2
Location = Literal["stand_in", "hub_repo", "path"]
# The published models whose place the stand-ins take.
STAND_INS: Mapping[str, str] = {
    "xlam": "Salesforce/xLAM-7b-fc-r",
    "qwen3": "Qwen/Qwen3-8B",
    "gemma4": "google/gemma-4-E4B-it",
    "llama3": "meta-llama/Llama-3.1-8B-Instruct",
}


@dataclass(frozen=True, slots=True)
class Known:
    """The names that a recipe may use: student families, and scenario categories by environment."""

    families: frozenset[str]
    environments: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights to start from. ``catalog_entry`` is empty where no known entry applies."""

    location: Location
    value: str
    revision: str
    catalog_entry: str

    @property
    def stand_in(self) -> bool:
        return self.location == "stand_in"


@dataclass(frozen=True, slots=True)
class Training:
    """Settings of one QLoRA training; units as in the contract's TrainingSettings."""

    epochs: int
    batch_size: int
    learning_rate: float
    lora_rank: int
    lora_alpha: int
    max_length: int
    checkpoint_steps: int
    overlong: Overlong = "fail"


# For the shipped stand-ins: `make test-full` holds what they reach with it.
STAND_IN_TRAINING = Training(
    epochs=1, batch_size=16, learning_rate=4e-3, lora_rank=32, lora_alpha=64, max_length=1024, checkpoint_steps=50
)
# QLoRA's usual settings for models of 1 to 13 billion parameters (Dettmers et al. 2023, table 9: 2e-4).
DEFAULT_TRAINING = Training(
    epochs=2, batch_size=16, learning_rate=2e-4, lora_rank=16, lora_alpha=32, max_length=4096, checkpoint_steps=50
)


@dataclass(frozen=True, slots=True)
class Teacher:
    base: Checkpoint
    model_id: str
    dataset_path: str
    training: Training
    display_name: str
    licenses: tuple[str, ...]
    endpoint: EndpointSettings | None = None

    @property
    def data_id(self) -> str:
        """Registry id of the data that the teacher is tuned on."""
        return f"{self.model_id}-data"


@dataclass(frozen=True, slots=True)
class Student:
    family: str
    base: Checkpoint
    model_id: str
    display_name: str
    licenses: tuple[str, ...]
    training: Training

    @property
    def adapter_id(self) -> str:
        """Registry id of the adapter, beside the merged model."""
        return f"{self.model_id}-adapter"

    @property
    def evaluation_id(self) -> str:
        """Registry id of the held-out scenarios that it was scored on."""
        return f"{self.model_id}-evaluation"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked recipe. Equal recipes have equal digests."""

    namespace: str
    teacher: Teacher
    student: Student
    environment: Environment
    seed: int
    traces_id: str
    curation: Curation
    rollout: Rollout
    judge: Judge | None

    @property
    def stand_in(self) -> bool:
        return self.teacher.base.stand_in or self.student.base.stand_in

    @property
    def replay_id(self) -> str:
        """Registry id of the data that replay rows are drawn from."""
        return f"{self.traces_id}-replay"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What is done, in this order."""
        return tuple(stage for stage in STAGES if self.teacher.endpoint is None or stage not in TUNING)

    def upstream(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages whose output this one reads."""
        return tuple(one for one in UPSTREAM[stage] if one in self.stages)


def from_proto(message: run_pb2.Recipe, known: Known) -> Recipe:
    """The recipe with every default filled in.

    Raises:
        InvalidArgument: with one violation per field that is wrong.
    """
    reader = Reader()
    recipe = _read(message, known, reader)
    reader.finish()
    return recipe


def to_proto(recipe: Recipe) -> run_pb2.Recipe:
    """As a message; ``from_proto`` reads it back unchanged."""
    teacher, student = recipe.teacher, recipe.student
    return run_pb2.Recipe(
        namespace=recipe.namespace,
        teacher=run_pb2.Teacher(
            base=_checkpoint_to_proto(teacher.base),
            model_id=teacher.model_id,
            dataset_path=teacher.dataset_path,
            # A teacher behind an endpoint is not trained, and a recipe that says how is refused.
            training=None if teacher.endpoint else run_pb2.TrainingSettings(**asdict(teacher.training)),
            display_name=teacher.display_name,
            licenses=teacher.licenses,
            endpoint=endpoint_to_proto(teacher.endpoint) if teacher.endpoint else None,
        ),
        student=run_pb2.Student(
            family=student.family,
            base=_checkpoint_to_proto(student.base),
            model_id=student.model_id,
            display_name=student.display_name,
            licenses=student.licenses,
            training=run_pb2.TrainingSettings(**asdict(student.training)),
        ),
        environment=recipe.environment.to_proto(),
        seed=recipe.seed,
        traces_id=recipe.traces_id,
        curation=curation_to_proto(recipe.curation),
        rollout=run_pb2.Rollout(**asdict(recipe.rollout)),
        judge=judge_to_proto(recipe.judge) if recipe.judge else None,
    )


def to_json(recipe: Recipe) -> dict[str, Any]:
    """As JSON values."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return values


def from_json(values: Mapping[str, Any]) -> Recipe:
    """Reads what ``to_json`` wrote."""
    teacher, student, environment = values["teacher"], values["student"], values["environment"]
    return Recipe(
        namespace=values["namespace"],
        teacher=Teacher(
            **{
                **teacher,
                "base": Checkpoint(**teacher["base"]),
                "training": Training(**teacher["training"]),
                "licenses": tuple(teacher["licenses"]),
                "endpoint": endpoint_from_json(teacher["endpoint"]) if teacher["endpoint"] else None,
            }
        ),
        student=Student(
            **{
                **student,
                "base": Checkpoint(**student["base"]),
                "training": Training(**student["training"]),
                "licenses": tuple(student["licenses"]),
            }
        ),
        environment=Environment.from_json(environment),
        seed=values["seed"],
        traces_id=values["traces_id"],
        curation=curation_from_json(values["curation"]),
        rollout=Rollout(**values["rollout"]),
        judge=judge_from_json(values["judge"]) if values["judge"] else None,
    )


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over canonical JSON: sorted keys, no spaces."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def stage_digest(
    run_id: str, recipe: Recipe, stage: Stage, sources: Mapping[str, str], upstream: Mapping[str, str]
) -> str:
    """The key under which a stage's result is reused, by any run: SHA-256 over all that the stage depends on.

    Args:
        sources: content digests of what the run starts from: ``teacher``, ``student`` (checkpoint files) and, where
            the recipe names them, the user's own: ``dataset`` (the teacher's), ``scenarios``, ``module``, ``replay``
            and ``suite_0``, ``suite_1``, and so on.
        upstream: digest of the output of each earlier stage.
    """
    own = {"run": run_id} if stage in REGISTERING else {}
    read = {name: upstream[name] for name in recipe.upstream(stage)}
    inputs = {**own, **_INPUTS[stage](recipe, sources), "upstream": read}
    return digest({"results": RESULTS_VERSION, "stage": stage, **inputs})


# Which earlier outputs a stage reads.
UPSTREAM: Mapping[Stage, tuple[Stage, ...]] = {
    "evaluate_untouched": (),
    "finetune_teacher": (),
    "register_teacher": ("finetune_teacher",),
    "evaluate_teacher": ("finetune_teacher",),
    "rollout": ("finetune_teacher",),
    "verify": ("rollout",),
    "curate": ("verify",),
    "train_student": ("curate",),
    "evaluate": ("evaluate_untouched", "train_student"),
    "merge": ("train_student",),
    "register": (
        "evaluate_untouched",
        "register_teacher",
        "evaluate_teacher",
        "rollout",
        "verify",
        "curate",
        "train_student",
        "evaluate",
        "merge",
    ),
}


_Inputs = Callable[[Recipe, Mapping[str, str]], dict[str, Any]]


def _scenarios(recipe: Recipe, sources: Mapping[str, str], *counts: str) -> dict[str, Any]:
    environment = recipe.environment
    chosen = {name: getattr(environment, name) for name in counts}
    return {"environment": environment.identity(sources), "seed": recipe.seed, **chosen}


def _finetune_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    training = {"base": sources["teacher"], "training": asdict(recipe.teacher.training)}
    if recipe.teacher.dataset_path:
        return {**training, "dataset": sources["dataset"], "seed": recipe.seed}
    return {**training, **_scenarios(recipe, sources, "teacher_scenarios")}


def _rollout_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    # Roll-out scenarios are those after the gold ones, so both counts decide which they are.
    return {
        "base": sources["teacher"],
        **_scenarios(recipe, sources, "teacher_scenarios", "rollout_scenarios"),
        "rollout": recipe.rollout.drawing,
        "endpoint": served_as(recipe.teacher.endpoint) if recipe.teacher.endpoint else None,
    }


def _verify_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    judge = served_as(recipe.judge.endpoint) if recipe.judge else None
    # The traces name their teacher.
    return {**_rollout_inputs(recipe, sources), "teacher": recipe.teacher.model_id, "judge": judge}


def _curate_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    files = {name: digest for name, digest in sources.items() if name == "replay" or name.startswith("suite_")}
    return {
        **_scenarios(recipe, sources, "evaluation_scenarios"),
        "curation": recipe.curation.to_json(),
        "files": files,
        # What the card tells.
        "title": recipe.traces_id,
        "teacher": recipe.teacher.model_id,
        "rollout": recipe.rollout.drawing,
        "stand_in": recipe.teacher.base.stand_in,
    }


def _heldout_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    return {"base": sources["student"], **_scenarios(recipe, sources, "evaluation_scenarios")}


def _registering_inputs(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, Any]:
    return {"recipe": to_json(recipe), "sources": dict(sources)}


_INPUTS: Mapping[Stage, _Inputs] = {
    "evaluate_untouched": lambda recipe, sources: {
        **_heldout_inputs(recipe, sources),
        "family": recipe.student.family,
    },
    "finetune_teacher": _finetune_inputs,
    "evaluate_teacher": lambda recipe, sources: {
        "base": sources["teacher"],
        **_scenarios(recipe, sources, "evaluation_scenarios"),
    },
    "rollout": _rollout_inputs,
    "verify": _verify_inputs,
    "curate": _curate_inputs,
    "train_student": lambda recipe, sources: {
        "base": sources["student"],
        "family": recipe.student.family,
        "training": asdict(recipe.student.training),
        "seed": recipe.seed,
    },
    "evaluate": _heldout_inputs,
    "merge": _heldout_inputs,
    "register_teacher": _registering_inputs,
    "register": _registering_inputs,
}


def _read(message: run_pb2.Recipe, known: Known, reader: Reader) -> Recipe:
    namespace = reader.identifier(message.namespace or DEFAULT_NAMESPACE, "recipe.namespace")
    teacher = _read_teacher(message.teacher, reader)
    student = _read_student(message.student, known, reader)
    traces_id = message.traces_id or f"{teacher.model_id}-traces"
    if teacher.model_id and teacher.model_id in (student.model_id, student.adapter_id):
        reader.wrong("recipe.student.model_id", "would give teacher and student the same id; choose another")
    return Recipe(
        namespace=namespace,
        teacher=teacher,
        student=student,
        environment=read_environment(message.environment, known.environments, reader),
        seed=message.seed,
        traces_id=reader.identifier(traces_id, "recipe.traces_id", _suffix(message)) if teacher.model_id else traces_id,
        curation=read_curation(message.curation, message.seed, reader),
        rollout=read_rollout(message.rollout, teacher.base.stand_in, reader),
        judge=read_judge(message.judge, reader) if message.HasField("judge") else None,
    )


def _suffix(message: run_pb2.Recipe) -> str:
    return "-replay" if message.curation.replay_path else ""


def _read_teacher(message: run_pb2.Teacher, reader: Reader) -> Teacher:
    base = _read_checkpoint(message.base, "recipe.teacher.base", reader)
    model_id = reader.identifier(message.model_id, "recipe.teacher.model_id", "-traces")
    endpoint = None
    if message.HasField("endpoint"):
        endpoint = read_endpoint(message.endpoint, "recipe.teacher.endpoint", reader)
        for name, given in (
            ("dataset_path", message.dataset_path),
            ("training", message.HasField("training")),
            ("licenses", message.licenses),
        ):
            if given:
                reader.wrong(f"recipe.teacher.{name}", "is of a teacher that is tuned; one behind an endpoint is not")
    return Teacher(
        base=base,
        model_id=model_id,
        dataset_path=message.dataset_path,
        training=_read_training(message.training, base, "recipe.teacher.training", reader),
        display_name=message.display_name or model_id,
        licenses=tuple(message.licenses),
        endpoint=endpoint,
    )


def _read_student(message: run_pb2.Student, known: Known, reader: Reader) -> Student:
    base = _read_checkpoint(message.base, "recipe.student.base", reader)
    model_id = reader.identifier(message.model_id, "recipe.student.model_id", "-evaluation")
    family = message.family or (base.value if base.stand_in else "")
    return Student(
        family=reader.one_of(family, sorted(known.families), "recipe.student.family", "family"),
        base=base,
        model_id=model_id,
        display_name=message.display_name or model_id,
        licenses=tuple(message.licenses),
        training=_read_training(message.training, base, "recipe.student.training", reader),
    )


def _read_checkpoint(message: run_pb2.Checkpoint, field: str, reader: Reader) -> Checkpoint:
    location = message.WhichOneof("location")
    value: str = getattr(message, location) if location else ""
    if location is None or not value:
        reader.wrong(field, "names no weights; set stand_in, hub_repo or path")
        return Checkpoint("path", "", "", message.catalog_entry)
    entry = message.catalog_entry
    if location == "stand_in":
        reader.one_of(value, sorted(STAND_INS), f"{field}.stand_in", "stand-in")
        entry = entry or STAND_INS.get(value, "")
    elif location == "hub_repo":
        if value.count("/") != 1:
            reader.wrong(f"{field}.hub_repo", f"{value!r} is not of the form ORGANISATION/REPOSITORY")
        entry = entry or value
    if message.revision and location != "hub_repo":
        reader.wrong(f"{field}.revision", "belongs to a hub repository; leave it empty")
    return Checkpoint(location, value, message.revision, entry)


def _read_training(message: run_pb2.TrainingSettings, base: Checkpoint, field: str, reader: Reader) -> Training:
    defaults = STAND_IN_TRAINING if base.stand_in else DEFAULT_TRAINING
    rate, overlong = message.learning_rate, message.overlong or defaults.overlong
    if rate < 0 or rate >= 1:
        reader.wrong(f"{field}.learning_rate", f"{rate} is not between 0 and 1")
    return Training(
        epochs=reader.count(message.epochs, defaults.epochs, f"{field}.epochs"),
        batch_size=reader.count(message.batch_size, defaults.batch_size, f"{field}.batch_size"),
        learning_rate=rate or defaults.learning_rate,
        lora_rank=reader.count(message.lora_rank, defaults.lora_rank, f"{field}.lora_rank"),
        lora_alpha=reader.count(message.lora_alpha, defaults.lora_alpha, f"{field}.lora_alpha"),
        max_length=reader.count(message.max_length, defaults.max_length, f"{field}.max_length"),
        checkpoint_steps=reader.count(message.checkpoint_steps, defaults.checkpoint_steps, f"{field}.checkpoint_steps"),
        overlong=cast("Overlong", reader.one_of(overlong, get_args(Overlong), f"{field}.overlong", "choice")),
    )


def _checkpoint_to_proto(checkpoint: Checkpoint) -> run_pb2.Checkpoint:
    message = run_pb2.Checkpoint(revision=checkpoint.revision, catalog_entry=checkpoint.catalog_entry)
    setattr(message, checkpoint.location, checkpoint.value)
    return message
