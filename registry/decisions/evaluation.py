"""The verdict of a stored version, under the licences, agreements, reviews and clock of the moment it is read.

Finalize stores licence-independent exposures; everything mutable is applied here. Answers are kept in memory under one
epoch number, which every change of licence data advances in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlmodel import Session

from registry.clock import now
from registry.context import Registry
from registry.decisions.checks import check_outbound
from registry.decisions.facts import (
    Lineage,
    approval,
    effective_licenses,
    load_lineage,
    next_change,
    origin_facts,
    relevant_agreements,
    reviews_in_force,
    unended_agreements,
)
from registry.decisions.memo import Question, memo_of
from registry.decisions.rendering import render_evaluation
from registry.decisions.rules import current_rules
from registry.errors import wrong_state
from registry.licensing import Context, Deployment, Evaluation, NodeKind, Subject, derive_terms
from registry.licensing import evaluate as judge
from registry.storage.lookup import version_name
from registry.storage.tables import Agreement, Node, Review, Setting, Version
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.names import VersionName

__all__ = [
    "Assessment",
    "assess",
    "bump_epoch",
    "current_epoch",
    "deployable",
    "effective_licenses",
    "evaluate",
    "evaluate_contexts",
]

CONTEXTS = tuple(context.value for context in Context)
_EPOCH = "licence_epoch"


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
    request = _Request(session, node, version, outbound, distributed, public_name or node.display_name)
    if session.connection().get_execution_options().get("write", False):
        # Inside a write transaction the epoch may be one that is rolled back later: neither trust nor fill the memo.
        return [request.assess(Context(context)).evaluation for context in contexts]
    return [request.recall(registry, Context(context)) for context in contexts]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict computed anew, with the reviews that lifted a reason of it and the stand-ins that it rests on."""

    evaluation: licensing_pb2.Evaluation
    rests_on: list[Review]
    stand_ins: list[VersionName]


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


def current_epoch(session: Session) -> int:
    """The number of the state of all licence data, 1 in a new registry."""
    setting = session.get(Setting, _EPOCH)
    return int(setting.value) if setting else 1


def bump_epoch(session: Session) -> int:
    """Advances the epoch in the transaction that changes licence data; gives the new number."""
    setting = session.get(Setting, _EPOCH) or Setting(key=_EPOCH, value="1")
    setting.value = str(int(setting.value) + 1)
    session.add(setting)
    session.flush()
    return int(setting.value)


class _Request:
    """One version under one deployment; loads what several contexts share once."""

    def __init__(
        self, session: Session, node: Node, version: Version, outbound: str, distributed: bool, public_name: str
    ) -> None:
        self._session = session
        self._node = node
        self._version = version
        self._version_id = cast("int", version.id)
        self._outbound = check_outbound(outbound)
        self._distributed = distributed
        self._public_name = public_name
        self._epoch = current_epoch(session)
        self._rules = current_rules(session)
        self._at = now()
        self._loaded: tuple[Lineage, list[Agreement]] | None = None

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
        lineage, unended = self._load()
        agreements = relevant_agreements(lineage, unended, context)
        reviews = reviews_in_force(self._session, self._version, context, self._at)
        result = self._judge(lineage, agreements, reviews, context)
        outbound = self._outbound or " AND ".join(self._version.declared or ())
        valid_until = next_change(agreements, reviews, self._at)
        evaluation = render_evaluation(
            result, lineage.names, self._rules, self._version_id, outbound, self._epoch, self._at, valid_until
        )
        rests_on = [each for each in reviews if any(approval(each).covers(one, context) for one in result.lifted)]
        return Assessment(evaluation, rests_on, lineage.stand_ins)

    def _judge(
        self, lineage: Lineage, agreements: Sequence[Agreement], reviews: Sequence[Review], context: Context
    ) -> Evaluation:
        rules = self._rules
        deployment = Deployment(
            outbound=(self._outbound,) if self._outbound else None,
            distribute=self._distributed,
            policy=rules.policy,
            approvals=tuple(map(approval, reviews)),
        )
        facts = origin_facts(lineage, agreements, self._at)
        terms = derive_terms(lineage.exposures, facts, rules.catalogue, rules.policy)
        return judge(self._subject(lineage), terms, context, deployment, rules.catalogue)

    def _load(self) -> tuple[Lineage, list[Agreement]]:
        if self._loaded is None:
            self._loaded = load_lineage(self._session, self._version), unended_agreements(self._session, self._at)
        return self._loaded

    def _subject(self, lineage: Lineage) -> Subject:
        return Subject(
            id=str(self._version_id),
            kind=NodeKind.DATASET if self._node.collection == "datasets" else NodeKind.MODEL,
            name=self._public_name,
            declared=tuple(self._version.declared or ()),
            base_family=self._version.base_family or None,
            has_weights_parent=lineage.has_weights_parent,
        )
