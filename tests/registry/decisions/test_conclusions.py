"""What a person concludes counts instead of what was declared, for the version and all that came from it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story


def conclude(client: Client, name: str, *ids: str, **fields: Any) -> licensing_pb2.ConcludeLicensesResponse:
    complete = {"licenses": licensing_pb2.LicenseSet(ids=ids), "rationale": "read in the LICENSE file"}
    request = licensing_pb2.ConcludeLicensesRequest(name=name, **(complete | fields))
    return client.licenses.ConcludeLicenses(request)


def test_conclusion_re_gates_every_descendant(story: Story) -> None:
    assert story.verdict(story.names["teacher"]) == "denied"
    response = conclude(story.rob, story.names["xlam"], "apache-2.0")
    assert list(response.licenses.ids) == ["apache-2.0"]
    assert story.verdict(story.names["teacher"]) == "allowed_with_obligations"
    assert story.verdict(story.names["student"], outbound="openrail-m") == "allowed_with_obligations"


def test_conclusion_is_kept_beside_what_was_declared(story: Story) -> None:
    response = conclude(story.rob, story.names["xlam"], "cc-by-nc-4.0", "salesforce-xlam-research")
    version = story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=story.names["xlam"])).version
    assert list(version.declared_licenses.ids) == ["cc-by-nc-4.0"]
    assert list(version.concluded_licenses.ids) == ["cc-by-nc-4.0", "salesforce-xlam-research"]
    assert version.etag == response.etag


def test_conclusion_cures_an_unknown_licence(story: Story) -> None:
    found = story.build.model("mystery", "base", imported=True)
    assert story.verdict(found) == "needs_review"
    conclude(story.rob, found, "mit")
    assert story.verdict(found) == "allowed_with_obligations"


def test_one_audit_event_holds_before_after_and_why(story: Story, registry: Registry) -> None:
    rob = story.rob
    with registry.database.read() as session:
        before = len(session.exec(select(AuditEvent)).all())
    conclude(rob, story.names["xlam"], "apache-2.0")
    with registry.database.read() as session:
        of_people = select(AuditEvent).where(AuditEvent.actor != "system")
        (event,) = session.exec(of_people.where(col(AuditEvent.sequence) > before))
    assert (event.type, event.actor) == ("version.licenses_concluded", "rob")
    assert event.details == {
        "before": None,
        "concluded": ["apache-2.0"],
        "rationale": "read in the LICENSE file",
        "epoch": 2,
    }


def test_nobody_concludes_what_they_registered(shared_story: Story) -> None:
    with pytest.raises(PermissionDenied) as caught:
        conclude(shared_story.ada, shared_story.names["xlam"], "apache-2.0")
    assert caught.value.reason == "FOUR_EYES"
    assert caught.value.metadata["creator"] == "ada"
    assert shared_story.verdict(shared_story.names["teacher"]) == "denied"


@pytest.mark.parametrize("license_id", ["beer-ware", "unknown", "commercial-agreement", ""])
def test_concluding_to_no_known_licence_is_pointless(shared_story: Story, license_id: str) -> None:
    with pytest.raises(InvalidArgument, match="ListLicenses") as caught:
        conclude(shared_story.rob, shared_story.names["xlam"], license_id)
    assert caught.value.reason == "UNKNOWN_LICENSE_ID"


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"rationale": "  "}, "REQUIRED_FIELD", "rationale"),
        ({"licenses": None}, "REQUIRED_FIELD", "licenses"),
        ({"licenses": licensing_pb2.LicenseSet()}, "EMPTY_CONCLUSION", "licenses"),
    ],
)
def test_incomplete_conclusions_name_the_field(
    shared_story: Story, fields: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        conclude(shared_story.rob, shared_story.names["xlam"], "mit", **fields)
    assert caught.value.reason == reason
    assert [each.field for each in caught.value.violations] == [field]


def test_draft_and_stale_etag_are_refused(shared_story: Story) -> None:
    with pytest.raises(FailedPrecondition, match="finalize"):
        conclude(shared_story.rob, shared_story.build.draft(f"{NAMESPACE}/models/student", "full"), "mit")
    with pytest.raises(Aborted):
        conclude(shared_story.rob, shared_story.names["xlam"], "mit", etag='"99"')
