"""``spiritsafe doctor``."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from cli import exits, output
from cli.embedded import has_distillation
from cli.home import home_folder
from cli.lazy import app as new_app
from cli.options import FormatOption, HomeOption
from cli.output import Format
from cli.pages import every
from cli.session import connect, is_remote
from spiritsafe.client import Client
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import PermissionDenied, SpiritsafeError
from spiritsafe.registry.v1 import audit_pb2, identity_pb2, store_pb2

PACKAGES = ("spiritsafe", "spiritsafe-client", "grpcio", "protobuf", "sqlmodel", "alembic", "boto3", "typer", "rich")
EXTRAS = {
    "service": ("dbos",),
    "train": ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets"),
}
MINIMUM_PYTHON = (3, 11)
RUNS = 1000
COLUMNS = ("check", "ok", "detail", "remedy")

app = new_app(no_args_is_help=False)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``ok`` is None where it is a remark and no fault."""

    check: str
    ok: bool | None
    detail: str
    remedy: str = ""


@app.command()
def doctor(home: HomeOption = None, form: FormatOption = Format.TABLE) -> None:
    """Check Python, packages, the home folder, its database and its runs; exit code 1 where something is wrong.

    Example: spiritsafe doctor
    """
    checks = [*_installation(), *_services(home_folder(home))]
    rows = [asdict(check) for check in checks]
    if form is Format.JSON:
        output.print_json({"checks": rows})
    else:
        output.console().print(output.table(rows, COLUMNS))
    if any(check.ok is False for check in checks):
        raise typer.Exit(exits.FAILED)


def _installation() -> Iterator[Check]:
    running = ".".join(map(str, sys.version_info[:3]))
    new_enough = sys.version_info >= MINIMUM_PYTHON
    yield Check("python", new_enough, running, "" if new_enough else "use Python 3.11 or newer")
    found = {name: _installed(name) for name in PACKAGES}
    missing = [name for name, number in found.items() if not number]
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    yield Check("packages", not missing, listed, f"install {', '.join(missing)}" if missing else "")
    for extra, names in EXTRAS.items():
        absent = [name for name in names if not _installed(name)]
        remedy = f"pip install 'spiritsafe[{extra}]' to distil on this machine" if absent else ""
        detail = f"missing {', '.join(absent)}" if absent else ", ".join(f"{name} {_installed(name)}" for name in names)
        yield Check(f"extra {extra}", None if absent else True, detail, remedy)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _services(home: Path) -> Iterator[Check]:
    if not is_remote():
        if not home.exists():
            yield Check("home", None, f"{home} does not exist yet", "the first command creates it")
            return
        yield _permissions(home)
        database = _database(home)
        yield database
        if not database.ok:
            return
    try:
        distillation = is_remote() or has_distillation()
        with connect(home, distillation=distillation) as client:
            yield from _server(client)
            if distillation:
                yield from _runs(client, home)
    except SpiritsafeError as error:
        yield Check("server", False, error.message, error.remedy)


def _permissions(home: Path) -> Check:
    token = home / "token"
    open_to_others = [
        path.name or str(path)
        for path in (home, token)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    remedy = f"chmod go= {home} {token}" if open_to_others else ""
    detail = f"open to other users: {', '.join(open_to_others)}" if open_to_others else str(home)
    return Check("home", not open_to_others, detail, remedy)


def _database(home: Path) -> Check:
    from cli.database import problem_of

    where, problem = problem_of(home)
    return Check("database", not problem, problem or where, "restore it from a backup" if problem else "")


def _server(client: Client) -> Iterator[Check]:
    caller = client.identity.GetCaller(identity_pb2.GetCallerRequest())
    kind = "demo" if caller.demo else "ordinary"
    yield Check("server", True, f"{kind} registry, version {caller.server_version}, caller {caller.identity}")
    yield _store(client)
    chain = client.audit.VerifyAudit(audit_pb2.VerifyAuditRequest())
    remedy = "" if chain.verified else "keep this home as evidence and restore a backup"
    yield Check("audit chain", chain.verified, chain.problem or f"{chain.events} events", remedy)


def _store(client: Client) -> Check:
    try:
        store = client.store.CheckStore(store_pb2.CheckStoreRequest())
    except PermissionDenied:
        return Check("artifact store", None, "only an administrator may ask", "run as the registry's owner")
    except SpiritsafeError as error:
        return Check("artifact store", False, error.message, error.remedy)
    return Check("artifact store", True, f"{store.location}{', reached directly by clients' if store.direct else ''}")


def _runs(client: Client, home: Path) -> Iterator[Check]:
    runs = list(every(client.runs.ListRuns, run_pb2.ListRunsRequest(), "runs", RUNS))
    active = [run.name for run in runs if run.state in (run_pb2.RUN_STATE_QUEUED, run_pb2.RUN_STATE_RUNNING)]
    if is_remote():
        yield Check("runs", True, f"{len(active)} queued or running")
        return
    from cli.worker import is_served

    served = is_served(home)
    yield Check("worker", True, "a worker serves this home" if served else "no worker serves this home now")
    stranded = [] if served else active
    remedy = "spiritsafe worker --until-idle" if stranded else ""
    yield Check("runs", not stranded, f"stranded: {', '.join(stranded)}" if stranded else f"{len(runs)} known", remedy)
