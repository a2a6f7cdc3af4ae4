"""Removing what nobody names any more: a pure plan for each batch of blobs, and the shell that carries it out.

A reference is looked up again in the write transaction in which the content is removed. Whoever declares a file takes
the same lock, so either the reference is seen and the content stays, or the content is gone before the draft exists,
and is among the files that are missing from it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from registry.storage.artifacts import ArtifactStore, Blob
from registry.storage.database import Database
from registry.storage.references import referenced

# Stores tell when content came in whole seconds, and by a clock of their own.
CLOCKS_MICROS = 2_000_000
# Blobs for which one transaction is held: one request to a bucket, and so few that large files on a disk, too, are
# gone in about a second.
BATCH_BLOBS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """Of the blobs that nobody names: those to remove, and the numbers of those too young and too old to be."""

    garbage: Sequence[Blob]
    young: int
    older: int


@dataclass(slots=True)
class Tally:
    """What a collection has done so far. ``last`` is the digest of the last blob looked at; ``more`` may follow."""

    examined: int = 0
    collected: int = 0
    collected_bytes: int = 0
    young: int = 0
    older: int = 0
    aborted: int = 0
    last: str = ""
    more: bool = False


def plan(blobs: Sequence[Blob], named: Collection[str], since: int, before: int) -> Plan:
    """What to do about blobs. ``named`` are digests with a reference; removed is what came from ``since`` on and before
    ``before`` (UTC microseconds)."""
    unnamed = [blob for blob in blobs if blob.sha256 not in named]
    garbage = [blob for blob in unnamed if since <= blob.modified < before]
    older = sum(blob.modified < min(since, before) for blob in unnamed)
    return Plan(garbage, len(unnamed) - len(garbage) - older, older)


@dataclass(frozen=True, slots=True)
class Collector:
    """Collects what came from the time ``since`` on and before ``before`` (UTC microseconds).

    Content that is older than the records is not theirs to remove: they may be those of another registry, or new ones
    that somebody began where the old database was not found. With ``dry_run`` it counts only.
    """

    database: Database
    store: ArtifactStore
    since: int
    before: int
    dry_run: bool = False

    def collect(self, tally: Tally, after: str, limit: int) -> None:
        """Looks at up to ``limit`` blobs beyond the digest ``after``; ``tally`` is right also when it raises."""
        blobs = self.store.blobs(after)
        while batch := list(islice(blobs, min(BATCH_BLOBS, limit - tally.examined))):
            self._collect(batch, tally)
        tally.more = next(blobs, None) is not None

    def abort_uploads(self, tally: Tally) -> None:
        """Ends the uploads that nobody goes on with."""
        for upload in self.store.abandoned(self.before):
            if not self.dry_run:
                self.store.abort(upload)
            tally.aborted += 1

    @property
    def _span(self) -> tuple[int, int]:
        return self.since - CLOCKS_MICROS, self.before

    def _collect(self, batch: Sequence[Blob], tally: Tally) -> None:
        with self.database.read() as session:
            planned = plan(batch, referenced(session, [blob.sha256 for blob in batch]), *self._span)
        garbage = planned.garbage if self.dry_run else self._remove(planned.garbage)
        tally.examined += len(batch)
        tally.collected += len(garbage)
        tally.collected_bytes += sum(blob.size_bytes for blob in garbage)
        tally.young += planned.young
        tally.older += planned.older
        tally.last = batch[-1].sha256

    def _remove(self, garbage: Sequence[Blob]) -> Sequence[Blob]:
        """Removes those that still have no reference, and gives them."""
        if not garbage:
            return ()
        digests = [blob.sha256 for blob in garbage]
        with self.database.write() as session:
            unnamed = plan(garbage, referenced(session, digests), *self._span).garbage
            if unnamed:
                self.store.delete([blob.sha256 for blob in unnamed])
        return unnamed
