"""Channels move only through the gate, and every attempt stays on record."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import col, select, update

from registry.context import Registry
from registry.storage.tables import AuditEvent, Channel, File, Promotion, Review
from registry.wire import enum_text
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from spiritsafe.registry.v1 import licensing_pb2, promotion_pb2, review_pb2
from tests.registry.builders import NAMESPACE, Story

CHANNEL = f"{NAMESPACE}/models/student/channels/commercial-production"
UUID = "6f2c1c2e-6f0f-4c7e-9a53-4d2f4c9c5b1a"


def state(promotion: promotion_pb2.Promotion) -> str:
    return enum_text(promotion_pb2.PromotionState, promotion.state)


def failing(promotion: promotion_pb2.Promotion) -> list[str]:
    return [check.check for check in promotion.checks if not check.passed]


def channel(story: Story, name: str = CHANNEL) -> promotion_pb2.Channel:
    return story.rita.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=name)).channel


def history(story: Story, parent: str = CHANNEL, **fields: Any) -> promotion_pb2.ListPromotionsResponse:
    return story.rita.promotions.ListPromotions(promotion_pb2.ListPromotionsRequest(parent=parent, **fields))


def events_after(registry: Registry, sequence: int) -> list[AuditEvent]:
    with registry.database.read() as session:
        query = select(AuditEvent).where(col(AuditEvent.sequence) > sequence, AuditEvent.actor != "system")
        return list(session.exec(query.order_by(col(AuditEvent.sequence))))


def test_the_story_from_denied_to_promoted(story: Story) -> None:
    student = story.names["student"]
    denied = story.promote(student, outbound="apache-2.0")
    assert (state(denied), failing(denied)) == ("denied", ["verdict"])
    assert [each.code for each in denied.evaluation.reasons] == [
        "OUTBOUND_LICENSE_INCOMPATIBLE",
        "NC_OUTPUT_REACH_CONTESTED",
    ]
    waiting = story.promote(student)
    assert (state(waiting), failing(waiting)) == ("awaiting_review", ["verdict"])
    (review,) = story.request(student)
    assert list(story.promote(student).reviews) == [review.name]
    with pytest.raises(NotFound):
        channel(story, CHANNEL.replace("production", "staging"))
    assert (channel(story).version, channel(story).verdict) == ("", licensing_pb2.VERDICT_UNSPECIFIED)
    story.approve(review)
    promoted = story.promote(student)
    assert (state(promoted), failing(promoted), list(promoted.reviews)) == ("promoted", [], [review.name])
    assert promoted.self_administered
    now = channel(story)
    assert (now.version, now.outbound_license) == (student, "openrail-m")
    assert now.verdict == licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS


@pytest.mark.parametrize(("key", "expected"), [("teacher", "denied"), ("traces", "awaiting_review")])
def test_teacher_and_traces_are_refused_in_production_and_taken_for_research(
    story: Story, key: str, expected: str
) -> None:
    story.meet_duties(story.names[key], "cc-by-nc-4.0")
    refused = story.promote(story.names[key], outbound="cc-by-nc-4.0")
    assert state(refused) == expected
    assert [each.path[-1] for each in refused.evaluation.reasons] == [story.names["xlam"]]
    assert state(story.promote(story.names[key], "research", outbound="")) == "promoted"


def test_commercial_channel_must_name_an_outbound_licence(story: Story) -> None:
    with pytest.raises(InvalidArgument) as caught:
        story.promote(story.names["qwen3"], outbound="")
    assert caught.value.reason == "OUTBOUND_LICENSE_REQUIRED"
    assert [each.field for each in caught.value.violations] == ["outbound_license"]
    assert caught.value.remedy
    assert list(history(story, f"{NAMESPACE}/models/qwen3-8b").promotions) == []


@pytest.mark.parametrize(
    ("fields", "field"), [({"stage": "Production!"}, "stage"), ({"stage": ""}, "stage"), ({"context": 0}, "context")]
)
def test_malformed_targets_name_the_field(story: Story, fields: dict[str, Any], field: str) -> None:
    complete = {
        "version": story.names["qwen3"],
        "context": licensing_pb2.CONTEXT_RESEARCH,
        "stage": "production",
    }
    with pytest.raises(InvalidArgument) as caught:
        story.rita.promotions.PromoteVersion(promotion_pb2.PromoteVersionRequest(**(complete | fields)))
    assert [each.field for each in caught.value.violations] == [field]


def test_each_attempt_is_one_row_and_one_event(story: Story, registry: Registry) -> None:
    for number, outbound, expected in ((1, "apache-2.0", "denied"), (2, "openrail-m", "awaiting_review")):
        before = events_after(registry, 0)[-1].sequence
        promotion = story.promote(story.names["student"], outbound=outbound)
        (event,) = [each for each in events_after(registry, before) if each.type != "token.created"]
        assert promotion.name == f"{CHANNEL}/promotions/{number}"
        assert (event.type, event.actor, event.resource) == (f"promotion.{expected}", "rita", CHANNEL)
        assert event.details["failed_checks"] == ["verdict"]
    assert [state(each) for each in history(story).promotions] == ["awaiting_review", "denied"]


def test_history_holds_what_the_gate_saw_then(story: Story) -> None:
    """A later revocation changes today's verdict of the channel, and nothing of the record."""
    student = story.names["student"]
    (review,) = story.approve_all(student)
    promoted = story.promote(student)
    story.rob.reviews.RevokeReview(review_pb2.RevokeReviewRequest(name=review.name, rationale="withdrawn"))
    assert channel(story).verdict == licensing_pb2.VERDICT_NEEDS_REVIEW
    assert list(history(story).promotions) == [promoted]
    assert promoted.evaluation.verdict == licensing_pb2.VERDICT_ALLOWED_WITH_OBLIGATIONS
    assert promoted.public_name == "student"


