"""Verdicts of the demo's lineage as the specification states them, and how long an answer may be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.context import Registry
from registry.decisions.evaluation import bump_epoch, current_epoch
from registry.decisions.facts import effective_licenses
from registry.storage.tables import Version
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story, verdict_text

ROOT = Path(__file__).parents[3]
DUTIES, REVIEW, DENIED = "allowed_with_obligations", "needs_review", "denied"
TO_XLAM = ["trained_on", "traces", "generated_by", "teacher", "adapter", "xlam"]


def reasons_of(evaluation: licensing_pb2.Evaluation) -> list[tuple[str, str, str]]:
    return [(each.code, each.status, each.origin) for each in evaluation.reasons]


def path_to(story: Story, *steps: str) -> list[str]:
    """Keys of the story's names become names; edge types stay."""
    return [story.names.get(step, step) for step in steps]


@pytest.mark.parametrize(
    ("key", "outbound", "research", "education", "internal", "commercial"),
    [
        ("deepseek", "", DUTIES, DUTIES, DUTIES, DUTIES),
        ("qwen3", "", "allowed", "allowed", "allowed", DUTIES),
        ("xlam", "", DUTIES, DUTIES, REVIEW, DENIED),
        ("teacher", "", DUTIES, DUTIES, REVIEW, DENIED),
        ("traces", "", DUTIES, DUTIES, REVIEW, REVIEW),
        ("student_adapter", "apache-2.0", DUTIES, DUTIES, REVIEW, DENIED),
        ("student", "", DUTIES, DUTIES, REVIEW, DENIED),
        ("student", "apache-2.0", DUTIES, DUTIES, REVIEW, DENIED),
        ("student", "openrail-m", DUTIES, DUTIES, REVIEW, REVIEW),
        ("student", "our-own-licence", DUTIES, DUTIES, REVIEW, REVIEW),
    ],
)
def test_verdicts_of_the_story(
    shared_story: Story, key: str, outbound: str, research: str, education: str, internal: str, commercial: str
) -> None:
    request = licensing_pb2.EvaluateVersionRequest(name=shared_story.names[key], outbound_license=outbound)
    evaluations = shared_story.ada.licenses.EvaluateVersion(request).evaluations
    assert [verdict_text(each) for each in evaluations] == [research, education, internal, commercial]


def test_teacher_is_denied_with_its_licence_clause_and_path(shared_story: Story) -> None:
    (reason,) = shared_story.evaluate(shared_story.names["teacher"]).reasons
    assert (reason.code, reason.status, reason.liftable) == ("NC_LIMITATION", "denial", False)
    assert list(reason.licenses) == ["cc-by-nc-4.0"]
    assert list(reason.path) == path_to(shared_story, "teacher", "adapter", "xlam")
    assert reason.origin == shared_story.names["xlam"]
    assert "NonCommercial" in reason.clause
    assert reason.confidence == "verified"
    assert "agreement" in reason.remedy
    assert "teacher@1 > xlam-7b-fc-r@1" in reason.sentence


def test_student_as_apache_is_denied_because_use_restrictions_flow_down(shared_story: Story) -> None:
    evaluation = shared_story.evaluate(shared_story.names["student"], outbound="apache-2.0")
    assert reasons_of(evaluation) == [
        ("OUTBOUND_LICENSE_INCOMPATIBLE", "denial", shared_story.names["deepseek"]),
        ("NC_OUTPUT_REACH_CONTESTED", "open", shared_story.names["xlam"]),
    ]
    denial, contested = evaluation.reasons
    assert list(denial.path) == path_to(shared_story, "student", *TO_XLAM, "finetune", "deepseek")
    assert list(contested.path) == path_to(shared_story, "student", *TO_XLAM)
    assert [denial.liftable, contested.liftable] == [False, True]


def test_student_under_a_licence_that_carries_the_restrictions_waits_for_one_review(shared_story: Story) -> None:
    evaluation = shared_story.evaluate(shared_story.names["student"], outbound="openrail-m")
    assert reasons_of(evaluation) == [("NC_OUTPUT_REACH_CONTESTED", "open", shared_story.names["xlam"])]
    assert evaluation.outbound_license == "openrail-m"
    assert {each.code for each in evaluation.obligations} >= {
        "USE_RESTRICTIONS:deepseek-model-1.0",
        "USE_RESTRICTION_FLOWDOWN:deepseek-model-1.0",
    }


def test_distribution_makes_research_under_an_open_licence_a_question(shared_story: Story) -> None:
    request = licensing_pb2.EvaluateVersionRequest(
        name=shared_story.names["student"], contexts=[licensing_pb2.CONTEXT_RESEARCH], distributed=True
    )
    (evaluation,) = shared_story.ada.licenses.EvaluateVersion(request).evaluations
    assert [each.code for each in evaluation.reasons] == ["OUTBOUND_LICENSE_INCOMPATIBLE", "NC_OUTPUT_REACH_CONTESTED"]


def test_public_name_decides_a_naming_duty(shared_story: Story) -> None:
    build = shared_story.build
    llama = build.model("llama", "base", licenses=["llama3.1"], imported=True, base_family="llama3.1")
    tuned = build.model("helper", licenses=[], edges=[("finetune", llama)])

    def reasons(public_name: str) -> list[str]:
        request = licensing_pb2.EvaluateVersionRequest(
            name=tuned, contexts=[licensing_pb2.CONTEXT_COMMERCIAL], outbound_license="other", public_name=public_name
        )
        return [each.code for each in shared_story.ada.licenses.EvaluateVersion(request).evaluations[0].reasons]

    assert reasons("") == ["NAME_PREFIX_MISSING"]
    assert reasons("acme/Llama-helper") == []
    assert shared_story.verdict(llama) == DUTIES  # a licensor's own release needs no prefix


