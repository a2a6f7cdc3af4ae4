"""An agreement waives one licensor's licence on the models that it names, in its contexts, between its dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from spiritsafe.client import Client
from spiritsafe.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import agreement_pb2, licensing_pb2
from tests.registry.builders import NAMESPACE, Story

XLAM = f"{NAMESPACE}/models/xlam-7b-fc-r"


def in_days(days: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return moment


def create(
    client: Client, agreement_id: str = "salesforce", parent: str = NAMESPACE, **fields: Any
) -> agreement_pb2.Agreement:
    complete = {
        "licensor": "Salesforce",
        "license": "cc-by-nc-4.0",
        "models": [XLAM],
        "contexts": [licensing_pb2.CONTEXT_COMMERCIAL],
        "start_time": in_days(-1),
        "end_time": in_days(30),
        "evidence_sha256": "cd" * 32,
        "reference": "contract 17",
    }
    agreement = agreement_pb2.Agreement(**(complete | fields))
    request = agreement_pb2.CreateAgreementRequest(parent=parent, agreement_id=agreement_id, agreement=agreement)
    return client.agreements.CreateAgreement(request).agreement


def test_waiver_turns_the_teacher_and_its_student_deployable(story: Story) -> None:
    made = create(story.rob)
    teacher = story.evaluate(story.names["teacher"])
    assert [each.code for each in teacher.reasons] == []
    assert "CONTRACT_TERMS:commercial-agreement" in {each.code for each in teacher.obligations}
    assert teacher.valid_until == made.end_time
    assert story.verdict(story.names["student"], outbound="openrail-m") == "allowed_with_obligations"
    # What it does not name stays: another context, and the other licensor's restrictions.
    assert story.verdict(story.names["teacher"], "internal") == "needs_review"
    assert story.verdict(story.names["student"], outbound="apache-2.0") == "denied"


def test_waiver_of_another_model_or_licence_changes_nothing(story: Story) -> None:
    create(story.rob, "other-model", models=[f"{NAMESPACE}/models/qwen3-8b"])
    create(story.rob, "other-licence", license="qwen-research")
    evaluation = story.evaluate(story.names["teacher"])
    assert [each.code for each in evaluation.reasons] == ["NC_LIMITATION"]
    assert not evaluation.HasField("valid_until")


def test_agreement_counts_from_its_start_until_its_end(story: Story) -> None:
    future = create(story.rob, "future", start_time=in_days(1))
    create(story.rob, "past", start_time=in_days(-9), end_time=in_days(-1))
    evaluation = story.evaluate(story.names["teacher"])
    assert [each.code for each in evaluation.reasons] == ["NC_LIMITATION"]
    assert evaluation.valid_until == future.start_time


def test_revoked_agreement_ends_at_once(story: Story) -> None:
    made = create(story.rob)
    request = agreement_pb2.RevokeAgreementRequest(name=made.name, etag=made.etag)
    assert story.rob.agreements.RevokeAgreement(request).agreement.HasField("revoke_time")
    assert story.verdict(story.names["teacher"]) == "denied"
    with pytest.raises(Aborted):
        story.rob.agreements.RevokeAgreement(request)
    with pytest.raises(FailedPrecondition) as caught:
        story.rob.agreements.RevokeAgreement(agreement_pb2.RevokeAgreementRequest(name=made.name))
    assert caught.value.reason == "AGREEMENT_REVOKED"


def test_what_was_recorded_is_read_back(story: Story) -> None:
    first, second = create(story.rob, "first"), create(story.rob, "second")
    assert (first.licensor, first.license, list(first.models)) == ("Salesforce", "cc-by-nc-4.0", [XLAM])
    assert (first.creator, first.reference, first.evidence_sha256) == ("rob", "contract 17", "cd" * 32)
    request = agreement_pb2.GetAgreementRequest(name=first.name)
    assert story.ada.agreements.GetAgreement(request).agreement == first
    listed = story.ada.agreements.ListAgreements(agreement_pb2.ListAgreementsRequest(parent=NAMESPACE)).agreements
    assert list(listed) == [second, first]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"end_time": in_days(-2)}, "INVALID_FIELD", "agreement.end_time"),
        ({"start_time": None}, "REQUIRED_FIELD", "agreement.start_time"),
        ({"license": "beer-ware"}, "UNKNOWN_LICENSE_ID", "agreement.license"),
        ({"license": "unknown"}, "UNKNOWN_LICENSE_ID", "agreement.license"),
        ({"models": []}, "REQUIRED_FIELD", "agreement.models"),
        ({"contexts": []}, "REQUIRED_FIELD", "agreement.contexts"),
        ({"licensor": ""}, "REQUIRED_FIELD", "agreement.licensor"),
        ({"evidence_sha256": "abc"}, "INVALID_DIGEST", "agreement.evidence_sha256"),
        ({"agreement_id": "Not An Id"}, "INVALID_ID", "agreement_id"),
    ],
)
def test_malformed_agreements_name_the_field(
    shared_story: Story, fields: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(shared_story.rob, **fields)
    assert caught.value.reason == reason
    assert [each.field for each in caught.value.violations] == [field]


def test_unknown_model_and_taken_id_are_refused(story: Story) -> None:
    with pytest.raises(NotFound, match="nothing"):
        create(story.rob, models=[f"{NAMESPACE}/models/nothing"])
    create(story.rob)
    with pytest.raises(AlreadyExists):
        create(story.rob)


def test_namespace_bounds_what_an_agreement_can_waive(shared_story: Story) -> None:
    elsewhere = shared_story.client("reviewer", identity="eve", namespaces=("elsewhere",))
    with pytest.raises(PermissionDenied):
        create(elsewhere, parent="namespaces/elsewhere")
    assert shared_story.verdict(shared_story.names["teacher"]) == "denied"
