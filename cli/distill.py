"""``spiritsafe distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import exits, output
from cli.home import home_folder
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, LimitOption
from cli.output import Data, Format
from cli.pages import every
from cli.recipes import Overrides
from cli.recipes import read as read_recipe
from cli.session import connect, is_remote
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2

COLUMNS = ("name", "state", "creator", "create_time", "end_time", "stand_in", "error")
STAGE_COLUMNS = ("name", "state", "attempts", "seconds", "reused")
SCORE_COLUMNS = ("subject", "category", "exact", "count", "low", "high")
DROPPED_COLUMNS = ("stage", "reason", "rows")
OUTCOME_COLUMNS = ("subject", "context", "verdict", "reasons")

RecipeArgument = Annotated[Path | None, typer.Argument(help="Recipe: a .toml or .json file.")]
RunArgument = Annotated[str, typer.Argument(help="Id of the run, as `distill list` shows it.")]
TeacherOption = Annotated[str, typer.Option("--teacher", help="stand-in:NAME, hub repository or folder.")]
StudentOption = Annotated[str, typer.Option("--student", help="stand-in:NAME, hub repository or folder.")]
FamilyOption = Annotated[str, typer.Option("--family", help="Family of the student, e.g. qwen3.")]
TeacherIdOption = Annotated[str, typer.Option("--teacher-id", help="Registry id that the tuned teacher gets.")]
StudentIdOption = Annotated[str, typer.Option("--student-id", help="Registry id that the student gets.")]
DatasetOption = Annotated[Path | None, typer.Option("--dataset", help="Ertas-format JSONL to tune the teacher on.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Any other field, e.g. student.licenses=openrail-m; repeatable, stronger than the file."
    ),
]

app = new_app(
    "Distillation runs: fine-tune a teacher, roll it out, verify, curate, train a student, evaluate, merge, register."
)


def run_name(text: str) -> str:
    return f"runs/{text.removeprefix('runs/')}"


@app.command("plan")
def plan(
    recipe: RecipeArgument = None,
    teacher: TeacherOption = "",
    student: StudentOption = "",
    family: FamilyOption = "",
    teacher_id: TeacherIdOption = "",
    student_id: StudentIdOption = "",
    dataset: DatasetOption = None,
    settings: SettingsOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Check a recipe and give the licence outcome of everything it would make, before any compute is spent.

    Example: spiritsafe distill plan recipe.toml --set student.licenses=openrail-m
    """
    given = Overrides(teacher, student, family, teacher_id, student_id, dataset, tuple(settings or ()))
    request = run_pb2.PlanRunRequest(recipe=read_recipe(recipe, given))
    with connect(distillation=True) as client:
        data = output.to_data(client.runs.PlanRun(request))
    if form is Format.JSON:
        output.print_json(data)
        return
    console = output.console()
    console.print(output.details(data["recipe"]))
    console.print(output.table(data["license_outcomes"], OUTCOME_COLUMNS, "Licence outcome"))
    for warning in data["warnings"]:
        output.notices().print(f"[yellow]Note:[/] {warning}")


