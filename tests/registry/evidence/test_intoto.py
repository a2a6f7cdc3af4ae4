"""The signed statement about lineage and licences."""

from __future__ import annotations

from typing import Any

import pytest

from registry.evidence.facts import FileFact
from registry.evidence.identifiers import root_digest
from spiritsafe.errors import FailedPrecondition
from spiritsafe.evidence import STATEMENT_TYPE, parse_envelope, verify_envelope
from spiritsafe.registry.v1 import evidence_pb2, version_pb2
from tests.registry.builders import Story
from tests.registry.evidence.conftest import COMMERCIAL, SUBJECTS, Archive
from tests.registry.evidence.schemas import CYCLONEDX


def statement(archive: Archive, key: str, **fields: Any) -> Any:
    keys = archive.client.evidence.GetSigningKeys(evidence_pb2.GetSigningKeysRequest()).keys
    envelope = parse_envelope(archive.text(key, "in_toto", **fields))
    verified = verify_envelope(envelope, "".join(one.public_key_pem for one in keys))
    assert verified.payload_type == STATEMENT_TYPE
    return verified.data


@pytest.mark.parametrize("key", SUBJECTS)
def test_it_is_a_statement_about_the_bytes(archive: Archive, key: str) -> None:
    data = statement(archive, key)
    assert set(data) == {"_type", "subject", "predicateType", "predicate"}
    assert data["_type"] == "https://in-toto.io/Statement/v1"
    version = archive.client.versions.GetVersion(version_pb2.GetVersionRequest(name=archive.names[key])).version
    files = [FileFact(one.path, one.size_bytes, one.sha256) for one in version.files]
    assert [one["digest"] for one in data["subject"]] == [{"sha256": root_digest(files)}]
    assert data["predicate"]["manifestSha256"] == version.digest
    assert data["predicateType"].startswith("urn:uuid:")


def test_it_carries_lineage_verdicts_and_who_decided(archive: Archive) -> None:
    predicate = statement(archive, "student", **COMMERCIAL)["predicate"]
    types = {one["type"] for one in predicate["edges"]}
    assert types == {"merge", "adapter", "finetune", "trained_on", "generated_by"}
    verdicts = {one["context"]: one["verdict"] for one in predicate["verdicts"]}
    assert verdicts["commercial"] == "allowed_with_obligations"
    (review,) = predicate["reviews"]
    assert review["reviewer"] == "rob"
    assert review["decideTime"].endswith("Z")
    (traces,) = (one for one in predicate["lineage"] if one["version"] == archive.names["traces"])
    assert traces["licences"] == {"declared": [], "detected": None, "concluded": None}


def test_without_files_there_is_nothing_to_state(story: Story) -> None:
    version = version_pb2.Version(kind=version_pb2.VERSION_KIND_BASE, imported=True)
    parent = "namespaces/default/models/teacher"
    request = version_pb2.CreateVersionRequest(parent=parent, version=version)
    name = story.ada.versions.CreateVersion(request).version.name
    story.ada.versions.FinalizeVersion(version_pb2.FinalizeVersionRequest(name=name))
    asked = evidence_pb2.GetReportRequest(name=name, format=evidence_pb2.REPORT_FORMAT_IN_TOTO)
    with pytest.raises(FailedPrecondition) as refused:
        story.rita.evidence.GetReport(asked)
    assert refused.value.reason == "NO_FILES"
    asked.format = evidence_pb2.REPORT_FORMAT_CYCLONEDX
    assert CYCLONEDX.validate_str(story.rita.evidence.GetReport(asked).content.decode()) is None
