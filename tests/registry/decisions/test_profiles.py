"""Revisions of licence profiles: in force at once, recorded, and refused where they are malformed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from registry.context import Registry
from registry.storage.tables import AuditEvent
from spiritsafe.errors import Aborted, InvalidArgument, PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2
from tests.registry.builders import Story
from tests.registry.decisions.test_agreements import create as agree
from tests.registry.decisions.test_conclusions import conclude
from tests.registry.reevaluation.documents import profile_document, struct


def revise(story: Story, document: dict[str, Any], reason: str = "read again", **fields: Any) -> licensing_pb2.License:
    request = licensing_pb2.ReviseLicenseRequest(document=struct(document), reason=reason, **fields)
    return story.client("admin", identity="di").licenses.ReviseLicense(request).license


def get(story: Story, license_id: str) -> licensing_pb2.License:
    return story.ada.licenses.GetLicense(licensing_pb2.GetLicenseRequest(name=f"licenses/{license_id}")).license


def test_every_verdict_follows_a_revision_at_once(story: Story) -> None:
    assert story.verdict(story.names["teacher"]) == "denied"
    shipped = get(story, "cc-by-nc-4.0")
    assert (shipped.revision, shipped.revision_reason, shipped.HasField("revision_time")) == (0, "", False)
    made = revise(story, profile_document("apache-2.0", id="cc-by-nc-4.0", confidence="secondary"))
    assert (made.revision, made.revision_reason, made.revision_creator) == (1, "read again", "di")
    assert get(story, "cc-by-nc-4.0") == made
    assert story.verdict(story.names["teacher"]) == "allowed_with_obligations"
    assert story.verdict(story.names["student"], outbound="openrail-m") == "allowed_with_obligations"
    back = revise(story, profile_document("cc-by-nc-4.0", confidence="secondary"), "a mistake")
    assert (back.revision, back.revision_reason) == (2, "a mistake")
    (reason,) = story.evaluate(story.names["teacher"]).reasons
    assert (reason.code, reason.confidence) == ("NC_LIMITATION", "secondary")


def test_a_licence_without_a_profile_gets_one(story: Story) -> None:
    found = story.build.model("housed", "base", licenses=["house"], imported=True)
    assert story.verdict(found) == "needs_review"
    revise(story, profile_document("mit", id="house"))
    assert story.verdict(found) == "allowed_with_obligations"
    request = licensing_pb2.ListLicensesRequest(page_size=1000)
    listed = {each.id: each for each in story.ada.licenses.ListLicenses(request).licenses}
    assert listed["house"] == get(story, "house")
    assert listed["mit"].revision == 0
    # From now on it can be concluded, waived, and named as outbound licence.
    conclude(story.rob, found, "house")
    agree(story.rob, license="house")
    promotion = story.promote(story.names["deepseek"], "research", "house")
    assert {check.check: check.passed for check in promotion.checks}["outbound_license"]


def test_what_ifs_apply_revised_profiles(story: Story) -> None:
    revise(story, profile_document("cc-by-nc-4.0", id="house"))
    node = {"id": "m", "kind": "model", "licenses": ["house"]}
    request = licensing_pb2.EvaluateScenarioRequest(scenario=struct({"nodes": [node], "subject": "m"}))
    result = story.ada.licenses.EvaluateScenario(request).result
    reasons = result["cases"][0]["contexts"]["commercial"]["reasons"]  # type: ignore[index] # a Struct
    assert [each["code"] for each in reasons] == ["NC_LIMITATION"]  # type: ignore[index, union-attr] # likewise


def test_one_audit_event_holds_the_document_and_why(story: Story, registry: Registry) -> None:
    document = profile_document("mit", id="house")
    revise(story, document)
    with registry.database.read() as session:
        (event,) = session.exec(select(AuditEvent).where(AuditEvent.type == "license.revised")).all()
    assert (event.actor, event.resource) == ("di", "licenses/house")
    assert event.details == {
        "revision": 1,
        "shipped": False,
        "document": document,
        "reason": "read again",
        "epoch": 2,
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"id": "house"}, "lacks the field"),
        (profile_document("mit", limitations=[{"code": "NO_FUN"}]), r"limitations\[0\].code is 'NO_FUN'"),
        (profile_document("mit", reach={"cuddling": {"status": "none"}}), "reach is 'cuddling'"),
        (profile_document("mit", reach={"weights": {"status": "binding", "carries": ["FUN"]}}), "weights.carries"),
        (profile_document("mit", licence="x"), "unknown field 'licence'"),
        (profile_document("llama3", limitations=[{"code": "MAU_CAP", "threshold": 0.5}]), "threshold"),
    ],
)
def test_a_malformed_profile_is_refused_with_the_field(
    shared_story: Story, document: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said) as caught:
        revise(shared_story, document)
    assert caught.value.reason == "INVALID_PROFILE"
    assert [each.field for each in caught.value.violations] == ["document"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "unknown"}, "document.id"),
        ({"id": "commercial-agreement"}, "document.id"),
        ({"id": "Mit!"}, "document.id"),
    ],
)
def test_some_ids_are_no_ones_to_revise(shared_story: Story, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        revise(shared_story, profile_document("mit", **fields))
    assert [each.field for each in caught.value.violations] == [field]


def test_a_revision_needs_a_reason_and_the_profile_that_was_read(story: Story) -> None:
    with pytest.raises(InvalidArgument) as caught:
        revise(story, profile_document("mit"), "")
    assert [each.field for each in caught.value.violations] == ["reason"]
    read = get(story, "mit").etag
    revise(story, profile_document("mit"), etag=read)
    with pytest.raises(Aborted):
        revise(story, profile_document("mit"), etag=read)


def test_who_decides_reviews_does_not_write_profiles(shared_story: Story) -> None:
    request = licensing_pb2.ReviseLicenseRequest(document=struct(profile_document("mit")), reason="mine")
    with pytest.raises(PermissionDenied):
        shared_story.rob.licenses.ReviseLicense(request)
