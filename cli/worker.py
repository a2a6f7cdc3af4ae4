"""``spiritsafe worker``, and starting one for the embedded home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.home import HOME_VARIABLE, home_folder
from cli.lazy import app as new_app
from cli.options import HomeOption
from cli.session import endpoint

LOG_FILE = "worker.log"

app = new_app(no_args_is_help=False)


@app.command()
def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is queued.")] = False,
    home: HomeOption = None,
) -> None:
    """Execute queued distillation runs of a home; one worker a home.

    Example: spiritsafe worker --home /srv/spiritsafe
    """
    from distill.worker import run_worker

    folder = home_folder(home)
    with endpoint(folder) as where:
        run_worker(folder, where.address, where.token, until_idle=until_idle)


def is_served(home: Path) -> bool:
    """Whether a worker serves the home now."""
    from distill.workflow.lock import has_worker

    return has_worker(home)


def start_detached(home: Path) -> subprocess.Popen[bytes] | None:
    """Starts ``spiritsafe worker --until-idle`` in a session of its own, so that it outlives this command.

    None where a worker serves the home already.
    """
    if is_served(home):
        return None
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    with (home / LOG_FILE).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", "worker", "--until-idle"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
