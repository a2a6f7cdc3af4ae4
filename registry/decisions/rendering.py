"""The licensing core's results in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from registry.clock import to_timestamp
from registry.decisions.ancestry import Name
from registry.decisions.rules import Rules
from registry.licensing import Catalogue, Evaluation, Obligation, Path, Reason, explain, explain_evaluation
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2

Names = Mapping[str, Name]


def render_evaluation(
    result: Evaluation,
    names: Names,
    rules: Rules,
    version_id: int,
    outbound: str,
    epoch: int,
    at: int,
    valid_until: int | None,
) -> licensing_pb2.Evaluation:
    """The evaluation, made under ``rules``, with version names instead of node ids."""
    return licensing_pb2.Evaluation(
        version=names[str(version_id)].full,
        context=enum_number(licensing_pb2.Context, result.context.value, "context"),
        outbound_license=outbound,
        verdict=enum_number(licensing_pb2.Verdict, result.verdict.value, "verdict"),
        reasons=[_reason(each, names, rules.catalogue) for each in result.reasons],
        obligations=[_obligation(each) for each in result.obligations],
        epoch=epoch,
        evaluate_time=to_timestamp(at),
        valid_until=to_timestamp(valid_until),
        policy_revision=rules.policy_revision,
        explanation=_explanation(result, names, rules.catalogue, version_id, outbound),
    )


def _explanation(result: Evaluation, names: Names, catalogue: Catalogue, version_id: int, outbound: str) -> str:
    def short(node: str) -> str:
        return names[node].short

    released = outbound.split(" AND ") if outbound else []
    return explain_evaluation(result, str(version_id), catalogue, outbound=released, name_of=short)


def is_liftable(reason: Reason) -> bool:
    """Whether a recorded review can lift it: an open reason of a contested code."""
    return reason.liftable


def _reason(reason: Reason, names: Names, catalogue: Catalogue) -> licensing_pb2.Reason:
    full = [names[node].full for node in reason.path.nodes]
    short = tuple([names[node].short for node in reason.path.nodes])
    readable = replace(reason, origin=short[-1], path=Path(short, reason.path.edges))
    return licensing_pb2.Reason(
        code=str(reason.code),
        status=reason.status.value,
        licenses=reason.licenses,
        origin=full[-1],
        path=_interleave(full, reason.path.edges),
        clause=reason.clause,
        remedy=reason.remedy,
        sentence=explain(readable),
        confidence=_confidence(reason, catalogue),
        liftable=is_liftable(reason),
        policy=reason.policy or "",
    )


def _interleave(nodes: Sequence[str], edges: Sequence[str]) -> list[str]:
    """n1, edge, n2, edge, n3."""
    path = [""] * (len(nodes) + len(edges))
    path[::2], path[1::2] = nodes, edges
    return path


def _confidence(reason: Reason, catalogue: Catalogue) -> str:
    """How sure the profile behind the reason is; several licences give each distinct value once."""
    return ", ".join(sorted({catalogue.get(each).confidence for each in reason.licenses}))


def _obligation(obligation: Obligation) -> licensing_pb2.Obligation:
    return licensing_pb2.Obligation(code=obligation.id, trigger=obligation.trigger.value, detail=obligation.detail)
