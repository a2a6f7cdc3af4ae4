"""``spiritsafe demo``: from a restricted teacher to students in production, through the licence gate."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.embedded import serve
from cli.home import HOME_VARIABLE
from cli.lazy import app as new_app
from cli.options import FormatOption
from cli.output import Format
from cli.tour import distillation, gate, naming, scores
from cli.tour.actors import Actor, actors
from cli.tour.distillation import Queued
from cli.tour.narrator import Narrator
from cli.tour.students import ALL, Student, read_students
from spiritsafe.distill.v1 import run_pb2

CHANNEL = f"commercial/{gate.STAGE}"

app = new_app(no_args_is_help=False)


@app.command()
def demo(
    students: Annotated[str, typer.Option(help="Student families, separated by commas, or all.")] = ALL,
    home: Annotated[
        Path | None, typer.Option(help="Home of its own for the demo; a new temporary folder unless told.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Tell the whole story with real output, in a registry created as a demo.

    A teacher under a non-commercial licence is fine-tuned and flagged; a student of each family is distilled from it,
    reviewed, and released. Small stand-in checkpoints take the models' places. Takes some minutes on two cores. Ends
    with exit code 1, after the whole story, where somebody scored otherwise than the demo promises.

    Example: spiritsafe demo --students qwen3,llama3 --format json
    """
    chosen = read_students(students)
    folder = (home or Path(tempfile.mkdtemp(prefix="spiritsafe-demo-"))).expanduser().resolve()
    narrator = Narrator(output.console())
    started = time.monotonic()
    narrator.say(f"A demo registry in {folder}. Its models are stand-ins: their lineage is simulated.")
    # An ordinary registry in that folder is refused here.
    with serve(folder, demo=True, distillation=True) as endpoint, actors(endpoint) as (alice, bob):
        result = _tell(narrator, alice, bob, folder, chosen)
    result["seconds_total"] = round(time.monotonic() - started, 1)
    narrator.say(f"Done in {result['seconds_total']:.0f} s. Look around with {HOME_VARIABLE}={folder} spiritsafe …")
    if form is Format.JSON:
        output.print_json(result)
    scores.require_none(result["missed_bars"])


def _tell(narrator: Narrator, alice: Actor, bob: Actor, home: Path, students: list[Student]) -> dict[str, Any]:
    """The whole story; what every student has in common, and what one may show for all, is told of the first."""
    distillation.show_teacher(narrator, alice.client)
    with distillation.distilling(narrator, alice, home, students) as (first, *later):
        return _tell_of_students(narrator, alice, bob, first, later)


def _tell_of_students(
    narrator: Narrator, alice: Actor, bob: Actor, first: Queued, later: Sequence[Queued]
) -> dict[str, Any]:
    run = distillation.finished(narrator, alice, first)
    of_teacher, of_traces = gate.restricted_material(narrator, alice, run.outputs.teacher_adapter, run.outputs.traces)
    told = {first.student.family: _release(narrator, alice, bob, run, first.student)}
    gate.show_lineage(narrator, alice.client, run.outputs.student)
    gate.second_version(narrator, alice, bob, run.outputs.student, first.student.outbound)
    runs = {first.student.family: run}
    for queued in later:
        family = queued.student.family
        runs[family] = distillation.finished(narrator, alice, queued)
        distillation.expect_same_teacher(narrator, run, runs[family])
        told[family] = _release(narrator, alice, bob, runs[family], queued.student)
    missed = dict.fromkeys(text for family, one in runs.items() for text in scores.missed(one.scores, family))
    return {
        "teacher": {"exact": scores.exact(run.scores, "teacher"), "verdicts": of_teacher},
        "traces": {"verdicts": of_traces},
        "students": told,
        "missed_bars": list(missed),
        "audit": gate.verify_audit(narrator, alice.client),
    }


def _release(narrator: Narrator, alice: Actor, bob: Actor, run: run_pb2.Run, student: Student) -> dict[str, Any]:
    """Takes a student through the gate; gives what the demo's JSON says of it."""
    version = run.outputs.student
    before = gate.refuse_permissive(narrator, alice, version)
    narrator.say(student.why)
    renaming = naming.refuse_and_rename(narrator, alice, version, student) if student.new_name else {}
    after = gate.release_student(narrator, alice, bob, version, student.outbound)
    if renaming:
        naming.rename_in_production(narrator, alice, version, student)
    verdicts = {"verdict_before": before, "verdict_after": after, "channel": CHANNEL}
    return {**distillation.summary(run), **verdicts, **renaming}