def test_imported_work_with_no_known_licence_is_unknown_and_blocks(shared_story: Story) -> None:
    found = shared_story.build.model("mystery", "base", imported=True)
    for context in ("research", "education", "internal", "commercial"):
        evaluation = shared_story.evaluate(found, context)
        assert [(each.code, each.liftable) for each in evaluation.reasons] == [("UNKNOWN_LICENSE", False)]


def test_licence_id_without_a_profile_counts_as_unknown(shared_story: Story) -> None:
    found = shared_story.build.model("homebrew", "base", licenses=["beer-ware"], imported=True)
    (reason,) = shared_story.evaluate(found).reasons
    assert (reason.code, list(reason.licenses)) == ("UNKNOWN_LICENSE", ["unknown"])


def test_draft_has_no_verdict(shared_story: Story) -> None:
    draft = shared_story.build.draft(f"{NAMESPACE}/models/student", "full")
    with pytest.raises(FailedPrecondition) as caught:
        shared_story.evaluate(draft)
    assert caught.value.reason == "VERSION_NOT_READY"
    version = shared_story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=draft)).version
    assert list(version.deployable) == []


def test_version_shows_the_verdicts_under_its_declared_licences(shared_story: Story) -> None:
    name = shared_story.names["student"]
    version = shared_story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
    request = licensing_pb2.EvaluateVersionRequest(name=name)
    evaluations = shared_story.ada.licenses.EvaluateVersion(request).evaluations
    assert [(each.context, each.verdict) for each in version.deployable] == [
        (each.context, each.verdict) for each in evaluations
    ]


def test_unknown_version_and_unspecified_context_are_refused(shared_story: Story) -> None:
    with pytest.raises(NotFound):
        shared_story.evaluate(f"{NAMESPACE}/models/nothing/versions/1")
    request = licensing_pb2.EvaluateVersionRequest(name=shared_story.names["student"], contexts=[0])
    with pytest.raises(InvalidArgument, match="contexts"):
        shared_story.ada.licenses.EvaluateVersion(request)


def test_namespace_that_was_not_granted_is_refused(shared_story: Story) -> None:
    stranger = shared_story.client("reader", identity="sam", namespaces=("elsewhere",))
    with pytest.raises(PermissionDenied):
        stranger.licenses.EvaluateVersion(licensing_pb2.EvaluateVersionRequest(name=shared_story.names["student"]))


def test_declared_and_detected_that_differ_are_an_alert_for_all_descendants(story: Story) -> None:
    license_file = {"LICENSE": (ROOT / "LICENSE").read_bytes()}
    base = story.build.model("base", "base", licenses=["mit"], imported=True, files=license_file)
    tuned = story.build.model("tuned", licenses=[], edges=[("finetune", base)])
    for name in (base, tuned):
        for context in ("research", "education", "internal", "commercial"):
            assert "LICENSE_CONFLICT" in [each.code for each in story.evaluate(name, context).reasons]
    request = licensing_pb2.ConcludeLicensesRequest(
        name=base,
        licenses=licensing_pb2.LicenseSet(ids=["mit"]),
        rationale="the file is a leftover of the template",
    )
    story.rob.licenses.ConcludeLicenses(request)
    assert [story.verdict(name, "research") for name in (base, tuned)] == ["allowed", "allowed"]


def test_answer_is_remembered_until_the_epoch_advances(story: Story, registry: Registry) -> None:
    first = story.evaluate(story.names["student"])
    assert story.evaluate(story.names["student"]) == first
    with registry.database.write() as session:
        epoch = bump_epoch(session)
    again = story.evaluate(story.names["student"])
    assert again.epoch == epoch == first.epoch + 1
    assert again.evaluate_time.ToMicroseconds() > first.evaluate_time.ToMicroseconds()


def test_epoch_that_is_rolled_back_leaves_nothing_behind(story: Story, registry: Registry) -> None:
    """A trial run sees its own change, and no answer of it may be served when the number is used again."""
    request = licensing_pb2.ConcludeLicensesRequest(
        name=story.names["xlam"],
        licenses=licensing_pb2.LicenseSet(ids=["apache-2.0"]),
        rationale="what if",
        validate_only=True,
    )
    assert list(story.rob.licenses.ConcludeLicenses(request).licenses.ids) == ["apache-2.0"]
    with registry.database.read() as session:
        assert current_epoch(session) == 1
    with registry.database.write() as session:
        bump_epoch(session)
    assert story.verdict(story.names["teacher"]) == DENIED


@pytest.mark.parametrize(
    ("concluded", "declared", "detected", "imported", "expected"),
    [
        (None, None, None, True, ["unknown"]),
        (None, [], None, True, ["unknown"]),
        (None, None, None, False, []),
        (None, ["mit"], None, True, ["mit"]),
        (None, None, ["mit"], True, ["mit"]),
        (None, ["mit", "apache-2.0"], ["llama3.1", "mit"], True, ["mit", "apache-2.0", "llama3.1"]),
        (["llama3"], ["mit"], ["mit"], True, ["llama3"]),
        ([], ["mit"], None, False, []),
    ],
)
def test_effective_licences(
    concluded: list[str] | None,
    declared: list[str] | None,
    detected: list[str] | None,
    imported: bool,
    expected: list[str],
) -> None:
    version = Version(concluded=concluded, declared=declared, detected=detected, imported=imported)
    assert effective_licenses(version) == expected


@pytest.mark.parametrize("expression", ["apache-2.0 OR mit", "gemma AND apache-2.0", " "])
def test_outbound_licence_is_one_id(shared_story: Story, expression: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shared_story.evaluate(shared_story.names["student"], outbound=expression)
    assert [each.field for each in caught.value.violations] == ["outbound_license"]
