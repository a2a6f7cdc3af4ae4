"""What comes without extras: no machine learning library, no workflow engine, and a registry that works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli import exits

ROOT = Path(__file__).parents[2]
OURS = {"spiritsafe": ROOT, "spiritsafe-client": ROOT / "client"}
SERVICE = {"dbos"}
TRAIN = {"accelerate", "bitsandbytes", "datasets", "peft", "torch", "transformers", "trl"}
BASES = ("--teacher", "stand-in:xlam", "--student", "stand-in:qwen3", "--teacher-id", "t", "--student-id", "s")
REFUSED = (("demo",), ("distill", "plan", *BASES), ("distill", "run", *BASES), ("distill", "list"))

CLI = ("-m", "cli.main")
JSON = ("--format", "json")
Run = Callable[..., subprocess.CompletedProcess[str]]


def required(name: str, extras: Iterable[str] = ()) -> dict[str, metadata.Distribution]:
    """A distribution and all that its metadata requires, directly or not, as installed here."""
    found: dict[str, metadata.Distribution] = {}
    waiting, seen = [(canonicalize_name(name), frozenset(extras))], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        found[one[0]] = metadata.distribution(one[0])
        waiting += [
            (canonicalize_name(requirement.name), frozenset(requirement.extras))
            for requirement in map(Requirement, found[one[0]].requires or ())
            if any(_applies(requirement, extra) for extra in ("", *one[1]))
        ]
    return found


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@pytest.mark.parametrize("name", OURS)
def test_nothing_heavy_is_required_without_extras(name: str) -> None:
    assert (SERVICE | TRAIN) & required(name).keys() == set()


def test_each_extra_requires_what_it_is_for() -> None:
    for extra, names in (("service", SERVICE), ("train", TRAIN)):
        assert (SERVICE | TRAIN) & required("spiritsafe", [extra]).keys() == names


def test_the_client_requires_little() -> None:
    assert required("spiritsafe-client").keys() <= {
        *("spiritsafe-client", "googleapis-common-protos", "grpcio", "grpcio-status", "protobuf", "typing-extensions")
    }


def link(site: Path, distributions: Iterable[metadata.Distribution]) -> None:
    """Makes a folder of packages in which these distributions are installed and no others."""
    site.mkdir()
    for distribution in distributions:
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())


def interpreter(folder: Path, extras: Iterable[str] = ()) -> Run:
    """Runs Python with a home of its own in an install that sees no other package (-S)."""
    link(folder / "site", required("spiritsafe", extras).values())
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SPIRITSAFE_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [folder / "site", *OURS.values()]))
    environment["SPIRITSAFE_HOME"] = str(folder / "home")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-P", *arguments]
        return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)

    return run


def refusal(done: subprocess.CompletedProcess[str]) -> Any:
    """The error of a command that was refused for want of an extra."""
    assert done.returncode == exits.FAILED, done.stderr
    error = json.loads(done.stderr)["error"]
    assert error["reason"] == "EXTRA_MISSING"
    assert "pip install 'spiritsafe[service,train]'" in error["remedy"]
    return error


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The default install's."""
    return interpreter(tmp_path_factory.mktemp("default"))


def test_the_default_install_here_is_one(python: Run) -> None:
    """The tests below would prove nothing if the interpreter found the packages of this environment."""
    probe = f"import importlib.util as u; print([n for n in {sorted(SERVICE | TRAIN)} if u.find_spec(n)])"
    assert python("-c", probe).stdout.strip() == "[]"


def test_a_registry_works_without_extras(python: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    register = ("model", "register", "tool", str(tmp_path), "--kind", "full", "--license", "mit")
    for command in (("model", "create", "tool"), register, ("doctor",)):
        done = python(*CLI, *command)
        assert (done.returncode, done.stderr) == (exits.DONE, "")
    (model,) = json.loads(python(*CLI, "model", "list", *JSON).stdout)["models"]
    assert (model["name"], model["latest_version"]) == ("namespaces/default/models/tool", 1)
    listed = json.loads(python(*CLI, "license", "list", *JSON).stdout)
    assert "apache-2.0" in {one["id"] for one in listed["licenses"]}


@pytest.mark.parametrize("command", REFUSED, ids=lambda command: " ".join(command[:2]))
def test_without_the_service_nothing_is_begun(python: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    option = ("--home", str(home))
    given = (*command, *option) if command == ("demo",) else (*option, *command)
    assert "service is not installed" in refusal(python(*CLI, *given, *JSON))["message"]
    assert not home.exists()


def test_without_the_libraries_of_training_a_run_waits_for_a_worker(tmp_path: Path) -> None:
    python = interpreter(tmp_path, ["service"])
    assert "trains with" in refusal(python(*CLI, "distill", "run", *BASES, *JSON))["message"]
    (run,) = json.loads(python(*CLI, "distill", "list", *JSON).stdout)["runs"]
    assert run["state"] == "queued"


def test_a_database_server_asks_for_its_extra(python: Run) -> None:
    opened = (
        "from pathlib import Path; from registry.storage.database import Database, read_url\n"
        "Database(read_url('postgresql://db/registry'))"
    )
    done = python("-c", opened)
    assert done.returncode != 0
    assert "spiritsafe[postgresql]" in done.stderr
