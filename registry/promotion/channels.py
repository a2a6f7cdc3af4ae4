"""Attempts at channels: facts for the gate, its outcome as a row, and the channel's move, all in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

from google.protobuf import json_format
from google.protobuf.message import Message
from sqlmodel import Session, col, select

from registry.catalog.files import files_of, missing, not_mirrored
from registry.clock import now
from registry.context import Registry
from registry.decisions.evaluation import Assessment, assess
from registry.decisions.reviews import open_for_promotion, open_reviews, review_name
from registry.decisions.rules import current_rules
from registry.duties.checking import without_own_word
from registry.duties.loading import PaperStore, Release
from registry.duties.standing import standings
from registry.errors import check_etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.identity.roles import roles_with
from registry.licensing import Verdict
from registry.promotion import approvals, policies, recalls
from registry.promotion.gate import (
    COMMERCIAL,
    EVALUATED_KINDS,
    DutyFacts,
    GateFacts,
    Inventory,
    OpenDuty,
    OpenReason,
    run_gate,
)
from registry.promotion.history import Held, rollback_target
from registry.promotion.outcome import Check, Outcome
from registry.promotion.requirements import Policy, Standing
from registry.promotion.standing import standing_of
from registry.reports.messages import report_messages
from registry.reports.records import newest_by_dataset
from registry.storage.audit import Event
from registry.storage.lookup import channel_name, get_node, names_of, node_name, version_name
from registry.storage.tables import Channel, Node, Promotion, PromotionApproval, Version
from registry.wire import enum_text
from spiritsafe.errors import PermissionDenied
from spiritsafe.registry.v1 import evaluation_report_pb2, licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import ChannelName, check_id, shorten

PROMOTE, ROLLBACK = "promote", "rollback"
BREAK_GLASS = "promotions.break_glass"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to put a version into a channel. ``action`` is PROMOTE or ROLLBACK; ``break_glass`` the reason, if any,
    for which it may go through a freeze."""

    node: Node
    version: Version
    context: str
    stage: str
    outbound: str
    distributed: bool
    action: str
    break_glass: str = ""


def check_target(context: str, stage: str, outbound: str) -> None:
    """Raises InvalidArgument for a stage that is no id, and for a commercial channel without an outbound licence."""
    check_id(stage, "stage")
    if context == COMMERCIAL and not outbound:
        raise invalid(
            "outbound_license",
            "a commercial channel must name the licence under which the version is released",
            reason="OUTBOUND_LICENSE_REQUIRED",
            remedy="name one that carries the terms which reach the version, for example openrail-m; "
            "EvaluateVersion shows them",
        )


def take_inventory(session: Session, registry: Registry, version: Version) -> Inventory:
    """Looks for every file of the manifest in the store."""
    files = files_of(session, [version.id])
    external = [file.path for file in not_mirrored(registry.store, files)]
    return Inventory(len(files), missing(registry.store, files), external)


def attempt(
    session: Session, registry: Registry, caller: Caller, tried: Attempt, inventory: Inventory, papers: PaperStore
) -> tuple[Promotion, Event]:
    """Runs the gate, records the attempt, and moves the channel if every check passed.

    ``inventory`` and ``papers`` were read before the write lock: a finalized manifest does not change any more.
    """
    _check_break_glass(caller, tried)
    ready = tried.version.state == "ready"
    assessed = _assess(session, tried) if ready else None
    asked = policies.in_force(session, tried.node.namespace, tried.node.slug, tried.context, tried.stage)
    reports = _reports(session, tried, asked)
    duties = _duties(session, papers, caller, tried, assessed)
    known = tried.outbound in current_rules(session).catalogue
    facts = _facts(registry, tried, assessed, inventory, reports, duties, outbound_known=known)
    facts = replace(facts, recalled=_recalled(session, tried.version), policies=asked)
    given = approvals.in_force(session, *_release_key(tried), at=now()) if asked else []
    if asked:
        facts = replace(facts, standing=_standing(session, caller, tried, reports, given))
    outcome, checks = run_gate(facts)
    channel = _channel(session, tried)
    if assessed and outcome is Outcome.AWAITING_REVIEW:
        open_for_promotion(session, caller, (tried.node, tried.version), assessed.evaluation)
    promotion = _record(session, caller, tried, channel, assessed, outcome, checks)
    promotion.evaluation_reports = [_json(report) for report in reports]
    promotion.channel_policies = [f"namespaces/{tried.node.namespace}/channelPolicies/{each.name}" for each in asked]
    promotion.approvals = [approvals.approval_name(row) for row in given]
    promotion.break_glass = tried.break_glass
    if outcome is Outcome.PROMOTED and assessed is not None:
        _move(channel, tried, assessed)
    session.add(promotion)
    session.add(channel)
    session.flush()
    return promotion, Event(f"promotion.{outcome}", str(channel_name(tried.node, channel)), _details(promotion, tried))


