"""``spiritsafe worker``, and starting one for the embedded home."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.home import HOME_VARIABLE, home_folder
from cli.lazy import app as new_app
from cli.options import FormatOption, HomeOption
from cli.output import Format
from cli.session import endpoint
from spiritsafe.client import TOKEN_VARIABLE
from spiritsafe.errors import FailedPrecondition

LOG_FILE = "worker.log"
MAX_STARTS = 3

app = new_app(no_args_is_help=False)


@app.command()
def worker(
    runs: Annotated[int, typer.Option(min=1, help="How many runs to execute at a time.")] = 1,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is queued.")] = False,
    home: HomeOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Execute queued distillation runs of a home; one worker a home.

    Runs that are executed at the same time share the machine, and what several of them need is made once: several
    students of one teacher, for example.

    Example: spiritsafe worker --home /srv/spiritsafe --runs 2
    """
    from distill.worker import run_worker

    folder = home_folder(home)
    with endpoint(folder) as where:
        run_worker(folder, where.address, where.token, runs=runs, until_idle=until_idle)
    if form is Format.JSON:
        output.print_json({"home": str(folder), "state": "idle"})
    else:
        output.console().print(f"No run of {folder} is queued or running.")


def is_served(home: Path) -> bool:
    """Whether a worker serves the home now."""
    from distill.workflow.lock import has_worker

    return has_worker(home)


def attendant(home: Path, token: str = "") -> Callable[[], bool]:
    """Gives a function that says whether a worker serves the home, and starts one where none does.

    A worker that finds nothing to do may end in the moment in which a run is queued, so it is not enough to start one
    once; one that keeps ending is given up after a few starts.
    """
    starts = iter(range(MAX_STARTS))
    started: list[subprocess.Popen[bytes]] = []

    def attended() -> bool:
        if is_served(home) or (started and started[-1].poll() is None):
            return True
        if next(starts, None) is None:
            return False
        started.append(start(home, token))
        return True

    return attended


def start(home: Path, token: str = "", runs: int = 1) -> subprocess.Popen[bytes]:
    """Starts ``spiritsafe worker --until-idle`` in a session of its own, so that it outlives this command.

    It works on so many ``runs`` at a time, as the identity of ``token``, the home's owner unless told. Raises
    FailedPrecondition where the libraries that it trains with are not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise FailedPrecondition(
            "what a worker trains with is not installed here, and no other worker serves this home",
            reason="EXTRA_MISSING",
            remedy="pip install 'spiritsafe[service,train]' and `spiritsafe worker`; runs that are queued wait for it",
        )
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    if token:
        environment[TOKEN_VARIABLE] = token
    with (home / LOG_FILE).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own module, with a number
            [sys.executable, "-m", "cli.main", "worker", "--until-idle", "--runs", str(runs)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
