"""The licensing core's results in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from registry.clock import to_timestamp
from registry.licensing import Evaluation, Obligation, Path, Reason, explain, load_profiles
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.names import VersionName

Names = Mapping[int, VersionName]


def render_evaluation(
    result: Evaluation, names: Names, version_id: int, outbound: str, epoch: int, at: int, valid_until: int | None
) -> licensing_pb2.Evaluation:
    """The evaluation with version names instead of node ids."""
    return licensing_pb2.Evaluation(
        version=str(names[version_id]),
        context=enum_number(licensing_pb2.Context, result.context.value, "context"),
        outbound_license=outbound,
        verdict=enum_number(licensing_pb2.Verdict, result.verdict.value, "verdict"),
        reasons=[_reason(each, names) for each in result.reasons],
        obligations=[_obligation(each) for each in result.obligations],
        epoch=epoch,
        evaluate_time=to_timestamp(at),
        valid_until=to_timestamp(valid_until),
    )


def is_liftable(reason: Reason) -> bool:
    """Whether a recorded review can lift it: an open reason of a contested code."""
    return reason.liftable


def _reason(reason: Reason, names: Names) -> licensing_pb2.Reason:
    full = [str(names[int(node)]) for node in reason.path.nodes]
    short = tuple(names[int(node)].short for node in reason.path.nodes)
    readable = replace(reason, origin=short[-1], path=Path(short, reason.path.edges))
    return licensing_pb2.Reason(
        code=str(reason.code),
        status=reason.status.value,
        licenses=reason.licenses,
        origin=str(names[int(reason.origin)]),
        path=_interleave(full, [edge.value for edge in reason.path.edges]),
        clause=reason.clause,
        remedy=reason.remedy,
        sentence=explain(readable),
        confidence=_confidence(reason),
        liftable=is_liftable(reason),
    )


def _interleave(nodes: list[str], edges: list[str]) -> list[str]:
    """n1, edge, n2, edge, n3."""
    return [each for pair in zip(nodes, edges, strict=False) for each in pair] + nodes[-1:]


def _confidence(reason: Reason) -> str:
    """How sure the profile behind the reason is; several licences give each distinct value once."""
    profiles = load_profiles()
    return ", ".join(sorted({profiles.get(each).confidence for each in reason.licenses}))


def _obligation(obligation: Obligation) -> licensing_pb2.Obligation:
    return licensing_pb2.Obligation(code=obligation.id, trigger=obligation.trigger.value, detail=obligation.detail)