def test_draft_is_denied_and_recorded(story: Story) -> None:
    draft = story.build.draft(f"{NAMESPACE}/models/student", "full")
    denied = story.promote(draft, "research", outbound="")
    assert (state(denied), failing(denied)) == ("denied", ["ready", "integrity", "verdict"])
    assert not denied.HasField("evaluation")


def test_lost_file_is_denied(story: Story, registry: Registry) -> None:
    with registry.database.write() as session:
        session.exec(update(File).where(col(File.path) == "config.json").values(sha256="0" * 64))
    denied = story.promote(story.names["qwen3"], "research", outbound="")
    assert (state(denied), failing(denied)) == ("denied", ["integrity"])


def test_stand_in_anywhere_in_the_lineage_is_refused(story: Story) -> None:
    tiny = story.build.model("tiny", "base", licenses=["mit"], imported=True, stand_in=True)
    tuned = story.build.model("tuned", licenses=[], edges=[("finetune", tiny)])
    for name in (tiny, tuned):
        denied = story.promote(name, "research", outbound="")
        assert (state(denied), failing(denied)) == ("denied", ["stand_in"])
    assert "tiny@1" in next(each.detail for each in denied.checks if each.check == "stand_in")


def test_approval_by_the_registrant_does_not_count_however_it_came_about(story: Story, registry: Registry) -> None:
    story.approve_all(story.names["student"])
    with registry.database.write() as session:
        session.exec(update(Review).values(reviewer="ada"))
    denied = story.promote(story.names["student"])
    assert (state(denied), failing(denied)) == ("denied", ["four_eyes"])


def test_trial_run_records_nothing(story: Story, registry: Registry) -> None:
    promotion = story.promote(story.names["qwen3"], "research", outbound="", validate_only=True)
    assert state(promotion) == "promoted"
    with registry.database.read() as session:
        assert session.exec(select(Promotion)).all() == []
        assert session.exec(select(Channel)).all() == []


def test_repeated_request_is_answered_as_before(story: Story) -> None:
    first = story.promote(story.names["qwen3"], "research", outbound="", request_id=UUID)
    assert story.promote(story.names["qwen3"], "research", outbound="", request_id=UUID) == first
    assert len(history(story, f"{NAMESPACE}/models/qwen3-8b").promotions) == 1