def check_channel_etag(session: Session, node: Node, context: str, stage: str, given: str) -> None:
    """Raises Aborted when the channel holds something else by now than the caller thinks."""
    channel = _find(session, node, context, stage)
    name = ChannelName(node_name(node), context, stage)
    check_etag(given, channel.revision if channel else 0, str(name))


def find_channel(session: Session, caller: Caller, name: str, field: str = "name") -> tuple[Node, Channel]:
    """Raises InvalidArgument, PermissionDenied, or NotFound when nothing was ever tried there."""
    parsed = ChannelName.parse(name, field)
    check_namespace(caller, parsed.node.namespace)
    node = get_node(session, parsed.node)
    channel = _find(session, node, parsed.context, parsed.stage)
    if channel is None:
        raise not_found(name)
    return node, channel


def rollback_attempt(session: Session, node: Node, channel: Channel, to_number: int = 0) -> Attempt:
    """The attempt that brings the previous version back, or the last time that ``to_number`` was there.

    Raises FailedPrecondition when there is none.
    """
    query = select(Promotion.version_id, Promotion.outbound_license, Promotion.distributed, Promotion.action).where(
        Promotion.channel_id == channel.id, Promotion.state == Outcome.PROMOTED.value
    )
    rows = session.exec(query.order_by(col(Promotion.number)))
    history = [
        Held(version_id, outbound, distributed, action == ROLLBACK)
        for version_id, outbound, distributed, action in rows
    ]
    target = _held_as(session, node, channel, history, to_number) if to_number else rollback_target(history)
    if target is None and to_number:
        raise wrong_state(
            str(channel_name(node, channel)),
            f"never held version {to_number}, or holds it now",
            reason="NO_EARLIER_VERSION",
            remedy="choose one from its history, or promote it",
        )
    if target is None:
        raise wrong_state(
            str(channel_name(node, channel)),
            "held no other version before",
            reason="NO_EARLIER_VERSION",
            remedy="promote the version that it should hold",
        )
    version = session.get_one(Version, target.version_id)
    return Attempt(node, version, channel.context, channel.stage, target.outbound_license, target.distributed, ROLLBACK)


def _assess(session: Session, tried: Attempt) -> Assessment:
    return assess(
        session, tried.node, tried.version, tried.context, outbound=tried.outbound, distributed=tried.distributed
    )


def _held_as(session: Session, node: Node, channel: Channel, history: Sequence[Held], number: int) -> Held | None:
    """How the channel held that version last; None where it never did, or does now."""
    query = select(Version.id).where(Version.node_id == node.id, Version.number == number)
    version_id = session.exec(query).first()
    if version_id is None or version_id == channel.version_id:
        return None
    return next((held for held in reversed(history) if held.version_id == version_id), None)


def _check_break_glass(caller: Caller, tried: Attempt) -> None:
    if tried.break_glass and BREAK_GLASS not in caller.permissions:
        raise PermissionDenied(
            f"{caller.identity} may not break the glass of a freeze",
            reason="PERMISSION_NOT_GRANTED",
            remedy=f"ask somebody with one of the roles {', '.join(roles_with(BREAK_GLASS))}, or wait for its end",
            metadata={"permission": BREAK_GLASS},
        )


def _recalled(session: Session, version: Version) -> list[str]:
    rows = recalls.recalls_of(session, [cast("int", version.id)]).get(cast("int", version.id), [])
    names = names_of(session, {row.version_id for row in rows})
    return sorted(name.short for name in names.values())


def _release_key(tried: Attempt) -> tuple[int, str, str, str]:
    return cast("int", tried.version.id), tried.context, tried.stage, tried.outbound


def _standing(
    session: Session,
    caller: Caller,
    tried: Attempt,
    reports: Sequence[evaluation_report_pb2.EvaluationReport],
    given: Sequence[PromotionApproval],
) -> Standing:
    release = Release.of(tried.node, tried.version, tried.context, tried.outbound, tried.distributed)
    found = standing_of(session, release, caller.identity, now(), reports, given)
    return replace(found, break_glass=tried.break_glass, rollback=tried.action == ROLLBACK)


def _reports(session: Session, tried: Attempt, asked: Sequence[Policy]) -> list[evaluation_report_pb2.EvaluationReport]:
    """What the gate relies on; nothing where neither it nor a policy asks for any."""
    by_policy = any(policy.evaluation or policy.minimums for policy in asked)
    if tried.version.kind not in EVALUATED_KINDS or not (by_policy or tried.context == COMMERCIAL):
        return []
    return report_messages(session, newest_by_dataset(session, tried.node, tried.version))


