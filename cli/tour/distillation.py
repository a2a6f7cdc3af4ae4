"""The demo's first half: what the teacher is, and the run that makes a student of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import output, watching, worker
from cli.tour.actors import Actor
from cli.tour.narrator import Narrator
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import licensing_pb2

TEACHER_ENTRY = "Salesforce/xLAM-7b-fc-r"
# Student families of the demo, and the published models whose place their stand-ins take.
STUDENT_ENTRIES = {"qwen3": "Qwen/Qwen3-0.6B"}
PROFILE_FIELDS = ("id", "purposes", "limitations", "outbound_relicense", "evidence", "confidence")
STOP_SECONDS = 20
SUBJECTS = ("untouched_student", "student", "teacher")
# What a fine-tuned teacher and a distilled student should reach, and an untouched one should not, in every category.
MINIMUM = {"teacher": 0.9, "student": 0.8}
MAXIMUM = {"untouched_student": 0.2}


def show_teacher(narrator: Narrator, client: Client) -> None:
    """Shows the catalogue's entry of the teacher, and its own licence and that of the model under it."""
    narrator.step("What the catalogue knows of the teacher")
    entry = _entry(client, TEACHER_ENTRY)
    narrator.console.print(output.details(output.to_data(entry)))
    upstream = [_entry(client, parent.hub_repo) for parent in entry.parents]
    ids = dict.fromkeys(one for each in (entry, *upstream) for one in each.licenses)
    for license_id in ids:
        request = licensing_pb2.GetLicenseRequest(name=f"licenses/{license_id}")
        profile = output.to_data(client.licenses.GetLicense(request).license)
        narrator.console.print()
        narrator.console.print(output.details({field: profile[field] for field in PROFILE_FIELDS}))


def _entry(client: Client, hub_repo: str) -> licensing_pb2.CatalogEntry:
    return client.licenses.GetCatalogEntry(licensing_pb2.GetCatalogEntryRequest(name=f"catalog/{hub_repo}")).entry


def recipe(family: str) -> run_pb2.Recipe:
    """The run of one student family: stand-ins that take the place of the published models."""
    return run_pb2.Recipe(
        teacher=run_pb2.Teacher(
            base=run_pb2.Checkpoint(stand_in="xlam", catalog_entry=TEACHER_ENTRY), model_id="support-teacher"
        ),
        student=run_pb2.Student(
            family=family,
            base=run_pb2.Checkpoint(stand_in=family, catalog_entry=STUDENT_ENTRIES[family]),
            model_id=f"support-{family}",
            display_name=f"acme/support-{family}",
        ),
        environment=run_pb2.Environment(
            name="support_desk", teacher_scenarios=3000, rollout_scenarios=1500, evaluation_scenarios=100
        ),
        traces_id="support-traces",
    )


def distil(narrator: Narrator, alice: Actor, home: Path, family: str) -> run_pb2.Run:
    """Runs the whole distillation as Alice and shows the scores. Raises UnexpectedAnswer where it does not succeed."""
    narrator.step(f"Distil the {family} student")
    request = run_pb2.CreateRunRequest(recipe=recipe(family))
    run = alice.client.runs.CreateRun(request).run
    narrator.say(f"{alice.identity} queued {run.name}; a worker takes it.")
    with _worker(home, alice.token) as attended:
        run = watching.watch(alice.client, run.name, attended, narrator.console)
    state = output.enum_label(run_pb2.RunState.DESCRIPTOR, run.state)
    narrator.expect(f"the run ({run.error})" if run.error else "the run", state, "succeeded")
    data = output.to_data(run)
    narrator.console.print(output.table(data["stages"], ("name", "state", "seconds"), "Stages"))
    narrator.say(
        f"{run.verified_rollouts} of {run.rollouts} roll-outs executed, reached the right state and were kept. "
        f"Merged weights agree with the adapter on {run.merge_top1_agreement:.1%} of tokens."
    )
    narrator.step("Before and after, on held-out scenarios")
    narrator.console.print(output.table(_before_after(run), ("category", *SUBJECTS)))
    narrator.say("Exact: every call and the final state. In brackets, the 95 % interval of the share.")
    for score in run.scores:
        _hold_to_bar(narrator, score)
    return run


def _before_after(run: run_pb2.Run) -> list[dict[str, str]]:
    """One row a category, one column a subject."""
    rows: dict[str, dict[str, str]] = {}
    for score in run.scores:
        row = rows.setdefault(score.category, {"category": score.category})
        row[score.subject] = f"{score.exact} of {score.count} ({score.low:.0%} to {score.high:.0%})"
    return list(rows.values())


def _hold_to_bar(narrator: Narrator, score: run_pb2.Score) -> None:
    share = score.exact / score.count
    low, high = MINIMUM.get(score.subject, 0.0), MAXIMUM.get(score.subject, 1.0)
    who = score.subject.replace("_", " ")
    narrator.require(
        low <= share <= high,
        f"exact {score.category} scenarios of the {who}",
        f"{share:.0%}",
        f"{low:.0%} to {high:.0%}",
    )


@contextmanager
def _worker(home: Path, token: str) -> Iterator[watching.Attended]:
    """A worker that acts as the token's identity, for the length of the context."""
    # It ends by itself when idle. When the demo fails, or is ended from outside, it must not go on in the background.
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    process = worker.start(home, token)
    try:
        yield lambda: process.poll() is None
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        signal.signal(signal.SIGTERM, before)


def exact(run: run_pb2.Run, subject: str) -> dict[str, float]:
    """The share of exact scenarios by category."""
    return {score.category: score.exact / score.count for score in run.scores if score.subject == subject}


def summary(run: run_pb2.Run) -> dict[str, Any]:
    """What the demo's JSON says of the run."""
    return {
        "exact_before": exact(run, "untouched_student"),
        "exact_after": exact(run, "student"),
        "teacher_exact": exact(run, "teacher"),
        "stand_in": run.stand_in,
        "seconds": {stage.name: round(stage.seconds, 1) for stage in run.stages},
    }
