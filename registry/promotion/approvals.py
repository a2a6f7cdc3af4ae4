"""Approvals of one exact release: who may give them is a permission, whose count is the channel's policy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast
from uuid import uuid4

from sqlmodel import Session, col, select

from registry.clock import now, to_timestamp
from registry.decisions.checks import context_text, required_text
from registry.errors import invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.promotion.requirements import Decision
from registry.storage.audit import Event
from registry.storage.lookup import get_version, names_of
from registry.storage.tables import PromotionApproval
from registry.wire import enum_number, enum_text
from spiritsafe.errors import PermissionDenied
from spiritsafe.registry.v1 import channel_policy_pb2, licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName, check_id

_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/approvals/(?P<uid>[^/]+)")
_DAY = 24 * 3600 * 1_000_000
DEFAULT_VALIDITY, LONGEST_VALIDITY = 30 * _DAY, 366 * _DAY


def approval_name(row: PromotionApproval) -> str:
    return f"namespaces/{row.namespace}/approvals/{row.uid}"


def create(
    session: Session, caller: Caller, name: VersionName, request: channel_policy_pb2.CreateApprovalRequest
) -> tuple[PromotionApproval, Event]:
    """Records what a person decided; it takes the place of what the same person decided before.

    Raises:
        InvalidArgument: no decision or rationale, or a time that is not positive, or beyond a year.
        FailedPrecondition: the version is a draft.
    """
    node, version = get_version(session, name, "version")
    if version.state != "ready":
        raise wrong_state(str(name), "is a draft", reason="VERSION_NOT_READY", remedy="finalize it first")
    decision = enum_text(channel_policy_pb2.ApprovalDecision, request.decision, "decision")
    if not decision:
        raise invalid("decision", "is approve or reject", reason="REQUIRED_FIELD")
    at = now()
    row = PromotionApproval(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=cast("int", version.id),
        context=context_text(request.context),
        stage=check_id(request.stage, "stage"),
        outbound_license=request.outbound_license,
        decision=decision,
        approver=caller.identity,
        rationale=required_text(request.rationale, "rationale"),
        create_time=at,
        expire_time=at + _validity(request),
    )
    session.add(row)
    session.flush()
    fields = ("context", "stage", "outbound_license", "decision", "rationale", "expire_time")
    details = {field: getattr(row, field) for field in fields} | {"approval": approval_name(row)}
    return row, Event(f"promotion_approval.{decision}", str(name), details)


def revoke(
    session: Session, caller: Caller, request: channel_policy_pb2.RevokeApprovalRequest
) -> tuple[PromotionApproval, Event]:
    """Raises PermissionDenied for somebody else's, FailedPrecondition for one that was revoked before."""
    row = _get(session, caller, request.name)
    if row.approver != caller.identity:
        raise PermissionDenied(
            f"{request.name} is {row.approver}'s", reason="NOT_YOURS", remedy="decide yourself, or ask them"
        )
    if row.revoke_time is not None:
        raise wrong_state(request.name, "is revoked already", reason="APPROVAL_REVOKED")
    row.revoke_time = now()
    session.add(row)
    return row, Event("promotion_approval.revoked", request.name, {"decision": row.decision})


def in_force(
    session: Session, version_id: int, context: str, stage: str, outbound: str, at: int
) -> list[PromotionApproval]:
    """The last word of each person about this release, as far as it holds at that time."""
    query = select(PromotionApproval).where(
        PromotionApproval.version_id == version_id,
        PromotionApproval.context == context,
        PromotionApproval.stage == stage,
        PromotionApproval.outbound_license == outbound,
        col(PromotionApproval.revoke_time).is_(None),
        PromotionApproval.expire_time > at,
    )
    last = {row.approver: row for row in session.exec(query.order_by(col(PromotionApproval.id)))}
    return list(last.values())


def decisions(rows: Sequence[PromotionApproval]) -> list[Decision]:
    """As the gate looks at them."""
    return [Decision(row.approver, row.decision == "approve") for row in rows]


def describe(session: Session, rows: Sequence[PromotionApproval]) -> list[channel_policy_pb2.Approval]:
    """In the words of the contract."""
    names = names_of(session, {row.version_id for row in rows})
    return [
        channel_policy_pb2.Approval(
            name=approval_name(row),
            version=str(names[row.version_id]),
            context=enum_number(licensing_pb2.Context, row.context),
            stage=row.stage,
            outbound_license=row.outbound_license,
            decision=enum_number(channel_policy_pb2.ApprovalDecision, row.decision),
            approver=row.approver,
            rationale=row.rationale,
            create_time=to_timestamp(row.create_time),
            expire_time=to_timestamp(row.expire_time),
            revoke_time=to_timestamp(row.revoke_time),
        )
        for row in rows
    ]


def _validity(request: channel_policy_pb2.CreateApprovalRequest) -> int:
    if not request.HasField("valid_for"):
        return DEFAULT_VALIDITY
    found = request.valid_for.ToMicroseconds()
    if not 0 < found <= LONGEST_VALIDITY:
        raise invalid("valid_for", "is more than nothing, and a year at most", remedy="leave it out for 30 days")
    return found


def _get(session: Session, caller: Caller, name: str) -> PromotionApproval:
    match = _NAME.fullmatch(name)
    if match is None:
        form = "namespaces/NAMESPACE/approvals/APPROVAL"
        raise invalid("name", f"{name!r} is not of the form {form}", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    query = select(PromotionApproval).where(
        PromotionApproval.namespace == match["namespace"], PromotionApproval.uid == match["uid"]
    )
    row = session.exec(query).first()
    if row is None:
        raise not_found(name)
    return row