def test_only_a_releaser_moves_channels(story: Story) -> None:
    request = promotion_pb2.PromoteVersionRequest(
        version=story.names["qwen3"], context=licensing_pb2.CONTEXT_RESEARCH, stage="production"
    )
    eve = story.client("releaser", identity="eve", namespaces=("elsewhere",))
    for client in (story.ada, story.rob, eve):
        with pytest.raises(PermissionDenied):
            client.promotions.PromoteVersion(request)
    with pytest.raises(PermissionDenied):
        eve.promotions.ListPromotions(promotion_pb2.ListPromotionsRequest(parent=NAMESPACE))


class TestEvaluation:
    """A model goes commercial with a report on its weights on record."""

    def test_without_one_it_is_denied_with_a_way_out(self, story: Story) -> None:
        second = story.another()
        story.approve_all(second)
        denied = story.promote(second)
        assert (state(denied), failing(denied)) == ("denied", ["evaluation"])
        (check,) = [each for each in denied.checks if not each.passed]
        assert check.reason == "EVALUATION_MISSING"
        assert check.detail
        assert "spiritsafe model evaluation record student@2 --baseline" in check.remedy
        assert list(denied.evaluation_reports) == []
        story.record_evaluation(second)
        assert state(story.promote(second)) == "promoted"

    def test_what_else_stands_in_the_way_is_shown_beside_it(self, story: Story) -> None:
        second = story.another("openrail-m", "apache-2.0")
        refused = story.promote(second, outbound="apache-2.0")
        assert (state(refused), failing(refused)) == ("denied", ["verdict", "evaluation"])
        assert "OUTBOUND_LICENSE_INCOMPATIBLE" in {each.code for each in refused.evaluation.reasons}
        (review,) = story.request(second)
        contested = story.promote(second)
        assert (state(contested), failing(contested)) == ("denied", ["verdict", "evaluation"])
        assert list(contested.reviews) == [review.name]
        story.record_evaluation(second)
        assert state(story.promote(second)) == "awaiting_review"

    def test_the_record_holds_the_figures(self, story: Story) -> None:
        student = story.names["student"]
        first = story.record_evaluation(student)
        other = story.build.dataset("harder", "evaluation", licenses=[])
        second = story.record_evaluation(student, dataset=other)
        tried = story.promote(student, validate_only=True)
        assert list(tried.evaluation_reports) == [first, second]
        story.promote(student)
        story.record_evaluation(student, dataset=other)
        (kept,) = history(story).promotions
        assert list(kept.evaluation_reports) == [first, second]
        assert kept.evaluation_reports[0].categories[0].difference == pytest.approx(0.78)

    def test_event_names_the_reports(self, story: Story, registry: Registry) -> None:
        report = story.record_evaluation(story.names["student"])
        story.promote(story.names["student"])
        event = events_after(registry, 0)[-1]
        assert event.details["evaluation_reports"] == [report.name]

    def test_a_report_on_the_same_weights_will_do(self, story: Story) -> None:
        student = story.names["student"]
        (report,) = story.promote(student, validate_only=True).evaluation_reports
        annotated = story.another(weights=story.build.weights[student])
        story.approve_all(annotated)
        promoted = story.promote(annotated)
        assert (state(promoted), list(promoted.evaluation_reports)) == ("promoted", [report])

    def test_bases_and_datasets_and_other_contexts_need_none(self, story: Story) -> None:
        second = story.another()
        story.meet_duties(story.names["qwen3"], "openrail-m")
        assert state(story.promote(story.names["qwen3"])) == "promoted"
        assert failing(story.promote(story.names["held_out"])) == []
        for context in ("research", "education", "internal"):
            assert "evaluation" not in failing(story.promote(second, context))
        report = story.record_evaluation(second)
        assert list(story.promote(second, "research").evaluation_reports) == []
        assert list(story.promote(second).evaluation_reports) == [report]

    def test_deployment_of_bytes_is_a_question_of_licences_alone(self, story: Story) -> None:
        second = story.build.student(story.names)
        story.approve_all(second)
        request = promotion_pb2.CheckDeploymentRequest(
            version=second, context=licensing_pb2.CONTEXT_COMMERCIAL, outbound_license="openrail-m"
        )
        assert story.rita.promotions.CheckDeployment(request).allowed


