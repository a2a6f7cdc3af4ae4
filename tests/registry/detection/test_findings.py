"""Findings over a real server: made at finalize, alerts for all descendants, concluded by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import col, select

from registry.context import Registry
from registry.storage.tables import AuditEvent, Finding, Version
from spiritsafe.client import Client
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import finding_pb2, licensing_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story
from tests.registry.detection.files import APACHE, identity_of

CONTEXTS = ("research", "education", "internal", "commercial")
CONFLICT, SUSPECTED, MISSING = "LICENSE_CONFLICT", "UNDECLARED_PARENT_SUSPECTED", "LICENSE_TEXT_MISSING"
OPEN, CONCLUDED = finding_pb2.FINDING_STATE_OPEN, finding_pb2.FINDING_STATE_CONCLUDED


def findings(client: Client, version: str = "", **fields: Any) -> list[finding_pb2.Finding]:
    condition = f'version = "{version}"' if version else ""
    request = finding_pb2.ListFindingsRequest(parent=NAMESPACE, **({"filter": condition} | fields))
    return list(client.findings.ListFindings(request).findings)


def alerts(client: Client, version: str) -> list[finding_pb2.Finding]:
    return [one for one in findings(client, version) if one.alert and one.state == OPEN]


def conclude(client: Client, name: str, **fields: Any) -> finding_pb2.Finding:
    complete = {"rationale": "looked at both files"} | fields
    return client.findings.ConcludeFinding(finding_pb2.ConcludeFindingRequest(name=name, **complete)).finding


def rescan(client: Client, version: str, **fields: Any) -> finding_pb2.RescanVersionResponse:
    return client.findings.RescanVersion(finding_pb2.RescanVersionRequest(version=version, **fields))


def alert_codes(story: Story, name: str, context: str) -> set[str]:
    return {each.code for each in story.evaluate(name, context).reasons} & {CONFLICT, SUSPECTED}


def version_of(story: Story, name: str) -> version_pb2.Version:
    return story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version


def last_event(registry: Registry) -> AuditEvent:
    with registry.database.read() as session:
        event = session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence).desc())).first()
    assert event is not None
    return event


@pytest.fixture
def conflicting(story: Story) -> str:
    """Declared MIT, with the text of Apache-2.0."""
    return story.build.model("conflicting", "base", licenses=["mit"], imported=True, files={"LICENSE": APACHE})


def test_a_conflict_reaches_every_descendant_until_it_is_concluded(story: Story, conflicting: str) -> None:
    tuned = story.build.model("tuned", licenses=[], edges=[("finetune", conflicting)])
    merged = story.build.model("merged", licenses=[], edges=[("merge", tuned)])
    assert list(version_of(story, conflicting).detected_licenses.ids) == ["apache-2.0"]
    for name in (conflicting, tuned, merged):
        for context in CONTEXTS:
            assert alert_codes(story, name, context) == {CONFLICT}
            assert story.verdict(name, context) == "needs_review"
    (alert,) = alerts(story.rob, conflicting)
    assert (alert.code, alert.file, alert.version) == (CONFLICT, "LICENSE", conflicting)
    done = conclude(story.rob, alert.name)
    assert (done.state, done.reviewer, done.rationale) == (CONCLUDED, "rob", "looked at both files")
    assert done.HasField("conclude_time")
    for name in (conflicting, tuned, merged):
        assert story.verdict(name, "research") == "allowed"
    # Both licences still count: concluding a finding decides no licence.
    duties = {one.code for one in story.evaluate(conflicting, "commercial").obligations}
    assert {"LICENSE_COPY:apache-2.0", "LICENSE_COPY:mit"} <= duties


def test_concluding_the_licences_answers_the_conflict(story: Story, conflicting: str, registry: Registry) -> None:
    (alert,) = alerts(story.rob, conflicting)
    request = licensing_pb2.ConcludeLicensesRequest(
        name=conflicting, licenses=licensing_pb2.LicenseSet(ids=["apache-2.0"]), rationale="the text decides"
    )
    story.rob.licenses.ConcludeLicenses(request)
    event = last_event(registry)
    assert (event.type, event.details["findings"]) == ("version.licenses_concluded", [alert.name])
    (now,) = [one for one in findings(story.rob, conflicting) if one.code == CONFLICT]
    assert (now.state, now.reviewer, now.rationale) == (CONCLUDED, "rob", "the text decides")
    assert story.verdict(conflicting, "research") == "allowed"
    # A conclusion that the files agree with gives no new finding, and the old one stays concluded.
    assert [one.state for one in rescan(story.rob, conflicting).findings if one.alert] == [CONCLUDED]


def test_an_undeclared_family_is_suspected(story: Story) -> None:
    """Real tokenizer and configuration of a Llama 3 checkpoint, under the lineage of Qwen 3."""
    own = story.build.model("own", licenses=["apache-2.0"], files=without_config("llama3"), edges=over_qwen(story))
    (alert,) = alerts(story.rob, own)
    assert alert.code == SUSPECTED
    (seen,) = alert.detail["seen"]
    assert list(seen["families"]) == ["llama3", "llama3.1", "llama3.2", "llama3.3"]
    assert "<|eot_id|>" in list(seen["marks"])
    student = story.build.model("student-of-own", licenses=[], edges=[("finetune", own)])
    assert alert_codes(story, student, "research") == {SUSPECTED}
    conclude(story.rob, alert.name)
    assert alert_codes(story, student, "research") == set()


def without_config(family: str) -> dict[str, bytes]:
    """The builder writes a config.json of its own."""
    return {path: content for path, content in identity_of(family).items() if path != "config.json"}


def over_qwen(story: Story) -> list[tuple[str, str]]:
    return [("finetune", story.names["qwen3"])]


def test_a_family_in_the_lineage_or_of_the_tokenizer_is_none_to_suspect(story: Story) -> None:
    llama = story.build.model(
        "llama", "base", licenses=["llama3.2"], imported=True, base_family="llama3.2", files=without_config("llama3")
    )
    tuned = story.build.model("tuned", licenses=[], edges=[("finetune", llama)], files=without_config("llama3"))
    borrowed = [*over_qwen(story), ("tokenizer_of", llama)]
    other = story.build.model("other", licenses=[], edges=borrowed, files=without_config("llama3"))
    catalogued = story.build.model(
        "catalogued",
        "base",
        licenses=["llama3.2"],
        imported=True,
        source=version_pb2.Source(hub_repo="meta-llama/Llama-3.2-1B-Instruct"),
        files=without_config("llama3"),
    )
    stand_in = story.build.model("stand-in", licenses=[], stand_in=True, files=without_config("llama3"))
    assert [alerts(story.rob, name) for name in (llama, tuned, other, catalogued, stand_in)] == [[]] * 5


def test_a_card_names_parents(story: Story) -> None:
    card = b"---\nlicense: apache-2.0\nbase_model: [qwen3-8b, Salesforce/xLAM-1b-fc-r]\n---\n"
    name = story.build.model("carded", licenses=["apache-2.0"], edges=over_qwen(story), files={"README.md": card})
    named = {one.code: one for one in findings(story.rob, name)}
    assert set(named) == {"DECLARED_PARENT_UNKNOWN", SUSPECTED, MISSING}
    assert named["DECLARED_PARENT_UNKNOWN"].detail["parent"] == "Salesforce/xLAM-1b-fc-r"
    assert named[SUSPECTED].detail["family"] == "deepseek-coder"


def test_what_is_no_alert_changes_no_verdict(story: Story) -> None:
    files = {"README.md": b"---\nlicense: other\nlicense_name: mine\n---\n", "broken.gguf": b"GGUF"}
    name = story.build.model("plain", licenses=["mit"], files=files)
    found = {one.code: one.alert for one in findings(story.rob, name)}
    assert found == {MISSING: False, "LICENSE_UNIDENTIFIED": False, "FILE_MALFORMED": False}
    assert story.verdict(name, "research") == "allowed"


def test_finalize_is_one_event_that_tells_what_was_found(story: Story, registry: Registry, conflicting: str) -> None:
    event = last_event(registry)
    assert (event.type, event.resource) == ("version.finalized", conflicting)
    assert event.details["detected"] == ["apache-2.0"]
    assert event.details["findings"] == [CONFLICT, MISSING]


def test_rescan_finds_again_what_is_kept_and_no_more(story: Story, registry: Registry, conflicting: str) -> None:
    before = version_of(story, conflicting)
    tried = rescan(story.ada, conflicting, validate_only=True)
    assert last_event(registry).type == "version.finalized"
    response = rescan(story.ada, conflicting)
    assert list(response.findings) == list(tried.findings)
    assert [one.code for one in response.findings] == [CONFLICT, MISSING]
    assert list(response.detected_licenses.ids) == ["apache-2.0"]
    assert version_of(story, conflicting) == before
    event = last_event(registry)
    assert (event.type, event.details["findings"], event.details["epoch"]) == ("version.rescanned", [], 2)


def test_rescan_adds_what_was_not_known_before(story: Story, registry: Registry, conflicting: str) -> None:
    """As when the detector has learned to read a text: the finding that asked for it is answered by the scan."""
    with registry.database.write() as session:
        version = session.exec(select(Version).order_by(col(Version.id).desc())).first()
        assert version is not None
        version.detected = None
        conflict, missing = session.exec(select(Finding).where(Finding.version_id == version.id)).all()
        conflict.code, conflict.subject = "LICENSE_UNIDENTIFIED", "text"
        missing.detail = {}
        session.add_all([version, conflict, missing])
    assert alerts(story.rob, conflicting) == []
    request_id = "0b7f0c1e-8f5d-4a53-9c87-0d8f3d0c2a11"
    response = rescan(story.rob, conflicting, request_id=request_id)
    assert rescan(story.rob, conflicting, request_id=request_id) == response
    states = {one.code: one.state for one in response.findings}
    superseded = finding_pb2.FINDING_STATE_SUPERSEDED
    assert states == {"LICENSE_UNIDENTIFIED": superseded, MISSING: OPEN, CONFLICT: OPEN}
    assert [one.detail["clause"] != "" for one in response.findings if one.code == MISSING] == [True]
    assert list(version_of(story, conflicting).detected_licenses.ids) == ["apache-2.0"]
    assert alert_codes(story, conflicting, "research") == {CONFLICT}


def test_an_alert_stays_although_a_later_scan_does_not_raise_it(story: Story, registry: Registry) -> None:
    name = story.build.model("m", licenses=[])
    with registry.database.write() as session:
        version = session.exec(select(Version).order_by(col(Version.id).desc())).first()
        assert version is not None
        assert version.id is not None
        alert = Finding(
            uid="1", namespace="default", version_id=version.id, code=SUSPECTED, file="f", subject="s", create_time=1
        )
        session.add(alert)
    assert [one.state for one in rescan(story.ada, name).findings] == [OPEN]


def test_four_eyes(story: Story, conflicting: str) -> None:
    (alert,) = alerts(story.ada, conflicting)
    with pytest.raises(PermissionDenied) as caught:
        conclude(story.ada, alert.name)
    assert caught.value.reason == "FOUR_EYES"
    assert alerts(story.ada, conflicting) == [alert]


def test_bad_requests_name_what_is_wrong(story: Story, client: Callable[..., Client], conflicting: str) -> None:
    (alert,) = alerts(story.rob, conflicting)
    with pytest.raises(InvalidArgument, match="rationale"):
        conclude(story.rob, alert.name, rationale=" ")
    with pytest.raises(InvalidArgument, match="FINDING"):
        conclude(story.rob, "findings/7")
    with pytest.raises(NotFound):
        conclude(story.rob, f"{NAMESPACE}/findings/7")
    with pytest.raises(Aborted):
        conclude(story.rob, alert.name, etag='"9"')
    with pytest.raises(FailedPrecondition, match="finalize"):
        rescan(story.rob, story.build.draft(f"{NAMESPACE}/models/conflicting", "full"))
    conclude(story.rob, alert.name)
    with pytest.raises(FailedPrecondition, match="is concluded"):
        conclude(story.rob, alert.name)
    stranger = client("reviewer", identity="sam", namespaces=("elsewhere",))
    for refused in (
        lambda: conclude(stranger, alert.name),
        lambda: rescan(stranger, conflicting),
        lambda: findings(stranger),
        lambda: stranger.findings.GetFinding(finding_pb2.GetFindingRequest(name=alert.name)),
    ):
        with pytest.raises(PermissionDenied):
            refused()


def test_lists_are_filtered_and_paged(story: Story, conflicting: str) -> None:
    everything = findings(story.rob)
    assert len(everything) > 3
    assert [one.name for one in findings(story.rob, filter=f'code = "{CONFLICT}" AND state = "open"')] == [
        one.name for one in everything if one.code == CONFLICT
    ]
    assert findings(story.rob, filter='state = "concluded"') == []
    others = findings(story.rob, filter=f'version != "{conflicting}"')
    assert {one.version for one in others} == {one.version for one in everything} - {conflicting}
    first = story.rob.findings.ListFindings(finding_pb2.ListFindingsRequest(parent=NAMESPACE, page_size=2))
    rest = findings(story.rob, page_size=1000, page_token=first.next_page_token)
    assert [*first.findings, *rest] == everything


def test_findings_go_with_their_version(story: Story, conflicting: str) -> None:
    story.ada.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=conflicting))
    assert [one for one in findings(story.rob) if one.version == conflicting] == []
