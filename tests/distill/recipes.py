"""Recipes for tests: complete, tiny, on stand-ins unless told otherwise."""

from __future__ import annotations

from distill.recipe import Known, Recipe, from_proto
from distill.runs.known import known_names
from spiritsafe.distill.v1 import run_pb2

KNOWN = Known(frozenset({"qwen3"}), {"support_desk": ("single", "no_call")})


def recipe_message() -> run_pb2.Recipe:
    """The least that a recipe must say."""
    return run_pb2.Recipe(
        teacher=run_pb2.Teacher(base=run_pb2.Checkpoint(stand_in="xlam"), model_id="teacher"),
        student=run_pb2.Student(base=run_pb2.Checkpoint(stand_in="qwen3"), model_id="student"),
    )


def tiny_message() -> run_pb2.Recipe:
    """A recipe whose whole run takes seconds; what it makes is not good for much."""
    message = recipe_message()
    message.environment.CopyFrom(
        run_pb2.Environment(
            name="support_desk",
            categories=["single", "parallel", "no_call"],
            teacher_scenarios=16,
            rollout_scenarios=16,
            evaluation_scenarios=4,
        )
    )
    for training in (message.teacher.training, message.student.training):
        training.epochs, training.batch_size, training.checkpoint_steps = 2, 8, 2
    message.student.licenses.append("apache-2.0")
    return message


def tiny_recipe() -> Recipe:
    """The same, checked."""
    return from_proto(tiny_message(), known_names())
