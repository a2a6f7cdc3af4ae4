"""The report as data, and what the method refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from spiritsafe.client import Client
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound
from spiritsafe.evidence import parse_envelope, verify_envelope
from spiritsafe.registry.v1 import evidence_pb2, licensing_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.evidence.conftest import COMMERCIAL_ONLY, SUBJECTS, Archive
from tests.registry.evidence.test_spdx import check


@pytest.mark.parametrize("key", SUBJECTS)
def test_all_facts_are_there(archive: Archive, key: str) -> None:
    data = archive.data(key, "json")
    assert data["schema"] == "spiritsafe.report/v1"
    assert "Not legal advice" in data["disclaimer"]
    assert data["items"][0]["name"] == data["subject"] == archive.names[key]
    assert len(data["evaluations"]) == 4
    named = {each for item in data["items"] for each in item["effective"]}
    assert named <= {one["id"] for one in data["licences"]}
    assert data["at"].endswith("Z")


def test_contexts_can_be_chosen(archive: Archive) -> None:
    data = archive.data("student", "json", contexts=COMMERCIAL_ONLY)
    assert [one["context"] for one in data["evaluations"]] == ["commercial"]


def test_confidence_travels_with_the_licence(archive: Archive) -> None:
    licences = {one["id"]: one["confidence"] for one in archive.data("teacher", "json")["licences"]}
    assert licences["salesforce-xlam-research"] == "secondary"


def test_a_promotion_is_in_the_history(archive: Archive) -> None:
    (promotion,) = archive.data("student", "json")["promotions"]
    assert (promotion["channel"], promotion["state"], promotion["actor"]) == (
        "commercial/production",
        "promoted",
        "rita",
    )


def test_any_document_can_be_had_signed(archive: Archive) -> None:
    keys = archive.client.evidence.GetSigningKeys(evidence_pb2.GetSigningKeysRequest()).keys
    answer = archive.fetch(archive.names["student"], "cyclonedx", signed=True)
    assert answer.file_name == "student-1.cdx.json.dsse.json"
    verified = verify_envelope(parse_envelope(answer.content), keys[0].public_key_pem)
    assert verified.payload_type.startswith("application/vnd.cyclonedx+json")
    assert verified.data["bomFormat"] == "CycloneDX"


def test_other_namespaces_give_what_a_lineage_gives(client: Callable[..., Client], story: Story) -> None:
    build = story.build
    hidden = build.model("hidden", "base", namespace="namespaces/lab", licenses=["cc-by-nc-4.0"], description="secret")
    own = build.model("own", licenses=[], edges=[("finetune", hidden)])
    conclusion = licensing_pb2.ConcludeLicensesRequest(
        name=hidden, licenses=licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"]), rationale="secret"
    )
    story.rob.licenses.ConcludeLicenses(conclusion)
    limited = client("reader", identity="lou", namespaces=("default",))
    answer = limited.evidence.GetReport(request(name=own, format=evidence_pb2.REPORT_FORMAT_JSON))
    assert b"secret" not in answer.content
    outline = json.loads(answer.content)["items"][1]
    assert (outline["name"], outline["effective"], outline["withheld"]) == (hidden, ["cc-by-nc-4.0"], True)
    assert (outline["files"], outline["creator"], outline["digest"]) == ([], "", "")
    spdx = limited.evidence.GetReport(request(name=own, format=evidence_pb2.REPORT_FORMAT_SPDX)).content
    check(spdx.decode())


def request(**fields: Any) -> evidence_pb2.GetReportRequest:
    given = {"name": f"{NAMESPACE}/models/m/versions/1", "format": evidence_pb2.REPORT_FORMAT_HTML}
    return evidence_pb2.GetReportRequest(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": evidence_pb2.REPORT_FORMAT_UNSPECIFIED}, "format"),
        ({"format": 99}, "format"),
        ({"contexts": [0]}, "contexts"),
        ({"name": "m@1"}, "name"),
    ],
)
def test_bad_requests_name_the_field(archive: Archive, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        archive.client.evidence.GetReport(request(**{"name": archive.names["student"], **fields}))
    assert refused.value.violations[0].field == field


def test_an_outbound_expression_is_refused(archive: Archive) -> None:
    with pytest.raises(InvalidArgument) as refused:
        archive.client.evidence.GetReport(request(name=archive.names["student"], outbound_license="mit OR isc"))
    assert refused.value.violations[0].field == "outbound_license"


def test_there_is_no_report_on_a_draft_or_nothing(client: Callable[..., Client], story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/models/student", "full")
    with pytest.raises(FailedPrecondition) as refused:
        story.rita.evidence.GetReport(request(name=draft))
    assert refused.value.reason == "VERSION_NOT_READY"
    with pytest.raises(NotFound):
        story.rita.evidence.GetReport(request())
