"""The payload of a signed deployment decision. Pure; its fields are listed in docs/licensing/evidence.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.evidence.facts import stamp
from registry.wire import enum_text
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2, recall_pb2

SCHEMA = "spiritsafe.deployment-decision/v1"


def decision_fields(
    request: promotion_pb2.CheckDeploymentRequest,
    answer: promotion_pb2.CheckDeploymentResponse,
    digests: Mapping[str, str],
    epoch: int,
    issue_time: int,
) -> dict[str, Any]:
    """What is signed. ``digests`` gives the manifest digest of each version of the answer; times in microseconds."""
    subject = request.WhichOneof("subject") or ""
    return {
        "schema": SCHEMA,
        "subject": {"kind": subject, "value": getattr(request, subject)},
        "context": enum_text(licensing_pb2.Context, request.context),
        "outbound_license": request.outbound_license,
        "distributed": request.distributed,
        "allowed": answer.allowed,
        "verdicts": [_verdict(each, digests) for each in answer.evaluations],
        "stand_ins": list(answer.stand_ins),
        "deleted_versions": list(answer.deleted_versions),
        "recalls": [
            {"version": each.version, "severity": enum_text(recall_pb2.RecallSeverity, each.severity)}
            for each in answer.recalls
        ],
        "epoch": epoch,
        "issue_time": stamp(issue_time),
        "expire_time": stamp(answer.expire_time.ToMicroseconds()),
    }


def _verdict(one: licensing_pb2.Evaluation, digests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": one.version,
        "digest": digests[one.version],
        "verdict": enum_text(licensing_pb2.Verdict, one.verdict),
        "outbound_license": one.outbound_license,
        "reasons": [{"code": each.code, "licenses": sorted(each.licenses)} for each in one.reasons],
        "obligations": sorted(each.code for each in one.obligations),
    }
