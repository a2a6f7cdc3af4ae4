"""Runs one re-evaluation: judges what it reaches in batches, and records which verdicts changed.

Batches are judged in a read transaction, which blocks nobody, and written in a short one, which checks that licence
data and job are as they were read. Deployed versions come first, and once more in their place among all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from registry.clock import now
from registry.decisions.epoch import Reach, current_epoch
from registry.decisions.rules import current_rules
from registry.licensing.shapes import Judge
from registry.reevaluation import jobs
from registry.reevaluation.changes import record, settle
from registry.reevaluation.docket import Docket, Ruling
from registry.reevaluation.jobs import ALL, DEPLOYED, Position
from registry.reevaluation.reached import deployed_ids, reached_ids
from registry.storage.database import Database
from registry.storage.tables import Reevaluation

BATCH_VERSIONS = 256
# A batch is judged again when licence data changed meanwhile; in the end under the write lock, where nothing can.
TRIES_BESIDE_WRITERS = 3


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a job has to do: row ids by phase, each in ascending order."""

    job_id: int
    ids: dict[str, list[int]]

    def batch(self, at: Position) -> list[int]:
        """The next ids of the phase after the cursor."""
        ids = self.ids[at.phase]
        start = bisect_right(ids, at.cursor)
        return ids[start : start + BATCH_VERSIONS]


class Worker:
    """Works on the jobs of one database, under a lease in its own name."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._plan: _Plan | None = None
        self._bench: tuple[int, Docket, Judge] | None = None
        self._leased = False

    def run_next(self, go_on: Callable[[], bool]) -> bool:
        """Runs the oldest unfinished job for as long as ``go_on``; False where there is none, or another is at it.

        A job that was left in the middle goes on where it was.
        """
        plan = self._take_up()
        if plan is None:
            return False
        while go_on() and self._step(plan):
            pass
        return True

    def stop(self) -> None:
        """Gives the lease back, if it was ever taken."""
        if not self._leased:
            return
        with self._database.write() as session:
            jobs.give_lease_back(session, self._owner)

    def lease(self, session: Session) -> bool:
        """Takes or renews the lease inside a write transaction; False while another process has it."""
        taken = jobs.take_lease(session, self._owner)
        self._leased = self._leased or taken
        return taken

    def _take_up(self) -> _Plan | None:
        with self._database.read() as session:
            job = jobs.next_job(session)
            if job is None or job.id is None:
                return None
            # What is finalized or deployed meanwhile has its verdicts recorded by that.
            if self._plan is None or self._plan.job_id != job.id:
                reached = reached_ids(session, Reach.from_json(job.reach))
                self._plan = _Plan(job.id, {DEPLOYED: deployed_ids(session, reached), ALL: reached})
                self._bench = None
        with self._database.write() as session:
            if not self.lease(session):
                return None
            job = session.get_one(Reevaluation, self._plan.job_id)
            job.reached = len(self._plan.ids[ALL])
            job.start_time = job.start_time or now()
        return self._plan

    def _step(self, plan: _Plan) -> bool:
        """One batch, or the move to the next phase or the end; False when there is nothing left to do here."""
        with self._database.read() as session:
            job = session.get_one(Reevaluation, plan.job_id)
            at, done = jobs.position(job), job.state == jobs.DONE
        if done:
            return False
        batch = plan.batch(at)
        for _ in range(TRIES_BESIDE_WRITERS):
            with self._database.read() as session:
                epoch, rulings = current_epoch(session), self._judge(session, batch)
            with self._database.write() as session:
                if current_epoch(session) == epoch:
                    return self._write(session, plan, at, rulings)
        with self._database.write() as session:
            return self._write(session, plan, at, self._judge(session, batch))

    def _judge(self, session: Session, batch: list[int]) -> list[Ruling]:
        epoch, at = current_epoch(session), now()
        if self._bench is None or self._bench[0] != epoch or (self._bench[1].valid_until or at + 1) <= at:
            rules, docket = current_rules(session), Docket(session, at)
            self._bench = (epoch, docket, Judge(docket.shapes, rules.catalogue, rules.policy))
        _, docket, judge = self._bench
        return docket.rule(docket.load(session, batch, at), judge)

    def _write(self, session: Session, plan: _Plan, at: Position, rulings: list[Ruling]) -> bool:
        job = session.get_one(Reevaluation, plan.job_id)
        if jobs.position(job) != at or not self.lease(session):
            return False
        batch = plan.batch(at)
        if not batch:
            if at.phase == ALL:
                jobs.finish(job)
                self._plan = self._bench = None
                return False
            jobs.advance(job, Position(ALL, 0))
            return True
        changes = settle(session, rulings)
        details = {"reevaluation": jobs.job_name(job.id), "cause": job.cause_sequence or 0, "epoch": job.epoch}
        record(session, changes, jobs.job_name(job.id), details)
        evaluated = len(batch) if at.phase == ALL else 0
        jobs.advance(job, Position(at.phase, batch[-1]), evaluated=evaluated, changed=len(changes))
        return True
