"""The verdict of a stored version, under the licences, agreements, reviews and clock of the moment it is read.

Finalize stores licence-independent exposures; everything mutable is applied here. Answers are kept in memory under one
epoch number, which every change of licence data advances in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from sqlmodel import Session

from registry.clock import now, to_timestamp
from registry.context import Registry
from registry.decisions.ancestry import AncestryCache, Name, ancestries_of
from registry.decisions.checks import check_outbound
from registry.decisions.epoch import bump_epoch, current_epoch
from registry.decisions.facts import (
    Lineage,
    Waiver,
    approval,
    effective_licenses,
    find_waivers,
    load_lineage,
    next_change,
    origin_facts,
    reviews_in_force,
    unended_agreements,
)
from registry.decisions.memo import Question, memo_of
from registry.decisions.rendering import Rendering
from registry.decisions.rules import Rules, current_rules
from registry.errors import wrong_state
from registry.licensing import Context, Deployment, Evaluation, NodeKind, Obligation, Subject, TermSet, derive_terms
from registry.licensing import evaluate as judge
from registry.storage.lookup import version_name
from registry.storage.tables import Node, Review, Version
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.names import VersionName

__all__ = [
    "Assessment",
    "assess",
    "bump_epoch",
    "current_epoch",
    "deployable",
    "deployable_rows",
    "effective_licenses",
    "evaluate",
    "evaluate_contexts",
]

CONTEXTS = tuple(context.value for context in Context)


def evaluate(
    session: Session,
    registry: Registry,
    node: Node,
    version: Version,
    context: str,
    *,
    outbound: str = "",
    distributed: bool = False,
    public_name: str = "",
) -> licensing_pb2.Evaluation:
    """The verdict of a finalized version in one context; ``evaluate_contexts`` for several."""
    return evaluate_contexts(
        session, registry, node, version, [context], outbound=outbound, distributed=distributed, public_name=public_name
    )[0]


def evaluate_contexts(
    session: Session,
    registry: Registry,
    node: Node,
    version: Version,
    contexts: Sequence[str],
    *,
    outbound: str = "",
    distributed: bool = False,
    public_name: str = "",
) -> list[licensing_pb2.Evaluation]:
    """One evaluation for each context, in order.

    ``outbound`` empty means the declared licences, ``public_name`` empty the node's display name. Raises
    FailedPrecondition for a draft: it has no exposures yet.
    """
    if version.state != "ready":
        raise wrong_state(
            str(version_name(node, version)),
            "is a draft; only a finalized version has a verdict",
            reason="VERSION_NOT_READY",
            remedy="upload the missing files and finalize it",
        )
    asked = (session, node, version, outbound, distributed, public_name or node.display_name)
    if session.connection().get_execution_options().get("write", False):
        # Inside a write transaction epoch and lineage may be rolled back later: neither trust nor fill what is kept.
        request = _Request(*asked)
        return [request.assess(Context(context)).evaluation for context in contexts]
    request = _Request(*asked, ancestries_of(registry.database))
    return [request.recall(registry, Context(context)) for context in contexts]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict computed anew, with the reviews that lifted a reason of it and the stand-ins that it rests on.

    ``obligations`` are those of the evaluation, with their origins as version ids in decimal.
    """

    evaluation: licensing_pb2.Evaluation
    rests_on: list[Review]
    stand_ins: list[VersionName]
    obligations: tuple[Obligation, ...]


def assess(
    session: Session, node: Node, version: Version, context: str, *, outbound: str = "", distributed: bool = False
) -> Assessment:
    """What a gate needs to know of a finalized version; never from memory."""
    return _Request(session, node, version, outbound, distributed, node.display_name).assess(Context(context))


def deployable(
    session: Session, registry: Registry, node: Node, version: Version
) -> list[licensing_pb2.ContextVerdict]:
    """The verdict in every context under the declared licences as outbound; empty for a draft."""
    if version.state != "ready":
        return []
    return [
        licensing_pb2.ContextVerdict(context=each.context, verdict=each.verdict)
        for each in evaluate_contexts(session, registry, node, version, CONTEXTS)
    ]


