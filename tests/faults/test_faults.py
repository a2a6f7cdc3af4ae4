"""Runs that are killed or cancelled anywhere end as undisturbed ones do, and leave nothing behind."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import pytest

from cli.home import HOME_VARIABLE
from distill.lifetime import WORKER_VARIABLE
from distill.stages.spec import StageSpec, read_result
from registry.home import DATABASE_FILE
from spiritsafe.client import SERVER_VARIABLE, TOKEN_VARIABLE
from spiritsafe.distill.v1 import run_pb2
from tests.distill.recipes import tiny_message
from tests.distill.site import Site, open_site
from tests.faults.attack import POLL_SECONDS, SECONDS, census, survive
from tests.faults.leftovers import Outcome, check_home, check_registry, mutations, outcome, registered

CANCEL_SECONDS = 5.0
FULL = pytest.mark.full


def recipe() -> run_pb2.Recipe:
    """Small, with checkpoints every other step, and with a teacher that gets some answers right."""
    message = tiny_message()
    message.environment.categories[:] = ["single"]
    message.environment.teacher_scenarios, message.environment.rollout_scenarios = 48, 24
    message.teacher.training.epochs = 3
    return message


def tell(text: str) -> None:
    print(text)  # noqa: T201 - pytest shows it where a test fails, and with -s


def wait_for(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(POLL_SECONDS)


class Undisturbed:
    """A site with a run that nobody disturbs. It goes on beside the tests until one asks for what it left."""

    def __init__(self, site: Site) -> None:
        site.create(recipe())
        self.site = site
        self.worker = site.start_worker("--until-idle")

    @cached_property
    def outcome(self) -> Outcome:
        """What the run left. Runs that are created later in this home do not change it."""
        assert self.worker.wait(SECONDS) == 0
        return outcome(self.site)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    with open_site(tmp_path_factory.mktemp("undisturbed")) as site:
        made = Undisturbed(site)
        yield made
        made.worker.kill()
        made.worker.wait()


def embedded_worker(home: Path) -> subprocess.Popen[bytes]:
    """``spiritsafe worker`` with no server configured: it has the registry's server in its own process."""
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    for variable in (SERVER_VARIABLE, TOKEN_VARIABLE):
        environment.pop(variable, None)
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "worker", "--until-idle"], env=environment, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("kills", "embedded", "seed"),
    [
        pytest.param(3, True, 1, id="3-with-the-server"),
        pytest.param(20, True, 2, id="20-with-the-server", marks=FULL),
        pytest.param(20, False, 3, id="20-beside-the-server", marks=FULL),
    ],
)
def test_a_run_that_is_killed_anywhere_makes_what_an_undisturbed_one_makes(
    tmp_path: Path, undisturbed: Undisturbed, kills: int, embedded: bool, seed: int
) -> None:
    with open_site(tmp_path, one_home=embedded) as site:
        start = partial(embedded_worker, site.home) if embedded else partial(site.start_worker, "--until-idle")
        site.create(recipe())
        with census(site.home) as crowds:
            told = survive(site, start, kills, random.Random(seed))
        tell(f"seed {seed}: killed {'; '.join(told)}")
        assert len(told) == kills
        assert not crowds
        assert not site.stage_processes()
        assert outcome(site) == undisturbed.outcome
        check_registry(site)
        check_home(site.home)


@contextmanager
def registering(spec: StageSpec, site: Site) -> Iterator[subprocess.Popen[str]]:
    """A process that registers what another site's run made; killed at the end."""
    environment = {
        **os.environ,
        SERVER_VARIABLE: site.served.address,
        TOKEN_VARIABLE: site.token,
        WORKER_VARIABLE: str(os.getpid()),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "distill.stages", spec.stage, str(spec.write())],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        yield process
        process.send_signal(signal.SIGKILL)


