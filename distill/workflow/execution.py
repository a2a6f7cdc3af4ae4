"""What the steps of a run's workflow do. No DBOS here: steps take and return digests and paths as JSON values."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill.errors import RunCancelled, StageFailed, WorkerStopped
from distill.recipe import REGISTERING, Known, Recipe, Stage, from_proto, stage_digest
from distill.runs import layout, records
from distill.runs.checkpoints import Source, find_sources
from distill.runs.known import known_names
from distill.runs.store import Change, RunRecord, RunStore, timestamp_now
from distill.stages.inputs import check_files, check_heldout
from distill.stages.spec import StageResult, StageSpec, read_result
from distill.workflow.lock import Turns
from distill.workflow.process import run_stage
from spiritsafe.distill.v1 import run_pb2

_PROGRESS_SECONDS = 0.2
_CHECK_SECONDS = 0.5
SourceValues = dict[str, dict[str, str]]
StageValues = dict[str, str]
# Of these, one at a time, whatever their folders, with those of the same name. Two registrations may make the same
# versions of bases and teacher. An evaluation has a copy of the model on every core as it is; and before anything is
# trained, who is done first tunes the teacher, which leaves most of the machine to the others' evaluations.
_IN_TURN: Mapping[Stage, str] = {"evaluate_untouched": "evaluate", **dict.fromkeys(REGISTERING, "register")}


class Execution:
    """The steps of one home's runs. ``stopping`` ends the stages at work and leaves their steps open."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.store = RunStore(home)
        self.stopping = threading.Event()
        self._environment = environment
        self._turns = Turns()
        self._known: Known = known_names()

    def begin(self, run_id: str, attempt: int) -> SourceValues:
        """Marks the run as running and finds its sources.

        Raises:
            RunCancelled: this attempt is no longer wanted.
            InvalidArgument: a source is missing or malformed, a base is not of a known family, or there are too few
                scenarios.
        """
        self._check(run_id, attempt)()
        self.store.change(run_id, records.run_started)
        recipe = self._recipe(run_id)
        check_heldout(recipe)
        sources = find_sources(recipe)
        check_files(recipe)
        return {name: asdict(source) for name, source in sources.items()}

    def stages(self, run_id: str) -> tuple[Stage, ...]:
        """What is done for a run, in this order; it never changes."""
        return self._recipe(run_id).stages

    def stage(
        self, run_id: str, attempt: int, stage: Stage, sources: SourceValues, upstream: Mapping[str, StageValues]
    ) -> StageValues:
        """Runs a stage, or finds its result, waiting for it where another run is about to make it.

        Returns its folder and the digest of its output.

        Raises:
            StageFailed: the stage's process ended without a result; the run's record says so.
            RunCancelled: somebody cancelled the run, or resumed it as a newer attempt.
        """
        # A recovered workflow of an attempt that was given up must not work beside the newer one.
        check = self._check(run_id, attempt)
        check()
        spec = self._spec(run_id, stage, sources, upstream)
        place = _IN_TURN.get(stage, spec.folder)
        with self._turns.taken(place, lambda: self.store.append(run_id, records.stage_waits(stage)), check):
            result = read_result(spec.folder)
            if result is None:
                self._change(
                    run_id, lambda record: records.stage_started(record, stage, spec.input_digest, timestamp_now())
                )
                result = self._run(spec, attempt)
            shutil.rmtree(spec.folder / layout.UNFINISHED, ignore_errors=True)
        self._succeeded(spec, result)
        return {"folder": str(spec.folder), "digest": result.output_digest}

    def end(self, run_id: str, attempt: int, state: run_pb2.RunState.ValueType, error: str = "") -> None:
        """Marks the run as ended, unless it has ended already or a newer attempt has taken over."""

        def change(record: RunRecord) -> Sequence[run_pb2.RunEvent]:
            if record.attempt != attempt or record.run.state in records.TERMINAL:
                return []
            return records.run_ended(record, state, timestamp_now(), error)

        self._change(run_id, change)

    def _run(self, spec: StageSpec, attempt: int) -> StageResult:
        try:
            environment = {**_allocation(), **_threads(spec), **self._environment}
            return run_stage(spec, environment, self._progress(spec), self._check(spec.run, attempt))
        except StageFailed as error:
            message = str(error)
            self._change(spec.run, lambda record: records.stage_failed(record, spec.stage, message, timestamp_now()))
            raise

    def _succeeded(self, spec: StageSpec, result: StageResult) -> None:
        self._change(spec.run, lambda record: records.stage_succeeded(record, spec.stage, result, timestamp_now()))

    def _spec(self, run_id: str, stage: Stage, sources: SourceValues, upstream: Mapping[str, StageValues]) -> StageSpec:
        recipe = self._recipe(run_id)
        input_digest = stage_digest(
            run_id,
            recipe,
            stage,
            {name: values["digest"] for name, values in sources.items()},
            {name: values["digest"] for name, values in upstream.items()},
        )
        return StageSpec(
            run=run_id,
            stage=stage,
            folder=layout.stage_folder(self.home, stage, input_digest),
            input_digest=input_digest,
            recipe=recipe,
            sources={name: Source(**values) for name, values in sources.items()},
            upstream={name: Path(upstream[name]["folder"]) for name in recipe.upstream(stage)},
        )

    def _recipe(self, run_id: str) -> Recipe:
        return from_proto(self.store.get(run_id).run.recipe, self._known)

    def _progress(self, spec: StageSpec) -> Callable[[Mapping[str, Any]], None]:
        last = 0.0

        def report(values: Mapping[str, Any]) -> None:
            nonlocal last
            now = time.monotonic()
            if values["done"] >= values["total"] or now - last >= _PROGRESS_SECONDS:
                last = now
                self.store.append(spec.run, records.progress(spec.stage, values))

        return report

    def _check(self, run_id: str, attempt: int) -> Callable[[], None]:
        last = 0.0

        def check() -> None:
            nonlocal last
            if self.stopping.is_set():
                raise WorkerStopped
            now = time.monotonic()
            if now - last < _CHECK_SECONDS:
                return
            last = now
            if not self._wanted(run_id, attempt):
                raise RunCancelled(f"attempt {attempt} at run {run_id} was cancelled")

        return check

    def _wanted(self, run_id: str, attempt: int) -> bool:
        record = self.store.get(run_id)
        over = record.cancel_requested or record.run.state in records.TERMINAL
        return record.attempt == attempt and not over

    def _change(self, run_id: str, change: Change) -> None:
        self.store.change(run_id, change)


def _allocation() -> dict[str, str]:
    """How a stage keeps memory, unless the user says otherwise.

    Each step of a training on a CPU makes the same large tensors anew. By default glibc takes their pages from the
    system every time and gives them back; kept, a step takes a twentieth less.
    """
    if "GLIBC_TUNABLES" in os.environ:
        return {}
    return {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296"}


def _threads(spec: StageSpec) -> dict[str, str]:
    """How many OpenMP threads a stage of a stand-in gets, unless the user says otherwise.

    The matrices are small: a second run beside the first gains more than a second thread, and generation forks. On
    busy cores two threads wait for each other longer than one works.
    """
    base = spec.base
    return {"OMP_NUM_THREADS": "1"} if base and base.stand_in and "OMP_NUM_THREADS" not in os.environ else {}
