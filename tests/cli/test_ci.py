"""The recipe for build servers: the script as a process, and the jobs that call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cli import exits

FOLDER = Path(__file__).parents[2] / "deploy" / "ci"
KIND = ("--kind", "full")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def release(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "SPIRITSAFE_HOME": str(home / "home"), "PATH": path}
    for variable in ("SPIRITSAFE_SERVER", "SPIRITSAFE_TOKEN"):
        environment.pop(variable, None)
    command = [str(FOLDER / "release.sh"), *map(str, arguments)]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120)


def test_a_release(tmp_path: Path, weights: Path) -> None:
    done = release(tmp_path, "tool", weights, "research/production", "", *KIND, "--license", "mit")
    assert done.returncode == exits.DONE, done.stderr
    assert done.stdout == "namespaces/default/models/tool/versions/1\n"
    assert "promoted" in done.stderr
    assert json.loads((tmp_path / "decision.json").read_text())["signatures"]


def test_what_may_not_be_deployed_ends_the_job(tmp_path: Path, weights: Path) -> None:
    arguments = ("tool", weights, "commercial/production", "apache-2.0", *KIND, "--license", "cc-by-nc-4.0")
    done = release(tmp_path, *arguments)
    assert done.returncode == exits.DENIED
    assert "denied" in done.stderr
    assert (tmp_path / "decision.json").exists()


def test_wrong_usage(tmp_path: Path) -> None:
    assert release(tmp_path, "tool").returncode == exits.USAGE


@pytest.mark.parametrize("file", ["github.yml", "gitlab.yml"])
def test_jobs_call_the_script_as_it_wants(file: str) -> None:
    jobs = yaml.safe_load((FOLDER / file).read_text())
    steps = [step.get("run", "") for step in jobs["jobs"]["release"]["steps"]] if "jobs" in jobs else []
    lines = steps or jobs["release"]["script"]
    call = next(line for line in lines if line.startswith("./release.sh ")).split()
    assert call[3].split("/") == ["commercial", "staging"]
    assert call[5:] == [*KIND, "--license", "apache-2.0"]
