"""What is recorded about a release that channel policies ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlmodel import Session, col, func, select

from registry.duties.loading import Release
from registry.duties.records import newest_bundle
from registry.promotion.approvals import decisions
from registry.promotion.gate import EVALUATED_KINDS
from registry.promotion.outcome import Outcome
from registry.promotion.requirements import Standing
from registry.promotion.signatures import signed_by
from registry.storage.tables import Channel, Node, Promotion, PromotionApproval, Version
from spiritsafe.registry.v1 import evaluation_report_pb2

Report = evaluation_report_pb2.EvaluationReport


def standing_of(
    session: Session,
    release: Release,
    promoter: str,
    at: int,
    reports: Sequence[Report],
    approvals: Sequence[PromotionApproval],
) -> Standing:
    """``reports`` are the newest of each dataset, ``approvals`` those in force of this release."""
    version = release.version
    return Standing(
        creator=version.creator,
        promoter=promoter,
        at=at,
        reports=[_percent(report) for report in reports] if version.kind in EVALUATED_KINDS else None,
        signed_by=signed_by(session, version),
        has_bundle=newest_bundle(session, release) is not None,
        decisions=decisions(approvals),
        entered=_entered(session, release.node, version, release.context),
    )


def _percent(report: Report) -> dict[str, float]:
    return {each.category: 100 * each.candidate_exact / each.count for each in report.categories if each.count}


def _entered(session: Session, node: Node, version: Version, context: str) -> Mapping[str, int]:
    """Since when it is known in each stage of the context: its first promotion into it."""
    query = (
        select(Channel.stage, func.min(Promotion.create_time))
        .join(Promotion, col(Promotion.channel_id) == Channel.id)
        .where(
            Channel.node_id == node.id,
            Channel.context == context,
            Promotion.version_id == cast("int", version.id),
            Promotion.state == Outcome.PROMOTED.value,
        )
        .group_by(Channel.stage)
    )
    return dict(session.exec(query).all())
