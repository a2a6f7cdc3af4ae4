"""The thread beside the server: expiries become events at their time, and a killed process loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import Session, col, select

from registry.clock import now
from registry.context import Registry
from registry.decisions import profiles
from registry.decisions.epoch import bump_epoch
from registry.home import open_home
from registry.licensing import EdgeType
from registry.reevaluation import jobs
from registry.reevaluation.scheduler import Scheduler
from registry.storage import audit
from registry.storage.tables import AuditEvent, Reevaluation, Review
from spiritsafe.registry.v1 import agreement_pb2, licensing_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.reevaluation.documents import profile_document
from tests.registry.reevaluation.lineages import Planted, plant
from tests.registry.reevaluation.running import known_verdicts, real_verdicts, recorded, run_all

ROOT = Path(__file__).parents[3]
SECONDS = 1_000_000
# A process that dies between two batches, as by a power failure.
RUN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from registry.home import open_home
from registry.reevaluation.worker import Worker
batches = 0
def go_on():
    global batches
    batches += 1
    if batches > 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return True
Worker(open_home(Path(sys.argv[1])).database, "killed").run_next(go_on)
"""


def eventually(found: Callable[[], object], seconds: float = 10.0) -> float:
    """Waits until something is there; gives for how long, in seconds."""
    start = time.monotonic()
    while not found():
        assert time.monotonic() - start < seconds, "it did not come"
        time.sleep(0.05)
    return time.monotonic() - start


def types(registry: Registry) -> list[str]:
    with registry.database.read() as session:
        query = select(AuditEvent).where(AuditEvent.actor == "system").order_by(col(AuditEvent.sequence))
        return [event.type for event in session.exec(query)]


