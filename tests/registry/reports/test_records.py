"""Reports over the API: what they must be about, and for which versions they hold."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import col, select

from registry.catalog.manifest import weights_digest
from registry.context import Registry
from registry.storage.tables import AuditEvent, EvaluationReport
from spiritsafe.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import evaluation_report_pb2, version_pb2
from tests.registry.builders import NAMESPACE, Story, single_calls

UUID = "6f2c1c2e-6f0f-4c7e-9a53-4d2f4c9c5b1a"


def create(story: Story, name: str, report: evaluation_report_pb2.EvaluationReport, **fields: Any) -> Any:
    request = evaluation_report_pb2.CreateEvaluationReportRequest(parent=name, evaluation_report=report, **fields)
    return story.ada.evaluation_reports.CreateEvaluationReport(request).evaluation_report


def listed(story: Story, name: str, **fields: Any) -> evaluation_report_pb2.ListEvaluationReportsResponse:
    request = evaluation_report_pb2.ListEvaluationReportsRequest(parent=name, **fields)
    return story.rita.evaluation_reports.ListEvaluationReports(request)


def names(story: Story, version: str) -> list[str]:
    return [report.name for report in listed(story, version).evaluation_reports]


def test_report_is_kept_with_its_figures(story: Story, registry: Registry) -> None:
    student = story.names["student"]
    report = story.record_evaluation(student, creator="eve", weights_sha256="0" * 64)
    assert report.name.startswith(f"{student}/evaluationReports/")
    assert (report.baseline, report.dataset) == (story.names["qwen3"], story.names["held_out"])
    assert (report.creator, report.HasField("create_time")) == ("ada", True)
    files = story.ada.versions.GetVersion(version_pb2.GetVersionRequest(name=student)).version.files
    assert report.weights_sha256 == weights_digest(files)
    (category,) = report.categories
    assert category.difference == pytest.approx(0.78)
    assert category.difference_low < 0.78 < category.difference_high
    assert category.mcnemar_p < 1e-15
    request = evaluation_report_pb2.GetEvaluationReportRequest(name=report.name)
    assert story.rita.evaluation_reports.GetEvaluationReport(request).evaluation_report == report
    with registry.database.read() as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.type == "evaluation_report.created")).all()
    (event,) = events
    assert (event.actor, event.resource) == ("ada", report.name)
    assert event.details["weights_sha256"] == report.weights_sha256
    assert event.details["categories"][0]["gained"] == category.gained


def test_trial_and_repetition(story: Story, registry: Registry) -> None:
    student = story.names["student"]
    given = evaluation_report_pb2.EvaluationReport(
        baseline=story.names["qwen3"], dataset=story.names["held_out"], categories=[single_calls()]
    )
    tried = create(story, student, given, validate_only=True)
    assert tried.categories[0].difference == pytest.approx(0.78)
    assert names(story, student) == []
    first = create(story, student, given, request_id=UUID)
    assert create(story, student, given, request_id=UUID) == first
    with registry.database.read() as session:
        assert len(session.exec(select(EvaluationReport)).all()) == 1


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"baseline": ""}, "baseline", "INVALID_NAME"),
        ({"dataset": ""}, "dataset", "INVALID_NAME"),
        ({"baseline": "student_adapter"}, "baseline", "NOT_A_BASE"),
        # A base, and an ancestor of the student through its data: but its weights are not in the student's.
        ({"baseline": "deepseek"}, "baseline", "NOT_AN_ANCESTOR"),
        ({"dataset": "traces"}, "dataset", "NOT_EVALUATION_DATA"),
        ({"categories": []}, "categories", "REQUIRED_FIELD"),
        ({"categories": [single_calls(lost=3)]}, "categories[0]", "INCONSISTENT_COUNTS"),
    ],
)
def test_malformed_reports_name_the_field(story: Story, fields: dict[str, Any], field: str, reason: str) -> None:
    named = {key: story.names.get(value, value) if isinstance(value, str) else value for key, value in fields.items()}
    with pytest.raises(InvalidArgument) as caught:
        story.record_evaluation(story.names["student"], **named)
    assert caught.value.reason == reason
    assert [each.field for each in caught.value.violations] == [f"evaluation_report.{field}"]


def test_subject_is_a_finalized_model_with_weights(story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/models/student", "full")
    with pytest.raises(FailedPrecondition) as caught:
        story.record_evaluation(draft)
    assert (caught.value.reason, bool(caught.value.remedy)) == ("VERSION_NOT_READY", True)
    with pytest.raises(InvalidArgument) as refused:
        story.record_evaluation(story.names["traces"])
    assert refused.value.reason == "NOT_A_MODEL"
    empty = story.build.model("remote", "base", licenses=["mit"], imported=True, weights=None)
    with pytest.raises(FailedPrecondition) as caught:
        story.record_evaluation(empty)
    assert (caught.value.reason, bool(caught.value.remedy)) == ("NO_WEIGHTS", True)


def test_unfinished_data_is_not_evaluated_on(story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/datasets/held-out", "evaluation")
    with pytest.raises(FailedPrecondition) as caught:
        story.record_evaluation(story.names["student"], dataset=draft)
    assert caught.value.reason == "VERSION_NOT_READY"


def test_only_a_publisher_of_the_namespace_records(story: Story) -> None:
    request = evaluation_report_pb2.CreateEvaluationReportRequest(parent=story.names["student"])
    eve = story.client("publisher", identity="eve", namespaces=("elsewhere",))
    for client in (story.rita, story.rob, eve):
        with pytest.raises(PermissionDenied):
            client.evaluation_reports.CreateEvaluationReport(request)
    report = story.record_evaluation(story.names["student"])
    with pytest.raises(PermissionDenied):
        eve.evaluation_reports.GetEvaluationReport(evaluation_report_pb2.GetEvaluationReportRequest(name=report.name))
    with pytest.raises(PermissionDenied):
        eve.evaluation_reports.ListEvaluationReports(
            evaluation_report_pb2.ListEvaluationReportsRequest(parent=story.names["student"])
        )


def test_what_it_names_must_be_in_reach(story: Story) -> None:
    away = story.client("publisher", identity="ada", namespaces=("elsewhere",))
    own = story.build.model("own", "base", licenses=["mit"], namespace="namespaces/elsewhere")
    parents = [("merge", story.names["qwen3"]), ("merge", own)]
    merged = story.build.model("merged", licenses=[], edges=parents, namespace="namespaces/elsewhere")
    for baseline in (story.names["qwen3"], own):  # the first is out of reach itself, then the data are
        report = evaluation_report_pb2.EvaluationReport(
            baseline=baseline, dataset=story.names["held_out"], categories=[single_calls()]
        )
        request = evaluation_report_pb2.CreateEvaluationReportRequest(parent=merged, evaluation_report=report)
        with pytest.raises(PermissionDenied) as caught:
            away.evaluation_reports.CreateEvaluationReport(request)
        assert caught.value.reason == "NAMESPACE_NOT_GRANTED"


def test_unknown_report_is_not_found(story: Story) -> None:
    report = story.record_evaluation(story.names["student"])
    elsewhere = report.name.replace("models/student/", "models/qwen3-8b/")
    for name in (report.name[:-1] + ("0" if report.name[-1] != "0" else "1"), elsewhere):
        with pytest.raises(NotFound):
            story.rita.evaluation_reports.GetEvaluationReport(
                evaluation_report_pb2.GetEvaluationReportRequest(name=name)
            )


class TestWeights:
    """For which versions a report holds."""

    def test_same_weights_with_other_files(self, story: Story) -> None:
        student = story.names["student"]
        report = story.record_evaluation(student)
        annotated = story.build.student(story.names, weights=story.build.weights[student])
        other = story.build.student(story.names, 3)
        assert names(story, annotated) == [report.name]
        assert names(story, other) == []

    def test_same_weights_on_another_base(self, story: Story) -> None:
        """An adapter's file alone is no model: on another base the report says nothing."""
        adapter = story.names["student_adapter"]
        report = story.record_evaluation(adapter)
        rebased = story.build.version(
            f"{NAMESPACE}/models/student-adapter",
            "adapter",
            licenses=["apache-2.0"],
            edges=[("adapter", story.names["deepseek"])],
            weights=story.build.weights[adapter],
        )
        assert names(story, adapter) == [report.name]
        assert names(story, rebased) == []

    def test_same_weights_in_another_namespace(self, story: Story) -> None:
        """Who may publish elsewhere must not vouch for what is released here."""
        student = story.names["student"]
        story.record_evaluation(student)
        copied = story.build.model(
            "copied",
            licenses=["apache-2.0"],
            edges=[("merge", story.names["qwen3"])],
            namespace="namespaces/elsewhere",
            weights=story.build.weights[student],
        )
        assert names(story, copied) == []


def test_reports_are_listed_newest_first_by_pages(story: Story) -> None:
    student = story.names["student"]
    made = [story.record_evaluation(student).name for _ in range(3)]
    page = listed(story, student, page_size=2)
    rest = listed(story, student, page_size=2, page_token=page.next_page_token)
    assert [each.name for each in (*page.evaluation_reports, *rest.evaluation_reports)] == made[::-1]
    assert not rest.next_page_token
    with pytest.raises(InvalidArgument):
        listed(story, story.names["student_adapter"], page_token=page.next_page_token)


def test_what_a_report_names_cannot_be_deleted(story: Story, registry: Registry) -> None:
    lonely = story.build.dataset("more-held-out", "evaluation", licenses=[])
    story.record_evaluation(story.names["student"], dataset=lonely)
    for name in (story.names["student"], lonely):
        with pytest.raises(FailedPrecondition) as caught:
            story.ada.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=name))
        assert caught.value.reason == "HAS_HISTORY"
    with registry.database.write() as session:
        session.delete(session.exec(select(EvaluationReport).order_by(col(EvaluationReport.id))).one())
    story.ada.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=lonely))