@app.command("run")
def run(
    recipe: RecipeArgument = None,
    teacher: TeacherOption = "",
    student: StudentOption = "",
    family: FamilyOption = "",
    teacher_id: TeacherIdOption = "",
    student_id: StudentIdOption = "",
    dataset: DatasetOption = None,
    settings: SettingsOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; `distill watch` shows it later.")] = False,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Queue a run, start a worker where none serves this home, and watch it.

    Example: spiritsafe distill run --teacher Salesforce/xLAM-7b-fc-r --student Qwen/Qwen3-0.6B --family qwen3
    --teacher-id support-teacher --student-id support-tool --set environment.name=support_desk
    """
    given = Overrides(teacher, student, family, teacher_id, student_id, dataset, tuple(settings or ()))
    request = run_pb2.CreateRunRequest(recipe=read_recipe(recipe, given), validate_only=dry_run)
    with connect(distillation=True) as client:
        made = client.runs.CreateRun(request).run
        if not dry_run:
            made = _execute(client, made, detach=detach)
        _finish(made, form)


@app.command("status")
def status(run_id: RunArgument, form: FormatOption = Format.TABLE) -> None:
    """Show a run: its stages, scores, what it registered, and the licence outcome.

    Example: spiritsafe distill status 3f2a
    """
    with connect(distillation=True) as client:
        print_run(client.runs.GetRun(run_pb2.GetRunRequest(name=run_name(run_id))).run, form)


@app.command("list")
def list_runs(limit: LimitOption = 50, form: FormatOption = Format.TABLE) -> None:
    """List runs, newest first.

    Example: spiritsafe distill list
    """
    with connect(distillation=True) as client:
        found = every(client.runs.ListRuns, run_pb2.ListRunsRequest(), "runs", limit)
        output.print_list(form, "runs", found, COLUMNS)


@app.command("watch")
def watch(run_id: RunArgument, form: FormatOption = Format.TABLE) -> None:
    """Watch a run until it ends; exit code 1 where it does not succeed.

    Example: spiritsafe distill watch 3f2a
    """
    from cli import watching, worker

    attended = _always if is_remote() else lambda: worker.is_served(home_folder())
    with connect(distillation=True) as client:
        _finish(watching.watch(client, run_name(run_id), attended=attended), form)


@app.command("cancel")
def cancel(run_id: RunArgument, form: FormatOption = Format.TABLE) -> None:
    """Cancel a run; the stage that is running ends first.

    Example: spiritsafe distill cancel 3f2a
    """
    with connect(distillation=True) as client:
        print_run(client.runs.CancelRun(run_pb2.CancelRunRequest(name=run_name(run_id))).run, form)


@app.command("resume")
def resume(
    run_id: RunArgument,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once; `distill watch` shows it later.")] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Take up a run that failed, was cancelled or lost its worker, at the stage where it stopped.

    Example: spiritsafe distill resume 3f2a
    """
    with connect(distillation=True) as client:
        taken_up = client.runs.ResumeRun(run_pb2.ResumeRunRequest(name=run_name(run_id))).run
        _finish(_execute(client, taken_up, detach=detach), form)


def _execute(client: Client, run: run_pb2.Run, *, detach: bool) -> run_pb2.Run:
    """Sees to a worker and waits for the end, unless told to detach."""
    from cli import watching, worker

    attended = _always if is_remote() else worker.attendant(home_folder())
    if detach:
        attended()
        return run
    return watching.watch(client, run.name, attended=attended)


def _always() -> bool:
    return True


def _finish(run: run_pb2.Run, form: Format) -> None:
    print_run(run, form)
    if run.state in (run_pb2.RUN_STATE_FAILED, run_pb2.RUN_STATE_CANCELLED):
        raise typer.Exit(exits.FAILED)


def print_run(run: run_pb2.Run, form: Format) -> None:
    """Prints a run whole."""
    data = output.to_data(run)
    if form is Format.JSON:
        output.print_json(data)
        return
    console = output.console()
    console.print(output.details({**_summary(data), **dataset_figures(data)}))
    for key, columns, title in (
        ("stages", STAGE_COLUMNS, "Stages"),
        ("dropped", DROPPED_COLUMNS, "Rows left out of the dataset"),
        ("scores", SCORE_COLUMNS, "Held-out scenarios"),
        ("license_outcomes", OUTCOME_COLUMNS, "Licence outcome"),
    ):
        if data[key]:
            console.print(output.table(data[key], columns, title))
    console.print(output.details(data.get("outputs", {})))


def dataset_figures(run: Data) -> Data:
    """How the run's dataset came about: what the teacher wrote, at which rate, and how many rows were kept of it."""
    rate = next((stage["tokens_per_second"] for stage in run["stages"] if stage["name"] == "rollout"), 0.0)
    shown = f"{rate:,.0f} tokens/s" if rate else ""
    kept = {key: run[key] for key in ("verified_rollouts", "dataset_rows", "replayed_rows")}
    return {**run.get("usage", {}), "roll-out rate": shown, **kept}


def _summary(data: Data) -> Data:
    shown = ("name", "state", "error", "creator", "create_time", "end_time", "stand_in")
    return {key: data[key] for key in shown if key in data}
