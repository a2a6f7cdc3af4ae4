"""Channel policies, approvals, signatures, recalls and history over the contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from spiritsafe.registry.v1 import channel_policy_pb2, licensing_pb2, promotion_pb2, recall_pb2, version_pb2
from spiritsafe.signing import sign_release
from tests.registry.builders import NAMESPACE, Builder
from tests.registry.serving import Served

Client_ = Callable[..., Client]
INTERNAL = licensing_pb2.CONTEXT_INTERNAL
P = promotion_pb2


@pytest.fixture
def build(client: Client_, tmp_path: Path) -> Builder:
    folder = tmp_path / "files"
    folder.mkdir()
    return Builder(client("publisher", identity="ada"), folder)


@pytest.fixture
def rita(client: Client_) -> Client:
    return client("releaser", identity="rita")


@pytest.fixture
def root(client: Client_) -> Client:
    return client("admin", identity="root")


def set_policy(root: Client, policy_id: str = "p", channels: tuple[str, ...] = ("*/*",), **requirements: Any) -> Any:
    asked = {"channels": list(channels), "requirements": requirements}
    policy = json_format.ParseDict(asked, channel_policy_pb2.ChannelPolicy())
    request = channel_policy_pb2.SetChannelPolicyRequest(
        parent=NAMESPACE, policy_id=policy_id, policy=policy, reason="the board"
    )
    return root.channel_policies.SetChannelPolicy(request).policy


def promote(who: Client, version: str, stage: str = "production", **fields: Any) -> promotion_pb2.Promotion:
    request = P.PromoteVersionRequest(version=version, context=INTERNAL, stage=stage, **fields)
    return who.promotions.PromoteVersion(request).promotion


def reasons(promotion: promotion_pb2.Promotion) -> dict[str, str]:
    return {each.check: each.reason for each in promotion.checks if not each.passed}


def decide(who: Client, version: str, decision: str = "APPROVE", **fields: Any) -> channel_policy_pb2.Approval:
    request = channel_policy_pb2.CreateApprovalRequest(
        version=version,
        context=INTERNAL,
        stage=fields.pop("stage", "production"),
        decision=channel_policy_pb2.ApprovalDecision.Value(f"APPROVAL_DECISION_{decision}"),
        rationale="read it",
        **fields,
    )
    return who.channel_policies.CreateApproval(request).approval


def test_two_people_approve_and_a_third_promotes(client: Client_, build: Builder, rita: Client, root: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    policy = set_policy(root, approvals={"count": 2})
    assert promote(rita, name).state == P.PROMOTION_STATE_AWAITING_APPROVAL
    bob, eve = client("reviewer", identity="bob"), client("releaser", identity="eve")
    decide(rita, name)
    first = decide(bob, name)
    waiting = promote(rita, name)
    assert reasons(waiting) == {"approvals": "APPROVALS_MISSING"}
    decide(eve, name, stage="staging")  # another release
    decide(eve, name, "REJECT")
    assert reasons(promote(rita, name)) == {"approvals": "REJECTED"}
    last = decide(eve, name)
    done = promote(rita, name)
    assert done.state == P.PROMOTION_STATE_PROMOTED
    assert done.channel_policies == [f"{policy.name}@1"]
    assert {first.name, last.name} < set(done.approvals)
    listed = bob.channel_policies.ListApprovals(channel_policy_pb2.ListApprovalsRequest(parent=name)).approvals
    assert [each.approver for each in listed] == ["eve", "eve", "eve", "bob", "rita"]


def test_approvals_are_ones_own_and_end(client: Client_, build: Builder, rita: Client, root: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    set_policy(root, approvals={"count": 1, "approvers": ["bob"]})
    bob, eve = client("reviewer", identity="bob"), client("reviewer", identity="eve")
    given = decide(bob, name)
    revoke = channel_policy_pb2.RevokeApprovalRequest(name=given.name)
    with pytest.raises(PermissionDenied, match="is bob's"):
        eve.channel_policies.RevokeApproval(revoke)
    bob.channel_policies.RevokeApproval(revoke)
    with pytest.raises(FailedPrecondition, match="revoked already"):
        bob.channel_policies.RevokeApproval(revoke)
    assert promote(rita, name).state == P.PROMOTION_STATE_AWAITING_APPROVAL
    short = channel_policy_pb2.CreateApprovalRequest()
    short.valid_for.FromMicroseconds(50_000)
    decide(bob, name, valid_for=short.valid_for)
    time.sleep(0.06)
    assert promote(rita, name).state == P.PROMOTION_STATE_AWAITING_APPROVAL
    decide(bob, name)
    assert promote(rita, name).state == P.PROMOTION_STATE_PROMOTED
    for wrong in ({"decision": "UNSPECIFIED"}, {"stage": "No Stage"}):
        with pytest.raises(InvalidArgument):
            decide(bob, name, **wrong)
    with pytest.raises(PermissionDenied):
        decide(client("publisher", identity="ada"), name)


def test_stages_bundles_and_four_eyes(client: Client_, build: Builder, root: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    set_policy(root, "stages", ("internal/production",), earlier_stage={"stage": "staging"}, bundle=True)
    set_policy(root, "eyes", ("internal/*",), four_eyes=True)
    ada, rita = client("releaser", "publisher", identity="ada"), client("releaser", "publisher", identity="rita")
    assert reasons(promote(ada, name, "staging")) == {"other_promoter": "FOUR_EYES"}
    assert reasons(promote(rita, name)) == {"earlier_stage": "STAGE_SKIPPED", "bundle": "BUNDLE_MISSING"}
    assert promote(rita, name, "staging").state == P.PROMOTION_STATE_PROMOTED
    from spiritsafe.registry.v1 import duty_pb2

    rita.duties.RecordBundle(duty_pb2.RecordBundleRequest(version=name, context=INTERNAL, allow_missing=True))
    assert promote(rita, name).state == P.PROMOTION_STATE_PROMOTED


def test_a_freeze_holds_unless_glass_is_broken(client: Client_, build: Builder, rita: Client, root: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    window = {"reason": "year's end", "start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
    set_policy(root, freeze_windows=[window])
    assert reasons(promote(rita, name)) == {"freeze": "FROZEN"}
    with pytest.raises(PermissionDenied, match="break the glass"):
        promote(rita, name, break_glass="outage")
    both = client("releaser", "admin", identity="oncall")
    done = promote(both, name, break_glass="outage 17")
    assert (done.state, done.break_glass) == (P.PROMOTION_STATE_PROMOTED, "outage 17")


def keys(private: Ed25519PrivateKey) -> tuple[bytes, str]:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def attach(who: Client, version: str, digest: str, pem: bytes, public: str = "") -> Any:
    envelope, own = sign_release(version, digest, {"note": "fit"}, pem)
    request = channel_policy_pb2.AttachSignatureRequest(
        version=version, envelope_json=envelope, public_key_pem=public or own
    )
    return who.channel_policies.AttachSignature(request).signature


def test_a_signature_by_a_trusted_key_is_asked_for(build: Builder, client: Client_, rita: Client, root: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    digest = rita.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version.digest
    (trusted, public), (other, other_public) = (keys(Ed25519PrivateKey.generate()) for _ in range(2))
    set_policy(root, signing_keys=[public])
    assert reasons(promote(rita, name)) == {"signature": "SIGNATURE_MISSING"}
    attach(rita, name, digest, other)
    assert reasons(promote(rita, name)) == {"signature": "SIGNATURE_MISSING"}
    for digest_of, given in (("0" * 64, public), (digest, other_public)):
        with pytest.raises(InvalidArgument) as caught:
            attach(rita, name, digest_of, trusted, given)
        assert caught.value.violations[0].field == "envelope_json"
    kept = attach(rita, name, digest, trusted)
    with pytest.raises(AlreadyExists):
        attach(rita, name, digest, trusted)
    assert promote(rita, name).state == P.PROMOTION_STATE_PROMOTED
    request = channel_policy_pb2.ListSignaturesRequest(version=name)
    assert kept in client("reader").channel_policies.ListSignatures(request).signatures


def test_policies_have_revisions_and_retire(root: Client, rita: Client, build: Builder) -> None:
    name = build.model("m", "base", licenses=["mit"])
    first = set_policy(root, bundle=True)
    second = set_policy(root, approvals={"count": 1})
    assert (first.revision, second.revision) == (1, 2)
    get = channel_policy_pb2.GetChannelPolicyRequest
    assert root.channel_policies.GetChannelPolicy(get(name=first.name)).policy == second
    assert root.channel_policies.GetChannelPolicy(get(name=first.name, revision=1)).policy == first
    with pytest.raises(NotFound):
        root.channel_policies.GetChannelPolicy(get(name=first.name, revision=3))
    retire = channel_policy_pb2.RetireChannelPolicyRequest(name=first.name, reason="no board", etag=first.etag)
    with pytest.raises(Aborted):
        root.channel_policies.RetireChannelPolicy(retire)
    retire.etag = second.etag
    assert root.channel_policies.RetireChannelPolicy(retire).policy.retired
    retire.etag = ""
    with pytest.raises(FailedPrecondition, match="retired already"):
        root.channel_policies.RetireChannelPolicy(retire)
    listing = channel_policy_pb2.ListChannelPoliciesRequest
    assert not root.channel_policies.ListChannelPolicies(listing(parent=NAMESPACE)).policies
    revisions = root.channel_policies.ListChannelPolicies(listing(parent=first.name)).policies
    assert [each.revision for each in revisions] == [3, 2, 1]
    assert promote(rita, name).channel_policies == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channels": ()}, "policy.channels"),
        ({"channels": ("production",)}, "policy.channels[0]"),
        ({"channels": ("wholesale/production",)}, "policy.channels[0]"),
        ({"approvals": {"count": 0}}, "policy.requirements.approvals.count"),
        ({"approvals": {"count": 2, "approvers": ["bob"]}}, "policy.requirements.approvals.approvers"),
        ({"minimum_percent": {"single": 101}}, "policy.requirements.minimum_percent['single']"),
        ({"signing_keys": ["no key"]}, "policy.requirements.signing_keys[0]"),
        ({"freeze_windows": [{}]}, "policy.requirements.freeze_windows[0]"),
        ({"freeze_windows": [{"weekly": "always"}]}, "policy.requirements.freeze_windows[0].weekly"),
        ({"earlier_stage": {"stage": "staging", "soak": "-5s"}}, "policy.requirements.earlier_stage.soak"),
    ],
)
def test_policies_that_cannot_be_name_the_field(root: Client, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        set_policy(root, **change)
    assert caught.value.violations[0].field == field


def test_what_was_there_and_why(client: Client_, build: Builder, rita: Client, root: Client) -> None:
    first = build.model("m", "base", licenses=["mit"])
    second = build.version(f"{NAMESPACE}/models/m", "base", content="two", licenses=["mit"])
    promoted = promote(rita, first)
    between = Timestamp()
    between.GetCurrentTime()
    time.sleep(0.002)
    promote(rita, second)
    channel = f"{NAMESPACE}/models/m/channels/internal-production"
    then = rita.promotions.GetChannel(P.GetChannelRequest(name=channel, at_time=between)).channel
    assert (then.version, then.promotion) == (first, promoted.name)
    assert then.verdict == promoted.evaluation.verdict
    assert rita.promotions.GetPromotion(P.GetPromotionRequest(name=then.promotion)).promotion == promoted
    held = rita.promotions.ListChannels(P.ListChannelsRequest(parent=NAMESPACE, at_time=between)).channels
    assert list(held) == [then]
    early = Timestamp(seconds=1)
    assert not rita.promotions.ListChannels(P.ListChannelsRequest(parent=NAMESPACE, at_time=early)).channels
    with pytest.raises(NotFound):
        rita.promotions.GetChannel(P.GetChannelRequest(name=channel, at_time=early))
    with pytest.raises(NotFound):
        rita.promotions.GetPromotion(P.GetPromotionRequest(name=f"{channel}/promotions/9"))
    back = rita.promotions.RollbackChannel(P.RollbackChannelRequest(name=channel, to_number=1)).promotion
    assert (back.version, back.state) == (first, P.PROMOTION_STATE_PROMOTED)
    for number in (1, 7):
        with pytest.raises(FailedPrecondition, match="never held"):
            rita.promotions.RollbackChannel(P.RollbackChannelRequest(name=channel, to_number=number))
    now = rita.promotions.GetChannel(P.GetChannelRequest(name=channel)).channel
    with pytest.raises(Aborted):
        promote(rita, second, etag="W/old")
    assert promote(rita, second, etag=now.etag).version == second


def recall(who: Client, version: str, **fields: Any) -> recall_pb2.RecallVersionResponse:
    request = recall_pb2.RecallVersionRequest(
        version=version, severity=recall_pb2.RECALL_SEVERITY_HIGH, reason="leaks prompts", advice="roll back", **fields
    )
    return who.recalls.RecallVersion(request)


def test_a_recall_reaches_what_was_made_from_it(
    client: Client_, build: Builder, rita: Client, registry: Registry
) -> None:
    base = build.model("base", "base", licenses=["mit"])
    tune = build.model("tune", licenses=["mit"], edges=[("finetune", base)])
    data = build.dataset("data", licenses=["mit"], edges=[("generated_by", tune)])
    student = build.model("student", licenses=["mit"], edges=[("trained_on", data)])
    held_out = build.dataset("held-out", "evaluation", licenses=["mit"], edges=[("derived_from", data)])
    judged = build.model("judged", licenses=["mit"], edges=[("evaluated_on", held_out)])
    for version in (student, judged):
        promote(rita, version)
    dry = recall(rita, base, validate_only=True)
    assert dry.channels == [f"{NAMESPACE}/models/student/channels/internal-production"]
    assert not rita.recalls.ListRecalls(recall_pb2.ListRecallsRequest(parent=NAMESPACE)).recalls
    made = recall(rita, base)
    assert (list(made.channels), made.channel_count) == (list(dry.channels), 1)
    with registry.database.read() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence).desc()).limit(1)).one()
    assert (event.type, event.resource, event.details["channels"]) == ("version.recalled", base, list(made.channels))
    with pytest.raises(FailedPrecondition, match="recalled already"):
        recall(rita, base)
    channels = rita.promotions.ListChannels(P.ListChannelsRequest(parent=NAMESPACE)).channels
    marked = {channel.version: [each.version for each in channel.recalls] for channel in channels}
    assert marked == {student: [base], judged: []}
    assert reasons(promote(rita, student, "staging")) == {"recall": "RECALLED"}
    check = P.CheckDeploymentRequest(version=student, context=INTERNAL)
    refused = rita.promotions.CheckDeployment(check)
    assert not refused.allowed
    assert [each.name for each in refused.recalls] == [made.recall.name]
    lift = recall_pb2.LiftRecallRequest(name=made.recall.name, reason="it was another", etag=made.recall.etag)
    assert rita.recalls.LiftRecall(lift).recall.lift_reason == "it was another"
    assert rita.promotions.CheckDeployment(check).allowed
    assert promote(rita, student, "staging").state == P.PROMOTION_STATE_PROMOTED
    listing = recall_pb2.ListRecallsRequest(parent=base, show_lifted=True)
    assert [each.lifter for each in rita.recalls.ListRecalls(listing).recalls] == ["rita"]


def test_recalls_of_other_namespaces_warn_without_a_name(server: Served, build: Builder, client: Client_) -> None:
    hidden = build.model("base", "base", namespace="namespaces/lab", licenses=["mit"])
    tune = build.model("tune", licenses=["mit"], edges=[("finetune", hidden)])
    limited = client("releaser", identity="rita", namespaces=("default",))
    promote(limited, tune)
    lab = client("releaser", identity="lea", namespaces=("lab",))
    made = recall(lab, hidden)
    assert (list(made.channels), made.channel_count) == ([], 1)
    channel = f"{NAMESPACE}/models/tune/channels/internal-production"
    (warned,) = limited.promotions.GetChannel(P.GetChannelRequest(name=channel)).channel.recalls
    assert (warned.name, warned.version, warned.reason) == ("", "", "")
    assert (warned.severity, warned.advice) == (recall_pb2.RECALL_SEVERITY_HIGH, "roll back")
    with pytest.raises(PermissionDenied):
        recall(limited, hidden)


def test_a_recall_needs_a_severity_and_a_reason(build: Builder, rita: Client) -> None:
    name = build.model("m", "base", licenses=["mit"])
    for fields, field in (({"reason": "x"}, "severity"), ({"severity": 2}, "reason")):
        with pytest.raises(InvalidArgument) as caught:
            rita.recalls.RecallVersion(recall_pb2.RecallVersionRequest(version=name, **fields))
        assert caught.value.violations[0].field == field
    draft = build.draft(f"{NAMESPACE}/models/m", "base")
    request = recall_pb2.RecallVersionRequest(version=draft, severity=recall_pb2.RECALL_SEVERITY_LOW, reason="x")
    with pytest.raises(FailedPrecondition, match="is a draft"):
        rita.recalls.RecallVersion(request)