def in_seconds(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(now() + int(seconds * SECONDS))
    return moment


def agree(story: Story, start: float, end: float) -> agreement_pb2.Agreement:
    """A waiver for the story's teacher between two times, in seconds from now."""
    agreement = agreement_pb2.Agreement(
        licensor="Salesforce",
        license="cc-by-nc-4.0",
        models=[f"{NAMESPACE}/models/xlam-7b-fc-r"],
        contexts=[licensing_pb2.CONTEXT_COMMERCIAL],
        start_time=in_seconds(start),
        end_time=in_seconds(end),
    )
    request = agreement_pb2.CreateAgreementRequest(parent=NAMESPACE, agreement_id="acme", agreement=agreement)
    return story.rob.agreements.CreateAgreement(request).agreement


def changed(registry: Registry, session: Session) -> list[tuple[str, str, str]]:
    return [(one.version.split("/")[-3], one.before.value, one.after.value) for one in recorded(session)]


def test_an_agreement_begins_and_ends_by_itself(story: Story, registry: Registry) -> None:
    assert known_verdicts(registry) == real_verdicts(registry)
    agree(story, 2.0, 4.0)
    wait = eventually(lambda: "agreement.began" in types(registry) and "verdict.changed" in types(registry))
    assert wait < 4.0
    eventually(lambda: types(registry)[-1] == "verdict.changed" and "agreement.ended" in types(registry))
    assert known_verdicts(registry) == real_verdicts(registry)
    with registry.database.read() as session:
        found = changed(registry, session)
        events = session.exec(select(AuditEvent).where(AuditEvent.type == "agreement.ended")).all()
    assert ("teacher", "denied", "allowed_with_obligations") in found
    assert ("teacher", "allowed_with_obligations", "denied") in found
    assert [event.resource for event in events] == [f"{NAMESPACE}/agreements/acme"]


def test_an_approval_expires_by_itself(story: Story, registry: Registry) -> None:
    (review,) = story.request(story.names["student"], outbound="openrail-m")
    story.record_evaluation(story.names["student"])
    story.meet_duties(story.names["student"], "openrail-m")
    story.approve(review, expire_time=in_seconds(3.0))
    promotion = story.promote(story.names["student"])
    assert promotion.state == 1, promotion
    assert review.code == "NC_OUTPUT_REACH_CONTESTED"
    eventually(lambda: "review.expired" in types(registry) and types(registry)[-1] == "verdict.changed")
    with registry.database.read() as session:
        last = recorded(session)[-1]
    # The verdict of the channel, under its own outbound licence.
    assert (last.before.value, last.after.value, last.outbound) == (
        "allowed_with_obligations",
        "needs_review",
        "openrail-m",
    )
    assert last.channels == (f"{NAMESPACE}/models/student/channels/commercial-production",)
    assert known_verdicts(registry) == real_verdicts(registry)


def test_what_expired_while_no_server_ran_is_announced_once(home: Path, registry: Registry) -> None:
    with registry.database.write() as session:
        plant(session, [Planted(["cc-by-nc-4.0"], imported=True)])
        session.add(_expired_review(now() + SECONDS // 10))
        bump_epoch(session)
    time.sleep(0.2)
    for _ in range(2):
        scheduler = Scheduler(registry.database)
        scheduler.start()
        scheduler.stop()
    assert types(registry) == ["review.expired"]


def _expired_review(at: int) -> Review:
    return Review(
        uid="r",
        namespace="default",
        version_id=1,
        version_digest="",
        context="internal",
        code="NC_INTERNAL_USE_AMBIGUOUS",
        license="cc-by-nc-4.0",
        origin_id=1,
        state="approved",
        requester="ada",
        create_time=at,
        expire_time=at,
    )


@pytest.fixture
def revised(home: Path) -> Registry:
    """2,000 children of a licence that was revised; nothing is re-evaluated yet."""
    registry = open_home(home)
    children = [Planted([], [(EdgeType.FINETUNE, 0)]) for _ in range(2000)]
    with registry.database.write() as session:
        plant(session, [Planted(["cc-by-nc-4.0"]), *children])
        bump_epoch(session)
    run_all(registry)
    with registry.database.write() as session:
        document = profile_document("apache-2.0", id="cc-by-nc-4.0")
        _, _, event = profiles.revise(session, "di", document, "read again", "")
        audit.append(session, event, "di")
    return registry


def test_a_job_goes_on_where_a_killed_process_left_it(home: Path, revised: Registry) -> None:
    done = subprocess.run([sys.executable, "-c", RUN_AND_DIE, str(home)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with revised.database.read() as session:
        job = jobs.next_job(session)
        before = len(recorded(session))
    assert job is not None
    assert (job.state, 0 < job.evaluated < job.reached) == ("running", True)
    with revised.database.write() as session:
        assert not jobs.take_lease(session, "another")  # until the killed one's lease ends
        jobs.give_lease_back(session, "killed")
    run_all(revised)
    with revised.database.read() as session:
        found = recorded(session)
        finished = session.get_one(Reevaluation, job.id)
        report = audit.verify(session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence))))
    assert (finished.state, finished.evaluated, finished.changed) == ("done", 2001, len(found))
    assert 0 < before < len(found)
    assert len(found) == len({(one.version, one.context) for one in found}) == 2001 * 2
    assert report.verified
    revised.database.close()


def test_others_read_and_write_while_a_job_runs(revised: Registry) -> None:
    scheduler = Scheduler(revised.database)
    scheduler.start()
    reads, started = [], time.monotonic()
    while True:
        start = time.monotonic()
        with revised.database.read() as session:
            unfinished = jobs.next_job(session)
        reads.append(time.monotonic() - start)
        # A write waits for its turn between two batches; one that got none would end with an error.
        with revised.database.write() as session:
            audit.append(session, audit.Event("model.updated", "it"), "ada")
        if unfinished is None:
            break
    passed = time.monotonic() - started
    scheduler.stop()
    assert len(reads) > 3
    assert max(reads) < passed / 2
    revised.database.close()


def test_two_servers_on_one_home_do_the_work_once(home: Path, revised: Registry) -> None:
    other = open_home(home)
    schedulers = [Scheduler(revised.database), Scheduler(other.database)]
    for scheduler in schedulers:
        scheduler.start()
    eventually(lambda: _is_idle(revised), 20.0)
    for scheduler in schedulers:
        scheduler.stop()
    with revised.database.read() as session:
        found = recorded(session)
    assert len(found) == len({(one.version, one.context) for one in found}) == 2001 * 2
    other.database.close()
    revised.database.close()


def _is_idle(registry: Registry) -> bool:
    with registry.database.read() as session:
        return jobs.next_job(session) is None
