"""Changes of verdicts: found by comparison with the last known ones, recorded in the audit chain, read back from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, col

from registry.licensing import Context, Verdict
from registry.reevaluation.docket import Holding, Ruling
from registry.storage import audit
from registry.storage.tables import Channel, LastVerdict, Version

CHANGED = "verdict.changed"
ACTOR = "system"
# An event is answered whole, and a page may hold a thousand of them.
CHANGES_PER_EVENT = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One verdict before and after. ``version`` and ``channels`` are resource names.

    ``outbound`` is the licence under which a channel releases the version; empty for the verdict under its declared
    licences, and then ``channels`` are all that hold it.
    """

    version: str
    context: Context
    before: Verdict
    after: Verdict
    channels: tuple[str, ...] = ()
    outbound: str = ""

    @property
    def namespace(self) -> str:
        return self.version.split("/")[1]

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``from_json`` reads it back."""
        return {
            "version": self.version,
            "context": self.context.value,
            "before": self.before.value,
            "after": self.after.value,
            "channels": list(self.channels),
            "outbound_license": self.outbound,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Change:
        return cls(
            value["version"],
            Context(value["context"]),
            Verdict(value["before"]),
            Verdict(value["after"]),
            tuple(value["channels"]),
            value["outbound_license"],
        )


def differences(before: Ruling, after: Ruling) -> Iterator[Change]:
    """What differs between two rulings on the same version."""
    for context, verdict in after.contexts.items():
        yield from _change(after, context, before.contexts[context], verdict)
    for channel in after.entry.channels:
        yield from _channel_change(after, channel, before.channels[channel.id])


def _still_there(session: Session, rulings: Sequence[Ruling]) -> list[Ruling]:
    ids = [ruling.entry.id for ruling in rulings]
    rows = session.execute(sqlalchemy.select(col(Version.id), col(Version.uid)).where(col(Version.id).in_(ids)))
    uids = {row.id: row.uid for row in rows}
    return [ruling for ruling in rulings if uids.get(ruling.entry.id) == ruling.entry.uid]


def settle(session: Session, rulings: Sequence[Ruling]) -> list[Change]:
    """Makes these verdicts the last known ones; gives what changed by it.

    A version or channel of which none was known has its first, which is no change. A channel that moved since it was
    read is left as it is: its verdict was recorded when it moved. So is a version that was purged since, whose row id
    a database may have given to another one.
    """
    rulings = _still_there(session, rulings)
    ids = [ruling.entry.id for ruling in rulings]
    rows = session.execute(
        sqlalchemy.select(col(LastVerdict.version_id), col(LastVerdict.context), col(LastVerdict.verdict)).where(
            col(LastVerdict.version_id).in_(ids)
        )
    )
    known = {(row.version_id, row.context): Verdict(row.verdict) for row in rows}
    channels = _revisions(session, ids)
    changes: list[Change] = []
    first, changed, moved = [], [], []
    for ruling in rulings:
        for context, verdict in ruling.contexts.items():
            before = known.get((ruling.entry.id, context.value))
            row = {"of_version": ruling.entry.id, "in_context": context.value, "verdict": verdict.value}
            if before is None:
                first.append({"version_id": ruling.entry.id, "context": context.value, "verdict": verdict.value})
            elif before is not verdict:
                changed.append(row)
                changes += _change(ruling, context, before, verdict)
        for channel in ruling.entry.channels:
            verdict = ruling.channels[channel.id]
            if channels.get(channel.id) == channel.revision and channel.verdict != verdict.value:
                moved.append({"of_channel": channel.id, "verdict": verdict.value})
                changes += _channel_change(ruling, channel, Verdict(channel.verdict)) if channel.verdict else ()
    _write(session, first, changed, moved)
    return changes


def record(session: Session, changes: Iterable[Change], resource: str, details: Mapping[str, Any]) -> None:
    """Appends the events of these changes, each of one namespace.

    Their resource is ``namespaces/{namespace}/{resource}``, so that a caller of one namespace sees those of it;
    ``details`` are part of each.
    """
    for namespace, of_one in groupby(sorted(changes, key=lambda each: each.namespace), lambda each: each.namespace):
        found = [each.to_json() for each in of_one]
        for start in range(0, len(found), CHANGES_PER_EVENT):
            part = {**details, "changes": found[start : start + CHANGES_PER_EVENT]}
            audit.append(session, audit.Event(CHANGED, f"namespaces/{namespace}/{resource}", part), ACTOR)
            session.flush()


def _change(ruling: Ruling, context: Context, before: Verdict, after: Verdict) -> Iterator[Change]:
    if before is not after:
        channels = tuple(each.name for each in ruling.entry.channels)
        yield Change(str(ruling.entry.name), context, before, after, channels)


def _channel_change(ruling: Ruling, channel: Holding, before: Verdict) -> Iterator[Change]:
    after = ruling.channels[channel.id]
    if before is not after:
        yield Change(str(ruling.entry.name), channel.context, before, after, (channel.name,), channel.outbound)


def _revisions(session: Session, ids: Sequence[int]) -> dict[int, int]:
    query = sqlalchemy.select(col(Channel.id), col(Channel.revision)).where(col(Channel.version_id).in_(ids))
    return {row.id: row.revision for row in session.execute(query)}


def _write(
    session: Session,
    first: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    moved: list[dict[str, Any]],
) -> None:
    """Many rows with one statement each, past the object layer."""
    verdicts, channels = LastVerdict.__table__, Channel.__table__  # type: ignore[attr-defined] # SQLModel adds it
    connection = session.connection()
    if first:
        connection.execute(verdicts.insert(), first)
    if changed:
        of_version = (verdicts.c.version_id == bindparam("of_version")) & (
            verdicts.c.context == bindparam("in_context")
        )
        connection.execute(verdicts.update().where(of_version), changed)
    if moved:
        connection.execute(channels.update().where(channels.c.id == bindparam("of_channel")), moved)
