"""One stage as a process: what is told of a failure, and that nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.errors import RunCancelled, StageFailed
from distill.lifetime import WORKER_VARIABLE
from distill.recipe import Stage
from distill.rollouts.episode import Episode
from distill.runs.checkpoints import Source
from distill.stages.inputs import rollout_scenarios
from distill.stages.spec import StageSpec
from distill.standins import checkpoint
from distill.trajectories.rows import write_rows
from distill.workflow.process import run_stage
from tests.distill.recipes import tiny_recipe
from tests.distill.site import stage_processes


def spec(tmp_path: Path, stage: Stage = "verify") -> StageSpec:
    rollout = tmp_path / "rollout"
    (rollout / "out").mkdir(parents=True, exist_ok=True)
    return StageSpec(
        run="one",
        stage=stage,
        folder=tmp_path / stage,
        input_digest="d" * 64,
        recipe=tiny_recipe(),
        sources={"teacher": Source(str(checkpoint("xlam")), "t" * 64)},
        upstream={"rollout": rollout},
    )


def run(one: StageSpec) -> Any:
    return run_stage(one, {}, lambda _: None, lambda: None)


def test_a_defect_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    one = spec(tmp_path)
    with pytest.raises(StageFailed, match=r"(?s)stage verify failed: .*No such file.*rollouts.jsonl") as caught:
        run(one)
    assert caught.value.metadata["log"] == str(one.folder / "log.txt")
    assert "Traceback" in (one.folder / "log.txt").read_text()


def test_what_means_something_to_a_person_is_told_alone(tmp_path: Path) -> None:
    one = spec(tmp_path)
    episodes = [Episode(each, (), ("[{",), "malformed", "cut off") for each in rollout_scenarios(one.recipe)]
    write_rows(tmp_path / "rollout" / "out" / "rollouts.jsonl", (each.to_json() for each in episodes))
    with pytest.raises(StageFailed, match="none of 48 roll-outs was verified") as caught:
        run(one)
    assert "Traceback" not in str(caught.value)


def test_a_failure_of_an_earlier_attempt_is_not_told_again(tmp_path: Path) -> None:
    one = spec(tmp_path)
    for _ in range(2):
        with pytest.raises(StageFailed) as caught:
            run(one)
    assert str(caught.value).count("No such file") == 1


def test_data_that_changed_since_the_run_took_it_up_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text("{}\n")
    one = spec(tmp_path, "finetune_teacher")
    with pytest.raises(StageFailed, match=r"rows.jsonl has changed since the run took it up; resume the run"):
        run(replace(one, sources={**one.sources, "dataset": Source(str(data), "d" * 64)}))


def test_a_killed_process_is_told_as_such_whatever_it_logged_before(tmp_path: Path) -> None:
    one = spec(tmp_path, "finetune_teacher")

    def kill() -> None:
        for process in stage_processes(tmp_path) if _logged(one) else ():
            os.kill(process, signal.SIGKILL)

    with pytest.raises(StageFailed, match=r"failed: its process was killed by signal 9, as the system does when mem"):
        run_stage(one, {"PYTHONPROFILEIMPORTTIME": "1"}, lambda _: None, kill)


def _logged(one: StageSpec) -> bool:
    return (one.folder / "log.txt").stat().st_size > 0


def test_a_check_that_raises_ends_the_process(tmp_path: Path) -> None:
    started: list[float] = []

    def check() -> None:
        started.append(time.monotonic())
        if len(started) > 1:
            raise RunCancelled

    before = time.monotonic()
    with pytest.raises(RunCancelled):
        # A stage that trains: one that could end before the second check would prove nothing.
        run_stage(spec(tmp_path, "finetune_teacher"), {}, lambda _: None, check)
    assert time.monotonic() - before < 5
    children = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "distill.stages"], capture_output=True)
    assert children.stdout == b""


def test_a_stage_whose_worker_is_gone_does_not_begin(tmp_path: Path) -> None:
    path = spec(tmp_path).write()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "distill.stages", "verify", str(path)],
        env={**os.environ, WORKER_VARIABLE: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "was gone before" in done.stderr
    # Whatever loads before the look at the worker lengthens the time in which two stages may be there at once.
    assert "distill.lifetime" in done.stderr
    assert "distill.recipe" not in done.stderr