class TestRollback:
    @pytest.fixture
    def versions(self, story: Story) -> list[str]:
        """Three versions of the student, promoted for research one after the other, the last one distributed."""
        names = [story.names["student"], story.build.student(story.names, 2), story.build.student(story.names, 3)]
        for name, outbound in zip(names, ("openrail-m", "house", "openrail-m"), strict=True):
            assert state(story.promote(name, "research", outbound)) == "promoted"
        return names

    name = CHANNEL.replace("commercial", "research")

    def roll_back(self, story: Story, **fields: Any) -> promotion_pb2.Promotion:
        request = promotion_pb2.RollbackChannelRequest(name=self.name, **fields)
        return story.rita.promotions.RollbackChannel(request).promotion

    def test_goes_further_back_each_time_under_the_licence_of_then(self, story: Story, versions: list[str]) -> None:
        first = self.roll_back(story, etag=channel(story, self.name).etag)
        assert (first.version, first.outbound_license, first.previous_version) == (versions[1], "house", versions[2])
        assert first.action == promotion_pb2.PROMOTION_ACTION_ROLLBACK
        assert channel(story, self.name).version == versions[1]
        assert self.roll_back(story).version == versions[0]
        with pytest.raises(FailedPrecondition) as caught:
            self.roll_back(story)
        assert caught.value.reason == "NO_EARLIER_VERSION"
        assert channel(story, self.name).version == versions[0]

    def test_retry_of_the_last_possible_one_is_answered_as_before(self, story: Story, versions: list[str]) -> None:
        self.roll_back(story)
        last = self.roll_back(story, request_id=UUID)
        assert self.roll_back(story, request_id=UUID) == last

    def test_forward_is_an_ordinary_promotion(self, story: Story, versions: list[str]) -> None:
        self.roll_back(story)
        story.promote(versions[2], "research")
        assert self.roll_back(story).version == versions[1]


def test_rollback_that_the_gate_refuses_leaves_the_channel(story: Story) -> None:
    second = story.another()
    (review,) = story.approve_all(story.names["student"])
    story.approve_all(second)
    story.record_evaluation(second)
    for name in (story.names["student"], second):
        assert state(story.promote(name)) == "promoted"
    story.rob.reviews.RevokeReview(review_pb2.RevokeReviewRequest(name=review.name, rationale="withdrawn"))
    request = promotion_pb2.RollbackChannelRequest(name=CHANNEL)
    refused = story.rita.promotions.RollbackChannel(request).promotion
    assert (state(refused), refused.version) == ("awaiting_review", story.names["student"])
    assert channel(story).version == second


def test_stale_etag_of_a_channel_is_refused(story: Story) -> None:
    name = CHANNEL.replace("commercial", "research")
    story.promote(story.names["student"], "research")
    seen = channel(story, name).etag
    story.promote(story.build.student(story.names), "research")
    with pytest.raises(Aborted):
        story.rita.promotions.RollbackChannel(promotion_pb2.RollbackChannelRequest(name=name, etag=seen))


def test_channels_and_history_are_listed_by_node_and_namespace(story: Story) -> None:
    for key, context in (("student", "research"), ("student", "education"), ("traces", "research")):
        story.promote(story.names[key], context, outbound="")

    def channels(parent: str, **fields: Any) -> promotion_pb2.ListChannelsResponse:
        return story.rita.promotions.ListChannels(promotion_pb2.ListChannelsRequest(parent=parent, **fields))

    everywhere = [each.name for each in channels(NAMESPACE).channels]
    assert everywhere == [
        f"{NAMESPACE}/models/student/channels/research-production",
        f"{NAMESPACE}/models/student/channels/education-production",
        f"{NAMESPACE}/datasets/traces/channels/research-production",
    ]
    assert [each.name for each in channels(f"{NAMESPACE}/models/student").channels] == everywhere[:2]
    page = channels(NAMESPACE, page_size=2)
    rest = channels(NAMESPACE, page_size=2, page_token=page.next_page_token)
    assert [each.name for each in (*page.channels, *rest.channels)] == everywhere
    newest = [each.version for each in history(story, NAMESPACE).promotions]
    assert newest == [story.names["traces"], story.names["student"], story.names["student"]]
    assert len(history(story, f"{NAMESPACE}/datasets/traces").promotions) == 1
    assert len(history(story, NAMESPACE, page_size=2).promotions) == 2
