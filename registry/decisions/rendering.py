"""The licensing core's results in the words of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from registry.decisions.rules import Rules
from registry.licensing import Context, Evaluation, Obligation, Path, Reason, explain, explain_evaluation
from registry.licensing.explanation import NameOf
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2


@dataclass(frozen=True, slots=True)
class Rendering:
    """Renders what was computed under `rules`; `full` and `short` name a node of the lineage, given its id."""

    rules: Rules
    full: NameOf
    short: NameOf

    def evaluation(self, result: Evaluation, subject: str, outbound: str) -> licensing_pb2.Evaluation:
        """The evaluation of a node for a release; what only a stored version has, and the time, are left out."""
        released = outbound.split(" AND ") if outbound else []
        catalogue = self.rules.catalogue
        return licensing_pb2.Evaluation(
            context=context_message(result.context),
            outbound_license=outbound,
            verdict=verdict_message(result),
            reasons=map(self.reason, result.reasons),
            obligations=map(obligation_message, result.obligations),
            policy_revision=self.rules.policy_revision,
            explanation=explain_evaluation(result, subject, catalogue, outbound=released, name_of=self.short),
        )

    def reason(self, reason: Reason) -> licensing_pb2.Reason:
        """The reason with its sentence, and how sure the profiles behind it are."""
        nodes = reason.path.nodes
        readable = replace(
            reason, origin=self.short(reason.origin), path=Path(tuple(map(self.short, nodes)), reason.path.edges)
        )
        return licensing_pb2.Reason(
            code=str(reason.code),
            status=reason.status.value,
            licenses=reason.licenses,
            origin=self.full(reason.origin),
            path=_interleave([self.full(node) for node in nodes], reason.path.edges),
            clause=reason.clause,
            remedy=reason.remedy,
            sentence=explain(readable),
            confidence=self._confidence(reason),
            liftable=reason.liftable,
            policy=reason.policy or "",
        )

    def _confidence(self, reason: Reason) -> str:
        """How sure the profile behind the reason is; several licences give each distinct value once."""
        return ", ".join(sorted({self.rules.catalogue.get(each).confidence for each in reason.licenses}))


def obligation_message(obligation: Obligation) -> licensing_pb2.Obligation:
    """The duty, by its id."""
    return licensing_pb2.Obligation(code=obligation.id, trigger=obligation.trigger.value, detail=obligation.detail)


def context_message(context: Context) -> licensing_pb2.Context.ValueType:
    """The number of a context in the contract."""
    number: licensing_pb2.Context.ValueType = enum_number(licensing_pb2.Context, context.value, "context")
    return number


def verdict_message(evaluation: Evaluation) -> licensing_pb2.Verdict.ValueType:
    """The number of a verdict in the contract."""
    number: licensing_pb2.Verdict.ValueType = enum_number(licensing_pb2.Verdict, evaluation.verdict.value, "verdict")
    return number


def _interleave(nodes: Sequence[str], edges: Sequence[str]) -> list[str]:
    """n1, edge, n2, edge, n3."""
    path = [""] * (len(nodes) + len(edges))
    path[::2], path[1::2] = nodes, edges
    return path