def deployable_rows(
    session: Session, registry: Registry, rows: Sequence[Any]
) -> dict[int, list[licensing_pb2.ContextVerdict]]:
    """The same for many versions read as columns, with their model's ``display_name``, by id: from memory at best."""
    epoch, at, memo = current_epoch(session), now(), memo_of(registry.database)
    found: dict[int, list[licensing_pb2.ContextVerdict]] = {}
    for row in rows:
        known = [memo.verdict(Question(epoch, row.uid, each, "", False, row.display_name), at) for each in CONTEXTS]
        if row.state == "ready" and None in known:
            node, version = session.get_one(Node, row.node_id), session.get_one(Version, row.id)
            found[row.id] = deployable(session, registry, node, version)
        else:
            found[row.id] = [
                licensing_pb2.ContextVerdict(context=enum_number(licensing_pb2.Context, context), verdict=one.verdict)
                for context, one in zip(CONTEXTS, known, strict=True)
                if one is not None and row.state == "ready"
            ]
    return found


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the verdicts of all contexts share."""

    lineage: Lineage
    waivers: list[Waiver]
    reviews: list[Review]


class _Request:
    """One version under one deployment; loads what several contexts share once."""

    def __init__(
        self,
        session: Session,
        node: Node,
        version: Version,
        outbound: str,
        distributed: bool,
        public_name: str,
        ancestries: AncestryCache | None = None,
    ) -> None:
        self._session = session
        self._node = node
        self._version = version
        self._version_id = cast("int", version.id)
        self._outbound = check_outbound(outbound)
        self._distributed = distributed
        self._public_name = public_name
        self._ancestries = ancestries
        self._epoch = current_epoch(session)
        self._at = now()
        self._terms: dict[tuple[int | None, ...], TermSet] = {}

    def recall(self, registry: Registry, context: Context) -> licensing_pb2.Evaluation:
        """From memory where it is still valid, else computed and kept."""
        question = Question(
            self._epoch, self._version.uid, context.value, self._outbound, self._distributed, self._public_name
        )
        memo = memo_of(registry.database)
        known = memo.get(question, self._at)
        if known is not None:
            return known
        evaluation = self.assess(context).evaluation
        ends = evaluation.valid_until.ToMicroseconds() if evaluation.HasField("valid_until") else None
        memo.put(question, evaluation, ends)
        return evaluation

    def assess(self, context: Context) -> Assessment:
        lineage = self._loaded.lineage
        waivers = [each for each in self._loaded.waivers if context in each.agreement.contexts]
        reviews = [each for each in self._loaded.reviews if each.context == context.value]
        result = self._judge(waivers, reviews, context)
        # Most verdicts tell of no other version, and the names of a long lineage take long to read.
        own = {str(self._version_id): Name.of(version_name(self._node, self._version))}
        names = lineage.names if result.reasons or result.lifted else own
        outbound = self._outbound or " AND ".join(self._version.declared or ())
        valid_until = next_change([each.agreement for each in waivers], reviews, self._at)
        subject = str(self._version_id)
        rendering = Rendering(self._rules, lambda node: names[node].full, lambda node: names[node].short)
        evaluation = rendering.evaluation(result, subject, outbound)
        stored = licensing_pb2.Evaluation(
            version=names[subject].full,
            epoch=self._epoch,
            evaluate_time=to_timestamp(self._at),
            valid_until=to_timestamp(valid_until),
        )
        evaluation.MergeFrom(stored)
        rests_on = [each for each in reviews if any(approval(each).covers(one, context) for one in result.lifted)]
        return Assessment(evaluation, rests_on, lineage.stand_ins, result.obligations)

    def _judge(self, waivers: Sequence[Waiver], reviews: Sequence[Review], context: Context) -> Evaluation:
        deployment = Deployment(
            outbound=(self._outbound,) if self._outbound else None,
            distribute=self._distributed,
            policy=self._rules.policy,
            approvals=tuple(map(approval, reviews)),
        )
        return judge(self._subject(), self._term_set(waivers), context, deployment, self._rules.catalogue)

    def _term_set(self, waivers: Sequence[Waiver]) -> TermSet:
        """The terms under these agreements; most versions have none, hence the same terms in every context."""
        key = tuple(each.agreement.id for each in waivers)
        if key not in self._terms:
            lineage = self._loaded.lineage
            facts = origin_facts(lineage.known, waivers, self._at)
            self._terms[key] = derive_terms(lineage.exposures, facts, self._rules.catalogue, self._rules.policy)
        return self._terms[key]

    @cached_property
    def _rules(self) -> Rules:
        return current_rules(self._session)

    @cached_property
    def _loaded(self) -> _Loaded:
        ancestry = self._ancestries.of(self._version) if self._ancestries is not None else None
        lineage = load_lineage(self._session, self._version, ancestry)
        unended = unended_agreements(self._session, self._at)
        reviews = reviews_in_force(self._session, self._version, Context, self._at)
        return _Loaded(lineage, find_waivers(self._session, lineage.known, unended), reviews)

    def _subject(self) -> Subject:
        return Subject(
            id=str(self._version_id),
            kind=NodeKind.DATASET if self._node.collection == "datasets" else NodeKind.MODEL,
            name=self._public_name,
            declared=tuple(self._version.declared or ()),
            base_family=self._version.base_family or None,
            has_weights_parent=self._loaded.lineage.exposures.has_weights_parent,
        )
