"""Entry point of the ``spiritsafe`` command. Imports nothing that ``--help`` does not need."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from cli.home import HOME_VARIABLE
from cli.lazy import Lazy, LazyGroup
from cli.lazy import app as new_app

COMMANDS = {
    "demo": Lazy("cli.demo:app", "Distil students from a restricted teacher and take them through the licence gate."),
    "serve": Lazy("cli.serve:app", "Serve the registry and the distillation service over gRPC."),
    "worker": Lazy("cli.worker:app", "Execute queued distillation runs."),
    "model": Lazy("cli.nodes:models", "Models: create, update, list, show, delete, register, download, evaluation."),
    "version": Lazy(
        "cli.versions:app", "Versions of models and datasets: create, list, show, delete, register, mirror."
    ),
    "dataset": Lazy("cli.nodes:datasets", "Datasets: create, update, list, show, delete, register, download."),
    "import": Lazy("cli.importing.commands:app", "Take over models and datasets from a model hub, a folder or MLflow."),
    "lineage": Lazy("cli.lineage:app", "Where a version comes from, with licences and verdicts."),
    "license": Lazy("cli.licenses:app", "Licence profiles, what changing them would do, verdicts, and duties."),
    "policy": Lazy("cli.policies:app", "The written policy on contested questions, in revisions."),
    "catalog": Lazy("cli.catalog:app", "Known models, datasets and services, with licences and sources."),
    "review": Lazy("cli.reviews:app", "Human decisions on contested licence reasons."),
    "finding": Lazy("cli.findings:app", "What the files of versions say, where it differs from what was declared."),
    "agreement": Lazy("cli.agreements:app", "Contracts that waive one licensor's licence for named models."),
    "promote": Lazy("cli.promotions:promote_app", "Move a channel to a version, through the gate."),
    "rollback": Lazy("cli.promotions:rollback_app", "Move a channel back to the version that it held before."),
    "channel": Lazy("cli.promotions:channel_app", "What every channel holds, held, and why."),
    "promotion": Lazy("cli.channel_policies:promotion_app", "Approve or reject releases, as channel policies ask."),
    "recall": Lazy("cli.recalls:app", "Recall versions, and whatever was made from them."),
    "deploy": Lazy("cli.deploy:app", "Whether bytes may be deployed, as a signed and short-lived answer."),
    "report": Lazy(
        "cli.report:app", "A document about a version: page, bill of materials, signed statement, hub card."
    ),
    "evidence": Lazy("cli.evidence:app", "The registry's public keys, and offline verification of what it signed."),
    "audit": Lazy("cli.audit:app", "The hash-chained record of every change."),
    "watch": Lazy("cli.events:app", "Events of the audit log as they come."),
    "distill": Lazy("cli.distill:app", "Plan, run and watch distillation runs."),
    "data": Lazy("cli.data:app", "Training data: convert between formats, validate, show, count."),
    "environment": Lazy("cli.environment:app", "Tool environments: list the built-in worlds, show tools, call them."),
    "teacher": Lazy("cli.teacher:app", "Teachers: what they are asked, and the calls in what they wrote."),
    "db": Lazy("cli.database:app", "The schema of the registry's database: check, upgrade."),
    "store": Lazy("cli.store:app", "The artifact store: check it, remove what no version names."),
    "token": Lazy("cli.tokens:app", "API tokens: create, list, revoke."),
    "doctor": Lazy("cli.doctor:app", "Check this installation and its home folder."),
}

# Imports make hundreds of thousands of objects, all of which stay; looking for garbage among them after each 700 new
# ones, as Python does by itself, is a fifth of a short command's time.
GARBAGE_THRESHOLDS = (50_000, 10, 10)
EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied by policy, 4 not found, 5 unavailable."


class _Commands(LazyGroup):
    lazy = COMMANDS


app = new_app(
    "A licensing-aware model registry and distillation service. Not legal advice: it applies a written policy to "
    "recorded facts.",
    cls=_Commands,
    epilog=EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("spiritsafe"))
        raise typer.Exit


@app.callback()
def _root(
    home: Annotated[
        str, typer.Option(help="Folder of the embedded registry.", envvar=HOME_VARIABLE, show_default=False)
    ] = "",
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    if home:
        # In the environment, so that a worker started from here serves the same home.
        os.environ[HOME_VARIABLE] = home


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--format json`` was asked for: errors of usage need it before the arguments are understood."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return "--format=json" in arguments or ("--format", "json") in pairs


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits with its code."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = wants_json(given)
    try:
        # Standing alone, typer prints errors of usage itself; as JSON they are ours to print.
        code = get_command(app).main(given, prog_name="spiritsafe", standalone_mode=not as_json)
    except Exception as error:  # noqa: BLE001 - the last line of defence; unknown ones are raised again
        from cli.exits import report

        code = report(error, as_json=as_json)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