def _duties(
    session: Session, papers: PaperStore, caller: Caller, tried: Attempt, assessed: Assessment | None
) -> DutyFacts | None:
    """How the duties stand for this caller, whose own word does not count; None where the gate asks for none."""
    if tried.context != COMMERCIAL or assessed is None:
        return None
    release = Release.of(tried.node, tried.version, tried.context, tried.outbound, tried.distributed)

    def may_see(namespace: str) -> bool:
        # The outcome stays on record for all who may see the version, whoever tried.
        return namespace == tried.node.namespace

    standing = standings(session, papers, release, may_see, assessed.obligations, caller.identity)
    found = without_own_word(standing, caller.identity)
    unsettled = [each for each in found if not each.settled]
    return DutyFacts(
        settled=len(found) - len(unsettled),
        open=[OpenDuty(each.duty.id, each.finding, each.remedy) for each in unsettled],
    )


def _facts(
    registry: Registry,
    tried: Attempt,
    assessed: Assessment | None,
    inventory: Inventory,
    reports: Sequence[evaluation_report_pb2.EvaluationReport],
    duties: DutyFacts | None,
    *,
    outbound_known: bool,
) -> GateFacts:
    version = tried.version
    own_stand_in = [version_name(tried.node, version)] if version.stand_in else []
    stand_ins = assessed.stand_ins if assessed else own_stand_in
    return GateFacts(
        version=version_name(tried.node, version).short,
        kind=version.kind,
        context=tried.context,
        ready=version.state == "ready",
        inventory=inventory,
        outbound=tried.outbound,
        outbound_known=outbound_known,
        stand_ins=[name.short for name in stand_ins],
        demo=registry.demo,
        verdict=Verdict(enum_text(licensing_pb2.Verdict, assessed.evaluation.verdict)) if assessed else None,
        reasons=[OpenReason(each.code, each.liftable) for each in assessed.evaluation.reasons] if assessed else [],
        creator=version.creator,
        approvers=[review.reviewer for review in assessed.rests_on] if assessed else [],
        evaluations=[f"{shorten(each.dataset)} against {shorten(each.baseline)}" for each in reports],
        duties=duties,
    )


def _find(session: Session, node: Node, context: str, stage: str) -> Channel | None:
    query = select(Channel).where(Channel.node_id == node.id, Channel.context == context, Channel.stage == stage)
    return session.exec(query).first()


def _channel(session: Session, tried: Attempt) -> Channel:
    """The channel of the attempt, made on the first one; it holds nothing until an attempt succeeds."""
    channel = _find(session, tried.node, tried.context, tried.stage)
    if channel is None:
        node_id = cast("int", tried.node.id)
        channel = Channel(node_id=node_id, context=tried.context, stage=tried.stage, update_time=now())
        session.add(channel)
        session.flush()
    return channel


def _move(channel: Channel, tried: Attempt, assessed: Assessment) -> None:
    channel.version_id = tried.version.id
    channel.outbound_license = tried.outbound
    channel.distributed = tried.distributed
    channel.verdict = enum_text(licensing_pb2.Verdict, assessed.evaluation.verdict)
    channel.update_time = now()
    channel.revision += 1


def _record(
    session: Session,
    caller: Caller,
    tried: Attempt,
    channel: Channel,
    assessed: Assessment | None,
    outcome: Outcome,
    checks: Sequence[Check],
) -> Promotion:
    rests_on = assessed.rests_on if assessed else []
    # Also where the attempt is denied for something else: then reviews are one of two things that are missing.
    waits = any(check.awaits is Outcome.AWAITING_REVIEW for check in checks)
    waits_for = open_reviews(session, tried.version, tried.context) if waits else []
    return Promotion(
        channel_id=cast("int", channel.id),
        number=_next_number(session, channel),
        version_id=cast("int", tried.version.id),
        previous_version_id=channel.version_id,
        outbound_license=tried.outbound,
        distributed=tried.distributed,
        public_name=tried.node.display_name,
        state=outcome.value,
        action=tried.action,
        checks=[{key: value for key, value in asdict(check).items() if key != "awaits"} for check in checks],
        evaluation=_json(assessed.evaluation) if assessed else {},
        reviews=[review_name(review) for review in [*rests_on, *waits_for]],
        actor=caller.identity,
        self_administered=any(review.self_administered for review in rests_on),
        create_time=now(),
    )


def _next_number(session: Session, channel: Channel) -> int:
    query = select(Promotion.number).where(Promotion.channel_id == channel.id)
    return (session.exec(query.order_by(col(Promotion.number).desc()).limit(1)).first() or 0) + 1


def _json(message: Message) -> dict[str, object]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _details(promotion: Promotion, tried: Attempt) -> dict[str, object]:
    fields = ["number", "state", "action", "outbound_license", "distributed", "public_name", "reviews"]
    fields += ["channel_policies", "approvals", "break_glass"]
    found: dict[str, object] = {field: getattr(promotion, field) for field in fields}
    failed = [check["check"] for check in promotion.checks if not check["passed"]]
    reports = [report["name"] for report in promotion.evaluation_reports]
    version = str(version_name(tried.node, tried.version))
    return found | {"version": version, "failed_checks": failed, "evaluation_reports": reports}
