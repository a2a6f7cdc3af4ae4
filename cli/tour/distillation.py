"""The demo's first half: what the teacher is, and the runs that make students of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import output, watching, worker
from cli.catalog import print_entry
from cli.distill import DROPPED_COLUMNS, OUTCOME_COLUMNS, dataset_figures
from cli.tour import scores
from cli.tour.actors import Actor
from cli.tour.narrator import Narrator
from cli.tour.students import Student
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import catalog_pb2, licensing_pb2
from spiritsafe.rpc.names import shorten

TEACHER_ENTRY = "Salesforce/xLAM-7b-fc-r"
PROFILE_FIELDS = ("id", "purposes", "limitations", "outbound_relicense", "evidence", "confidence")
STAGE_COLUMNS = ("name", "state", "seconds", "reused")
STOP_SECONDS = 20
# Going through the traces twice teaches more than twice the traces, and their roll-outs are not needed.
EPOCHS = 2


def show_teacher(narrator: Narrator, client: Client) -> None:
    """Shows the catalogue's entry of the teacher, and its own licence and that of the model under it."""
    narrator.step("What the catalogue knows of the teacher")
    entry = _entry(client, TEACHER_ENTRY)
    print_entry(entry, narrator.console)
    upstream = [_entry(client, parent.hub_repo) for parent in entry.parents]
    ids = dict.fromkeys(one for each in (entry, *upstream) for one in each.licenses)
    for license_id in ids:
        request = licensing_pb2.GetLicenseRequest(name=f"licenses/{license_id}")
        profile = output.to_data(client.licenses.GetLicense(request).license)
        narrator.console.print()
        narrator.console.print(output.details({field: profile[field] for field in PROFILE_FIELDS}))


def _entry(client: Client, hub_repo: str) -> catalog_pb2.CatalogEntry:
    return client.catalog.GetCatalogEntry(catalog_pb2.GetCatalogEntryRequest(name=f"catalog/{hub_repo}")).entry


def recipe(student: Student) -> run_pb2.Recipe:
    """The run of one student: stand-ins that take the place of the published models. Nothing else differs."""
    return run_pb2.Recipe(
        teacher=run_pb2.Teacher(
            base=run_pb2.Checkpoint(stand_in="xlam", catalog_entry=TEACHER_ENTRY), model_id="support-teacher"
        ),
        student=run_pb2.Student(
            family=student.family,
            base=run_pb2.Checkpoint(stand_in=student.family, catalog_entry=student.base),
            model_id=student.model_id,
            display_name=student.public_name,
            training=run_pb2.TrainingSettings(epochs=EPOCHS),
        ),
        environment=run_pb2.Environment(
            name="support_desk",
            # The stand-ins are tuned for these, not for all that there may be.
            categories=scores.CATEGORIES,
            teacher_scenarios=950,
            rollout_scenarios=330,
            evaluation_scenarios=40,
        ),
        # Curation is at its defaults: of the 1,421 right answers to these scenarios it leaves one out, which shares
        # eight words with a held-out one.
        traces_id="support-traces",
    )


@dataclass(frozen=True, slots=True)
class Queued:
    """A run that a worker has taken or will take. ``attended`` says whether the worker is still there."""

    student: Student
    run: str
    attended: watching.Attended


@contextmanager
def distilling(narrator: Narrator, alice: Actor, home: Path, students: Sequence[Student]) -> Iterator[list[Queued]]:
    """Queues a run for each student as Alice, and has a worker for all of them within the context."""
    narrator.step("Distil the students")
    requests = [run_pb2.CreateRunRequest(recipe=recipe(student)) for student in students]
    runs = [alice.client.runs.CreateRun(request).run.name for request in requests]
    narrator.say(f"{alice.identity} queued {', '.join(runs)}; a worker takes them all, and makes once what is equal.")
    with _worker(home, alice.token, len(students)) as attended:
        yield [Queued(student, run, attended) for student, run in zip(students, runs, strict=True)]


def finished(narrator: Narrator, alice: Actor, queued: Queued) -> run_pb2.Run:
    """Follows the run to its end and shows the scores. Raises UnexpectedAnswer where it does not succeed."""
    family = queued.student.family
    narrator.step(f"The {family} student: {queued.run}")
    run = watching.watch(alice.client, queued.run, queued.attended, narrator.console)
    state = output.enum_label(run_pb2.RunState.DESCRIPTOR, run.state)
    narrator.expect(f"the run ({run.error})" if run.error else "the run", state, "succeeded")
    narrator.console.print(output.table(output.to_data(run)["stages"], STAGE_COLUMNS, "Stages"))
    if reused(run):
        narrator.say(f"Reused, as another run made it from the same inputs: {', '.join(reused(run))}.")
    narrator.say(
        f"{run.verified_rollouts} of {run.rollouts} roll-outs executed, reached the right state and were kept. "
        f"Merged weights agree with the adapter on {run.merge_top1_agreement:.1%} of tokens."
    )
    show_dataset(narrator, run)
    show_scores(narrator, run.scores, family)
    return run


def show_dataset(narrator: Narrator, run: run_pb2.Run) -> None:
    """What the student was trained on, what was left out of it and why, and what it may be used for."""
    data = output.to_data(run)
    narrator.console.print(output.details(dataset_figures(data)))
    narrator.console.print(output.table(data["dropped"], DROPPED_COLUMNS, "Rows left out of the dataset"))
    verdicts = [one for one in data["license_outcomes"] if one["subject"] == "traces"]
    narrator.console.print(output.table(verdicts, OUTCOME_COLUMNS, f"The dataset {shorten(run.outputs.traces)}"))


def reused(run: run_pb2.Run) -> list[str]:
    """The stages whose result another run made."""
    return [stage.name for stage in run.stages if stage.reused]


def show_scores(narrator: Narrator, found: Sequence[run_pb2.Score], family: str) -> None:
    """The table of a run's scores, and every bar that they miss."""
    narrator.step(f"Before and after, on held-out scenarios: {family}")
    narrator.console.print(output.table(scores.rows(found), ("category", *scores.SUBJECTS)))
    narrator.say("Exact: every call and the final state. In brackets, the 95 % interval of the share.")
    for text in scores.missed(found, family):
        narrator.say(f"Missed: {text}")


def expect_same_teacher(narrator: Narrator, first: run_pb2.Run, later: run_pb2.Run) -> None:
    """A later run must have registered no second teacher and no second traces: their verdicts were shown already."""
    names = (later.outputs.teacher_adapter, later.outputs.traces)
    narrator.say(f"Teacher and traces are those of the first run: {', '.join(map(shorten, names))}.")
    narrator.expect("the teacher", shorten(names[0]), shorten(first.outputs.teacher_adapter))
    narrator.expect("the traces", shorten(names[1]), shorten(first.outputs.traces))


@contextmanager
def _worker(home: Path, token: str, runs: int) -> Iterator[watching.Attended]:
    """A worker that acts as the token's identity on so many runs at a time, for the length of the context."""
    # It ends by itself when idle. When the demo fails, or is ended from outside, it must not go on in the background.
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    process = worker.start(home, token, runs)
    try:
        yield lambda: process.poll() is None
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        signal.signal(signal.SIGTERM, before)


def summary(run: run_pb2.Run) -> dict[str, Any]:
    """What the demo's JSON says of the run. ``seconds`` of a reused stage are those of the run that made it."""
    return {
        "categories": scores.categories(run.scores),
        "stand_in": run.stand_in,
        "seconds": {stage.name: round(stage.seconds, 1) for stage in run.stages},
        "reused": reused(run),
    }
