"""``spiritsafe demo``: from a restricted teacher to a student in production, through the licence gate."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.embedded import serve
from cli.home import HOME_VARIABLE
from cli.lazy import app as new_app
from cli.options import FormatOption, invalid
from cli.output import Format
from cli.tour import distillation, gate
from cli.tour.actors import Actor, actors
from cli.tour.narrator import Narrator

CHANNEL = f"commercial/{gate.STAGE}"

app = new_app(no_args_is_help=False)


@app.command()
def demo(
    students: Annotated[str, typer.Option(help="Student families, separated by commas.")] = "qwen3",
    home: Annotated[
        Path | None, typer.Option(help="Home of its own for the demo; a new temporary folder unless told.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Tell the whole story with real output, in a registry created as a demo.

    A teacher under a non-commercial licence is fine-tuned and flagged; a student is distilled from it, reviewed, and
    released. Small stand-in checkpoints take the models' places. Takes about three minutes on two cores.

    Example: spiritsafe demo --students qwen3 --format json
    """
    families = _families(students)
    folder = (home or Path(tempfile.mkdtemp(prefix="spiritsafe-demo-"))).expanduser().resolve()
    narrator = Narrator(output.console())
    started = time.monotonic()
    narrator.say(f"A demo registry in {folder}. Its models are stand-ins: their lineage is simulated.")
    # An ordinary registry in that folder is refused here.
    with serve(folder, demo=True, distillation=True) as endpoint, actors(endpoint) as (alice, bob):
        result = _tell(narrator, alice, bob, folder, families)
    result["seconds_total"] = round(time.monotonic() - started, 1)
    narrator.say(f"Done in {result['seconds_total']:.0f} s. Look around with {HOME_VARIABLE}={folder} spiritsafe …")
    if form is Format.JSON:
        output.print_json(result)


def _families(text: str) -> list[str]:
    families = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [family for family in families if family not in distillation.STUDENT_ENTRIES]
    if unknown or not families:
        known = ", ".join(distillation.STUDENT_ENTRIES)
        raise invalid(
            "students", f"{', '.join(unknown) or 'nothing'} is not a student of the demo", f"choose from {known}"
        )
    return families


def _tell(narrator: Narrator, alice: Actor, bob: Actor, home: Path, families: list[str]) -> dict[str, Any]:
    distillation.show_teacher(narrator, alice.client)
    result: dict[str, Any] = {"teacher": {}, "traces": {}, "students": {}}
    for family in families:
        run = distillation.distil(narrator, alice, home, family)
        if not result["teacher"]:
            of_teacher, of_traces = gate.restricted_material(
                narrator, alice, run.outputs.teacher_adapter, run.outputs.traces
            )
            result["teacher"] = {"exact": distillation.exact(run, "teacher"), "verdicts": of_teacher}
            result["traces"] = {"verdicts": of_traces}
        before, after = gate.release_student(narrator, alice, bob, run.outputs.student)
        gate.show_lineage(narrator, alice.client, run.outputs.student)
        gate.second_version(narrator, alice, bob, run.outputs.student)
        result["students"][family] = {
            **distillation.summary(run),
            "verdict_before": before,
            "verdict_after": after,
            "channel": CHANNEL,
        }
    result["audit"] = gate.verify_audit(narrator, alice.client)
    return result
