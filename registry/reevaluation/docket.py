"""Verdicts of many stored versions at once, a batch at a time, under one state of licence data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, select

from registry.decisions.facts import approval, find_waivers, load_origins, next_change, origin_facts, unended_agreements
from registry.licensing import (
    Approval,
    Context,
    Deployment,
    NodeExposures,
    NodeKind,
    OriginFacts,
    Subject,
    Verdict,
    derive_terms,
    evaluate,
)
from registry.licensing.shapes import Judge, Outline, Shapes
from registry.storage.lookup import node_name
from registry.storage.tables import Agreement, Channel, Node, Review, Version
from spiritsafe.rpc.names import ChannelName, NodeName, VersionName

_SUBJECTS = sqlalchemy.select(
    col(Node.namespace),
    col(Node.collection),
    col(Node.slug),
    col(Node.display_name),
    col(Version.id),
    col(Version.uid),
    col(Version.number),
    col(Version.digest),
    col(Version.declared),
    col(Version.base_family),
    col(Version.exposures),
).join(Version, col(Version.node_id) == Node.id)


@dataclass(frozen=True, slots=True)
class Holding:
    """A channel that holds a version; ``verdict`` is the last known one, empty where none was recorded."""

    id: int
    revision: int
    name: str
    context: Context
    outbound: str
    distributed: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A finalized version as it is judged."""

    id: int
    uid: str
    name: VersionName
    subject: Subject
    stored: Mapping[str, Any]
    outline: Outline
    approvals: Mapping[Context, tuple[Approval, ...]]
    channels: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdicts of one version: by context under its declared licences, and by channel id under each channel's."""

    entry: Entry
    contexts: Mapping[Context, Verdict]
    channels: Mapping[int, Verdict]


@dataclass(frozen=True, slots=True)
class _Known:
    """Facts by node, and their numbers."""

    facts: dict[str, OriginFacts]
    numbers: dict[str, int]


class Docket:
    """Versions of one batch after the other, with facts that are kept from batch to batch.

    It holds for one licence epoch and until ``valid_until`` (UTC microseconds; None for ever), when an agreement
    begins or ends.
    """

    def __init__(self, session: Session, at: int) -> None:
        agreements = unended_agreements(session, at)
        self.valid_until = next_change(agreements, (), at)
        self.shapes = Shapes()
        self._at = at
        self._begun: dict[Context, list[Agreement]] = {
            context: [each for each in agreements if context in each.contexts and each.start_time <= at]
            for context in Context
        }
        # Contexts with the same agreements in force share their facts.
        self._keys = {context: tuple(each.id for each in begun) for context, begun in self._begun.items()}
        self._known = {key: _Known({}, {}) for key in self._keys.values()}

    def load(self, session: Session, ids: Sequence[int], at: int) -> list[Entry]:
        """The finalized versions among the ids, in ascending order; ids that are gone are left out.

        ``at`` decides which approvals are in force.
        """
        approvals, channels = _approvals(session, ids, at), _holdings(session, ids)
        query = _SUBJECTS.where(col(Version.id).in_(ids), col(Version.state) == "ready").order_by(col(Version.id))
        entries = [self._entry(row, approvals, channels) for row in session.execute(query)]
        self._learn(session, entries)
        return entries

    def rule(self, entries: Iterable[Entry], judge: Judge) -> list[Ruling]:
        """The verdicts of each loaded version. The judge must number shapes as this docket does."""
        return [self._ruling(entry, judge) for entry in entries]

    def _ruling(self, entry: Entry, judge: Judge) -> Ruling:
        contexts = {context: self._verdict(entry, judge, context) for context in Context}
        channels = {
            each.id: self._verdict(entry, judge, each.context, each.outbound, each.distributed)
            for each in entry.channels
        }
        return Ruling(entry, contexts, channels)

    def _verdict(
        self, entry: Entry, judge: Judge, context: Context, outbound: str = "", distribute: bool = False
    ) -> Verdict:
        known = self._known[self._keys[context]]
        approvals = entry.approvals.get(context, ())
        if not approvals:
            shape = self.shapes.shape(entry.outline, known.numbers)
            return judge.verdict(shape, entry.subject, context, outbound, distribute)
        # Approvals speak of origins, which a shape does not tell apart.
        terms = derive_terms(NodeExposures.from_json(entry.stored), known.facts, judge.catalogue, judge.policy)
        named = (outbound,) if outbound else None
        deployment = Deployment(named, distribute, policy=judge.policy, approvals=approvals)
        return evaluate(entry.subject, terms, context, deployment, judge.catalogue).verdict

    def _learn(self, session: Session, entries: Iterable[Entry]) -> None:
        needed = {origin for entry in entries for _, origin in entry.outline.exposures}
        needed |= {entry.outline.node for entry in entries}
        known = next(iter(self._known.values())).numbers
        origins = load_origins(session, map(int, needed - known.keys()))
        for key, begun in {self._keys[context]: self._begun[context] for context in Context}.items():
            waivers = find_waivers(session, origins, begun)
            for node, found in origin_facts(origins, waivers, self._at).items():
                self._known[key].facts[node] = found
                self._known[key].numbers[node] = self.shapes.fact(found)

    def _entry(
        self, row: Any, reviews: Mapping[int, list[Review]], channels: Mapping[int, tuple[Holding, ...]]
    ) -> Entry:
        approvals: dict[Context, tuple[Approval, ...]] = {}
        for review in reviews.get(row.id, ()):
            if review.version_digest == row.digest:
                context = Context(review.context)
                approvals[context] = (*approvals.get(context, ()), approval(review))
        outline = self.shapes.outline(row.exposures)
        subject = Subject(
            id=str(row.id),
            kind=NodeKind.DATASET if row.collection == "datasets" else NodeKind.MODEL,
            name=row.display_name,
            declared=tuple(row.declared or ()),
            base_family=row.base_family or None,
            has_weights_parent=outline.has_weights_parent,
        )
        name = VersionName(NodeName(row.namespace, row.collection, row.slug), row.number)
        return Entry(row.id, row.uid, name, subject, row.exposures, outline, approvals, channels.get(row.id, ()))


def _approvals(session: Session, ids: Sequence[int], at: int) -> Mapping[int, list[Review]]:
    query = select(Review).where(
        col(Review.version_id).in_(ids), Review.state == "approved", col(Review.expire_time) > at
    )
    found: dict[int, list[Review]] = defaultdict(list)
    for review in session.exec(query.order_by(col(Review.id))):
        found[review.version_id].append(review)
    return found


def _holdings(session: Session, ids: Sequence[int]) -> dict[int, tuple[Holding, ...]]:
    query = select(Channel, Node).where(Channel.node_id == Node.id, col(Channel.version_id).in_(ids))
    found: dict[int, tuple[Holding, ...]] = {}
    for channel, node in session.exec(query.order_by(col(Channel.id))):
        assert channel.id is not None
        assert channel.version_id is not None
        holding = Holding(
            channel.id,
            channel.revision,
            str(ChannelName(node_name(node), channel.context, channel.stage)),
            Context(channel.context),
            channel.outbound_license,
            channel.distributed,
            channel.verdict,
        )
        found[channel.version_id] = (*found.get(channel.version_id, ()), holding)
    return found
