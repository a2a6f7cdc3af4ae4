"""The deployment check by version, by manifest digest and by the digest of one file."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from registry.clock import now
from spiritsafe.client import Client
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.evidence import envelope_json, verify_decision
from spiritsafe.registry.v1 import evidence_pb2, promotion_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story, context_number

BYTES = "the same bytes"
FIVE_MINUTES = timedelta(minutes=5) // timedelta(microseconds=1)


def check(client: Client, context: str = "commercial", **subject: Any) -> promotion_pb2.CheckDeploymentResponse:
    request = promotion_pb2.CheckDeploymentRequest(context=context_number(context), **subject)
    return client.promotions.CheckDeployment(request)


def version_of(story: Story, name: str) -> version_pb2.Version:
    return story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version


def test_answer_holds_for_five_minutes_at_most(story: Story) -> None:
    before = now()
    answer = check(story.rita, version=story.names["qwen3"])
    assert answer.allowed
    assert before <= answer.expire_time.ToMicroseconds() - FIVE_MINUTES <= now()
    assert [each.version for each in answer.evaluations] == [story.names["qwen3"]]


def test_answer_does_not_outlive_the_approval_it_rests_on(story: Story) -> None:
    (review,) = story.request(story.names["student"])
    soon = Timestamp()
    soon.FromMicroseconds(now() + FIVE_MINUTES // 2)
    story.approve(review, expire_time=soon)
    answer = check(story.rita, version=story.names["student"], outbound_license="openrail-m")
    assert answer.allowed
    assert answer.expire_time == soon


@pytest.mark.parametrize(
    ("key", "context", "allowed"), [("teacher", "commercial", False), ("teacher", "research", True)]
)
def test_digest_and_file_answer_as_their_version(story: Story, key: str, context: str, allowed: bool) -> None:
    version = version_of(story, story.names[key])
    for subject in (
        {"version": version.name},
        {"digest": version.digest},
        {"file_sha256": version.files[0].sha256},
    ):
        answer = check(story.rita, context, **subject)
        assert answer.allowed is allowed
        assert [each.version for each in answer.evaluations] == [version.name]


def test_same_bytes_in_two_versions_are_allowed_only_if_both_are(story: Story) -> None:
    clean = story.build.model("clean", licenses=["mit"], content=BYTES)
    digest = version_of(story, clean).digest
    assert check(story.rita, digest=digest).allowed
    tainted = story.build.model(
        "tainted", licenses=[], edges=[("finetune", story.names["xlam"])], content="the same bytes"
    )
    for subject in ({"digest": digest}, {"file_sha256": version_of(story, clean).files[0].sha256}):
        answer = check(story.rita, **subject)
        assert not answer.allowed
        assert [each.version for each in answer.evaluations] == [clean, tainted]


def test_draft_holds_no_bytes_yet(story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/models/student", "full")
    with pytest.raises(NotFound):
        check(story.rita, digest=version_of(story, draft).digest)
    with pytest.raises(FailedPrecondition):
        check(story.rita, version=draft)


def test_unknown_subjects_are_not_found(story: Story) -> None:
    for subject in ({"digest": "0" * 64}, {"file_sha256": "0" * 64}, {"version": f"{NAMESPACE}/models/no/versions/1"}):
        with pytest.raises(NotFound):
            check(story.rita, **subject)


def test_malformed_questions_name_the_field(story: Story) -> None:
    for field, subject in (("digest", {"digest": "abc"}), ("file_sha256", {"file_sha256": ""}), ("subject", {})):
        with pytest.raises(InvalidArgument) as caught:
            check(story.rita, **subject)
        assert [each.field for each in caught.value.violations] == [field]


def test_version_of_another_namespace_counts_but_is_not_shown(story: Story) -> None:
    """Whoever copies denied bytes into a namespace of their own gets no other answer there."""
    copied = story.build.model("copied", licenses=["mit"], content=BYTES, namespace="namespaces/elsewhere")
    digest = version_of(story, copied).digest
    stranger = story.client("reader", identity="sam", namespaces=("elsewhere",))
    assert check(stranger, digest=digest).allowed
    tainted = story.build.model("tainted", licenses=[], edges=[("finetune", story.names["xlam"])], content=BYTES)
    answer = check(stranger, digest=digest)
    assert not answer.allowed
    assert [each.version for each in answer.evaluations] == [copied]
    with pytest.raises(NotFound):
        check(stranger, digest=version_of(story, story.names["teacher"]).digest)
    with pytest.raises(PermissionDenied):
        check(stranger, version=tainted)


def test_stand_ins_are_not_deployed(story: Story) -> None:
    tiny = story.build.model("tiny", "base", licenses=["mit"], imported=True, stand_in=True)
    child = story.build.model("child", "full", licenses=["mit"], edges=[("finetune", tiny)])
    answer = check(story.rita, version=child)
    assert not answer.allowed
    assert list(answer.stand_ins) == [tiny]


def test_versions_without_files_are_not_found_by_digest(story: Story) -> None:
    empty = hashlib.sha256(b"[]").hexdigest()
    with pytest.raises(NotFound):
        check(story.rita, digest=empty)


def keys_of(client: Client) -> str:
    found = client.evidence.GetSigningKeys(evidence_pb2.GetSigningKeysRequest()).keys
    return "".join(key.public_key_pem for key in found)


@pytest.mark.parametrize("subject", ["version", "digest", "file_sha256"])
@pytest.mark.parametrize(("key", "allowed"), [("qwen3", True), ("teacher", False)])
def test_the_signed_answer_says_the_same(story: Story, subject: str, key: str, allowed: bool) -> None:
    version = version_of(story, story.names[key])
    value = {"version": version.name, "digest": version.digest, "file_sha256": version.files[0].sha256}[subject]
    answer = check(story.rita, outbound_license="openrail-m", **{subject: value})
    decision = verify_decision(json.dumps(envelope_json(answer.envelope)), keys_of(story.rita))
    assert decision.allowed is answer.allowed is allowed
    fields = decision.fields
    assert fields["subject"] == {"kind": subject, "value": value}
    assert (fields["context"], fields["outbound_license"]) == ("commercial", "openrail-m")
    assert [(one["version"], one["digest"]) for one in fields["verdicts"]] == [(version.name, version.digest)]
    assert decision.expire_time.timestamp() <= answer.expire_time.ToDatetime(tzinfo=UTC).timestamp()
    assert decision.issue_time < decision.expire_time


def test_the_signed_answer_names_no_hidden_version(story: Story) -> None:
    """Evaluations of other namespaces count, and are as absent from the envelope as from the answer."""
    build = story.build
    other = build.model("other", licenses=["cc-by-nc-4.0"], namespace="namespaces/lab", content=BYTES, weights=BYTES)
    build.model("own", licenses=["apache-2.0"], content=BYTES, weights=BYTES)
    limited = story.client("reader", identity="lou", namespaces=("default",))
    answer = check(limited, digest=version_of(story, other).digest)
    decision = verify_decision(json.dumps(envelope_json(answer.envelope)), keys_of(limited))
    assert not decision.allowed
    assert "namespaces/lab" not in json.dumps(dict(decision.fields))