def kill_and_end(spec: StageSpec, site: Site, kills: int, versions: int, rng: random.Random) -> str:
    """Kills a registration so often, each time later, then lets it end; the digest of what it left."""
    for number in range(kills):
        with registering(spec, site) as process:
            assert process.stdout is not None
            # A line for each version: between two of them one is declared, uploaded and finalized.
            for _ in range(versions * (number + 1) // (kills + 1)):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.2))
    with registering(spec, site) as process:
        assert process.wait(SECONDS) == 0
    result = read_result(spec.folder)
    assert result is not None
    return result.output_digest


@pytest.mark.parametrize(("kills", "seed"), [(3, 4), pytest.param(20, 5, marks=FULL)])
def test_a_registration_that_is_killed_anywhere_registers_once(
    tmp_path: Path, undisturbed: Undisturbed, kills: int, seed: int
) -> None:
    expected, rng = undisturbed.outcome, random.Random(seed)
    read = [StageSpec.read(path) for path in _registrations(undisturbed.site.home, "spec.json")]
    specs = {one.stage: one for one in read if one.run == "one"}
    teacher = replace(specs["register_teacher"], folder=tmp_path / "register_teacher")
    student = replace(specs["register"], folder=tmp_path / "register")
    student = replace(student, upstream={**student.upstream, "register_teacher": teacher.folder})
    with open_site(tmp_path) as site:
        first = kill_and_end(teacher, site, kills // 2, 3, rng)
        second = kill_and_end(student, site, kills - kills // 2, 5, rng)
        assert (first, second) == (expected.digests["register_teacher"], expected.digests["register"])
        assert (registered(site), mutations(site)) == (expected.registered, expected.mutations)
        check_registry(site)


@contextmanager
def cancelled_within_seconds(site: Site, run_id: str) -> Iterator[None]:
    """Cancels the run at the end, and looks whether it and its stage are gone soon."""
    yield
    ((process, stage),) = site.stage_processes().items()
    started = time.monotonic()
    site.client.runs.CancelRun(run_pb2.CancelRunRequest(name=f"runs/{run_id}"))
    wait_for(lambda: process not in site.stage_processes(), f"end of {stage}", CANCEL_SECONDS)
    gone = time.monotonic() - started
    wait_for(lambda: site.run(run_id).state == run_pb2.RUN_STATE_CANCELLED, "end of the run", CANCEL_SECONDS - gone)
    tell(f"{stage}: its process gone after {gone:.2f} s, the run cancelled after {time.monotonic() - started:.2f} s")


@pytest.fixture
def worker(undisturbed: Undisturbed) -> Iterator[Site]:
    """The site of the undisturbed run with a worker that waits for more."""
    assert undisturbed.outcome
    with undisturbed.site.worker():
        yield undisturbed.site


def progressed(site: Site, run_id: str, stage: str) -> bool:
    return any(event.type == "progress" and event.stage == stage for event in site.store.events(run_id))


def test_training_is_cancelled_within_seconds(worker: Site) -> None:
    longer = recipe()
    longer.student.training.epochs = 1000
    worker.create(longer, "training")
    with cancelled_within_seconds(worker, "training"):
        wait_for(lambda: progressed(worker, "training", "train_student"), "training")


def test_generation_is_cancelled_within_seconds(worker: Site) -> None:
    longer = recipe()
    longer.environment.rollout_scenarios = 600
    worker.create(longer, "generation")
    with cancelled_within_seconds(worker, "generation"):
        wait_for(lambda: progressed(worker, "generation", "rollout"), "generation")


def test_a_registration_that_waits_for_the_registry_is_cancelled_within_seconds(worker: Site) -> None:
    again = recipe()
    again.student.display_name = "acme/another"
    before = _registrations(worker.home, "outcomes.json")
    with closing(sqlite3.connect(worker.served.home / DATABASE_FILE, isolation_level=None)) as blocking:
        worker.create(again, "registration")
        blocking.execute("BEGIN IMMEDIATE")
        with cancelled_within_seconds(worker, "registration"):
            # The planned outcomes are written down just before the first version is published.
            wait_for(lambda: _registrations(worker.home, "outcomes.json") - before, "registration")
            time.sleep(0.5)
        blocking.execute("ROLLBACK")


def _registrations(home: Path, name: str) -> set[Path]:
    """The files of this name that registering stages have."""
    return set((home / "work").glob(f"register*-*/{name}"))
