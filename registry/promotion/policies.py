"""Channel policies as records: whole documents, each a revision that is added and never changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from google.protobuf import json_format
from sqlmodel import Session, col, func, select

from registry.clock import now
from registry.decisions.checks import required_text
from registry.errors import check_etag, etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.promotion.freezes import Frozen, OnceFrozen, weekly
from registry.promotion.requirements import ANY, Approvals, EarlierStage, Policy
from registry.storage.audit import Event
from registry.storage.tables import ChannelPolicyRevision
from registry.wire import enum_texts
from spiritsafe.errors import InvalidArgument
from spiritsafe.evidence import key_ids
from spiritsafe.registry.v1 import channel_policy_pb2, licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import check_id

_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/channelPolicies/(?P<slug>[^/@]+)")
MAX_APPROVALS = 20
MAX_PATTERNS = 100


def policy_name(row: ChannelPolicyRevision) -> str:
    return f"namespaces/{row.namespace}/channelPolicies/{row.slug}"


def is_policy_name(name: str) -> bool:
    """Whether it is of that form."""
    return _NAME.fullmatch(name) is not None


def get_policy(session: Session, caller: Caller, name: str, revision: int = 0) -> ChannelPolicyRevision:
    """A revision, 0 the newest. Raises InvalidArgument, PermissionDenied, or NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        form = "namespaces/NAMESPACE/channelPolicies/POLICY"
        raise invalid("name", f"{name!r} is not of the form {form}", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    found = _newest(session, match["namespace"], match["slug"], revision)
    if found is None:
        raise not_found(f"{name}@{revision}" if revision else name)
    return found


def set_policy(
    session: Session, caller: Caller, namespace: str, request: channel_policy_pb2.SetChannelPolicyRequest
) -> tuple[ChannelPolicyRevision, Event]:
    """Puts a policy in force.

    Raises:
        InvalidArgument: no reason, no channels, or a requirement that cannot be.
        Aborted: another revision is in force than the caller read.
    """
    slug = check_id(request.policy_id, "policy_id")
    before = _newest(session, namespace, slug)
    check_etag(request.etag, before.revision if before else 0, f"namespaces/{namespace}/channelPolicies/{slug}")
    asked = request.policy
    given = channel_policy_pb2.ChannelPolicy(
        channels=asked.channels, models=asked.models, requirements=asked.requirements
    )
    read_policy("given", given)
    document = json_format.MessageToDict(given, preserving_proto_field_name=True)
    row = _add(session, caller, namespace, slug, before, required_text(request.reason, "reason"), document)
    return row, _event("channel_policy.set", row, before)


def retire(
    session: Session, caller: Caller, request: channel_policy_pb2.RetireChannelPolicyRequest
) -> tuple[ChannelPolicyRevision, Event]:
    """Takes it out of force. Raises FailedPrecondition where it is out of force already, Aborted for an old etag."""
    before = get_policy(session, caller, request.name)
    check_etag(request.etag, before.revision, request.name)
    if before.retired:
        raise wrong_state(request.name, "is retired already", reason="POLICY_RETIRED")
    reason = required_text(request.reason, "reason")
    row = _add(session, caller, before.namespace, before.slug, before, reason, before.document, retired=True)
    return row, _event("channel_policy.retired", row, before)


def in_force(session: Session, namespace: str, slug: str, context: str, stage: str) -> list[Policy]:
    """The policies that hold for a channel of a model or dataset."""
    found = (read_policy(f"{row.slug}@{row.revision}", _message(row)) for row in newest(session, namespace, "", 0))
    return [policy for policy in found if policy.matches(slug, context, stage)]


def newest(session: Session, namespace: str, after: str, limit: int) -> Sequence[ChannelPolicyRevision]:
    """The newest revision of each policy in force, by id; ``limit`` 0 means all."""
    last = (
        select(ChannelPolicyRevision.slug, func.max(ChannelPolicyRevision.revision).label("revision"))
        .where(ChannelPolicyRevision.namespace == namespace, ChannelPolicyRevision.slug > after)
        .group_by(ChannelPolicyRevision.slug)
        .subquery()
    )
    query = (
        select(ChannelPolicyRevision)
        .join(
            last,
            (col(ChannelPolicyRevision.slug) == last.c.slug) & (col(ChannelPolicyRevision.revision) == last.c.revision),
        )
        .where(ChannelPolicyRevision.namespace == namespace, col(ChannelPolicyRevision.retired).is_(False))
        .order_by(col(ChannelPolicyRevision.slug))
    )
    return session.exec(query.limit(limit) if limit else query).all()


def revisions(
    session: Session, policy: ChannelPolicyRevision, before: int | None, limit: int
) -> Sequence[ChannelPolicyRevision]:
    """Revisions of a policy below ``before``, newest first."""
    query = select(ChannelPolicyRevision).where(
        ChannelPolicyRevision.namespace == policy.namespace, ChannelPolicyRevision.slug == policy.slug
    )
    if before is not None:
        query = query.where(ChannelPolicyRevision.revision < before)
    return session.exec(query.order_by(col(ChannelPolicyRevision.revision).desc()).limit(limit)).all()


def describe(row: ChannelPolicyRevision) -> channel_policy_pb2.ChannelPolicy:
    """In the words of the contract."""
    message = _message(row)
    message.name, message.revision, message.retired = policy_name(row), row.revision, row.retired
    message.reason, message.creator, message.etag = row.reason, row.creator, etag(row.revision)
    message.create_time.FromMicroseconds(row.create_time)
    return message


def read_policy(name: str, message: channel_policy_pb2.ChannelPolicy) -> Policy:
    """The policy that a document describes. Raises InvalidArgument that names the field."""
    asked = message.requirements
    for category, percent in asked.minimum_percent.items():
        if not 0 <= percent <= 100:
            raise _bad(f"minimum_percent[{category!r}]", f"{percent:g} is no percentage")
    return Policy(
        name=name,
        channels=[_channel(pattern, index) for index, pattern in enumerate(_patterns(message))],
        models=list(message.models),
        evaluation=asked.evaluation,
        minimums=dict(asked.minimum_percent),
        signers=_signers(asked.signing_keys),
        bundle=asked.bundle,
        four_eyes=asked.four_eyes,
        approvals=_approvals(asked.approvals) if asked.HasField("approvals") else None,
        earlier=_earlier(asked.earlier_stage) if asked.HasField("earlier_stage") else None,
        freezes=[_freeze(window, index) for index, window in enumerate(asked.freeze_windows)],
    )


def _patterns(message: channel_policy_pb2.ChannelPolicy) -> Sequence[str]:
    if not 0 < len(message.channels) <= MAX_PATTERNS or len(message.models) > MAX_PATTERNS:
        raise invalid("policy.channels", f"give 1 to {MAX_PATTERNS} channels, and as many models at most")
    return message.channels


def _channel(pattern: str, index: int) -> str:
    field = f"policy.channels[{index}]"
    context, slash, stage = pattern.partition("/")
    contexts = [ANY, *enum_texts(licensing_pb2.Context)]
    if not slash or context not in contexts:
        remedy = f"CONTEXT/STAGE, for example */production; contexts are {', '.join(contexts)}"
        raise invalid(field, f"{pattern!r} names no channel", remedy=remedy)
    if stage != ANY:
        check_id(stage, field)
    return pattern


def _signers(keys: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for index, key in enumerate(keys):
        try:
            found.update(key_ids(key))
        except InvalidArgument as error:
            raise _bad(f"signing_keys[{index}]", str(error)) from error
    return frozenset(found)


def _approvals(rule: channel_policy_pb2.ApprovalRule) -> Approvals:
    approvers = frozenset(rule.approvers)
    if not 0 < rule.count <= MAX_APPROVALS:
        raise _bad("approvals.count", f"is 1 to {MAX_APPROVALS}")
    if approvers and len(approvers) < rule.count:
        raise _bad("approvals.approvers", f"names {len(approvers)} people, of whom {rule.count} cannot approve")
    return Approvals(rule.count, approvers)


def _earlier(earlier: channel_policy_pb2.EarlierStage) -> EarlierStage:
    check_id(earlier.stage, "policy.requirements.earlier_stage.stage")
    soak = earlier.soak.ToMicroseconds()
    if soak < 0:
        raise _bad("earlier_stage.soak", "must not be negative")
    return EarlierStage(earlier.stage, soak)


def _freeze(window: channel_policy_pb2.FreezeWindow, index: int) -> Frozen:
    field = f"freeze_windows[{index}]"
    once = window.HasField("start_time") and window.HasField("end_time")
    if once == bool(window.weekly):
        raise _bad(field, "has start_time and end_time, or weekly")
    if once:
        start, end = window.start_time.ToMicroseconds(), window.end_time.ToMicroseconds()
        if start >= end:
            raise _bad(f"{field}.end_time", "is not after start_time")
        return OnceFrozen(window.reason, start, end)
    try:
        return weekly(window.reason, window.weekly)
    except ValueError as error:
        raise _bad(f"{field}.weekly", str(error)) from error


def _bad(field: str, description: str) -> InvalidArgument:
    return invalid(f"policy.requirements.{field}", description, reason="INVALID_POLICY")


def _newest(session: Session, namespace: str, slug: str, revision: int = 0) -> ChannelPolicyRevision | None:
    query = select(ChannelPolicyRevision).where(
        ChannelPolicyRevision.namespace == namespace, ChannelPolicyRevision.slug == slug
    )
    if revision:
        query = query.where(ChannelPolicyRevision.revision == revision)
    return session.exec(query.order_by(col(ChannelPolicyRevision.revision).desc()).limit(1)).first()


def _add(
    session: Session,
    caller: Caller,
    namespace: str,
    slug: str,
    before: ChannelPolicyRevision | None,
    reason: str,
    document: dict[str, object],
    *,
    retired: bool = False,
) -> ChannelPolicyRevision:
    row = ChannelPolicyRevision(
        namespace=namespace,
        slug=slug,
        revision=before.revision + 1 if before else 1,
        document=document,
        retired=retired,
        reason=reason,
        creator=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    return row


def _event(kind: str, row: ChannelPolicyRevision, before: ChannelPolicyRevision | None) -> Event:
    details = {"revision": row.revision, "policy": row.document, "reason": row.reason}
    return Event(kind, policy_name(row), details | {"before": before.document if before else None})


def _message(row: ChannelPolicyRevision) -> channel_policy_pb2.ChannelPolicy:
    return json_format.ParseDict(row.document, channel_policy_pb2.ChannelPolicy())
