"""A review lifts one contested reason, for one exact version and context, by somebody who did not register it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import col, select, update

from registry.clock import now
from registry.context import Registry
from registry.decisions.evaluation import bump_epoch
from registry.decisions.questions import questions_for
from registry.licensing.vocabulary import LIFTABLE_CODES
from registry.storage.tables import AuditEvent, Review
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, PolicyDenied
from spiritsafe.registry.v1 import review_pb2
from tests.registry.builders import NAMESPACE, Story, approval

CONTESTED = "NC_OUTPUT_REACH_CONTESTED"
DAY = timedelta(days=1)


def in_days(days: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + days * DAY)
    return moment


def listed(story: Story, condition: str = "", **fields: Any) -> review_pb2.ListReviewsResponse:
    return story.ada.reviews.ListReviews(review_pb2.ListReviewsRequest(parent=NAMESPACE, filter=condition, **fields))


def test_one_review_is_opened_for_each_contested_reason_with_both_questions(story: Story) -> None:
    (review,) = story.request(story.names["student"])
    assert (review.code, review.license, review.origin) == (CONTESTED, "cc-by-nc-4.0", story.names["xlam"])
    assert (review.version, review.requester) == (story.names["student"], "ada")
    assert review.state == review_pb2.REVIEW_STATE_OPEN
    adapted, run = review.questions
    assert "adapted material" in adapted
    assert "commercial product" in run


def test_two_licensors_need_two_reviews(story: Story) -> None:
    """xLAM-2-3b: Salesforce's licence and, through its base, Qwen's; one approval lifts nothing of the other."""
    build = story.build
    qwen = build.model("qwen2.5-3b", "base", licenses=["qwen-research"], imported=True)
    teacher = build.model("xlam-2-3b", "base", licenses=["cc-by-nc-4.0"], imported=True, edges=[("finetune", qwen)])
    traces = build.dataset("both", licenses=[], edges=[("generated_by", teacher)])
    student = build.model("pupil", licenses=[], edges=[("trained_on", traces)])
    reviews = story.request(student, outbound="other")
    assert {(each.license, each.origin) for each in reviews} == {("cc-by-nc-4.0", teacher), ("qwen-research", qwen)}
    story.approve(reviews[0])
    (left,) = story.evaluate(student, outbound="other").reasons
    assert (list(left.licenses), left.origin) == ([reviews[1].license], reviews[1].origin)
    story.approve(reviews[1])
    assert story.verdict(student, outbound="other") == "allowed_with_obligations"


def test_asking_again_gives_what_is_open_already(story: Story, registry: Registry) -> None:
    first = story.request(story.names["student"])
    assert story.request(story.names["student"]) == first
    with registry.database.read() as session:
        assert len(session.exec(select(Review)).all()) == 1
        kinds = [each.type for each in session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence)))]
    assert kinds[-2:] == ["review.requested", "review.requested"]


def test_binding_reasons_cannot_be_reviewed(shared_story: Story) -> None:
    with pytest.raises(PolicyDenied, match="NC_LIMITATION") as caught:
        shared_story.request(shared_story.names["teacher"])
    assert caught.value.reason == "NOT_LIFTABLE"
    assert "agreement" in caught.value.remedy
    assert list(listed(shared_story, f'version = "{shared_story.names["teacher"]}"').reviews) == []


def test_unknown_licence_cannot_be_reviewed_only_concluded(shared_story: Story) -> None:
    found = shared_story.build.model("mystery", "base", imported=True)
    with pytest.raises(PolicyDenied, match="UNKNOWN_LICENSE") as caught:
        shared_story.request(found)
    assert "conclude" in caught.value.remedy


def test_nothing_to_review_is_said(shared_story: Story) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        shared_story.request(shared_story.names["qwen3"])
    assert caught.value.reason == "NOTHING_TO_REVIEW"


def test_approval_becomes_a_duty_in_its_context_only(story: Story) -> None:
    (review,) = story.request(story.names["student"])
    decided = story.approve(review, evidence_sha256="ab" * 32)
    assert decided.state == review_pb2.REVIEW_STATE_APPROVED
    assert (decided.reviewer, decided.rationale) == ("rob", "counsel's memo of 12 May")
    assert decided.self_administered
    assert decided.evidence_sha256 == "ab" * 32
    year = decided.expire_time.ToMicroseconds() - decided.decide_time.ToMicroseconds()
    assert year == timedelta(days=365) // timedelta(microseconds=1)
    evaluation = story.evaluate(story.names["student"], outbound="openrail-m")
    assert list(evaluation.reasons) == []
    assert f"RECORDED_APPROVAL:{CONTESTED}" in {each.code for each in evaluation.obligations}
    assert evaluation.valid_until == decided.expire_time
    assert story.verdict(story.names["student"], "internal") == "needs_review"


def test_approval_of_one_version_says_nothing_of_the_next(story: Story) -> None:
    story.approve_all(story.names["student"])
    second = story.build.student(story.names)
    assert story.verdict(second, outbound="openrail-m") == "needs_review"


def test_approval_never_lifts_a_denial(story: Story) -> None:
    story.approve_all(story.names["student"])
    evaluation = story.evaluate(story.names["student"], outbound="apache-2.0")
    assert [each.code for each in evaluation.reasons] == ["OUTBOUND_LICENSE_INCOMPATIBLE"]


def test_rejection_leaves_the_reason_open_and_a_new_review_possible(story: Story) -> None:
    (review,) = story.request(story.names["student"])
    request = approval(review, decision=review_pb2.REVIEW_DECISION_REJECT, answers=[])
    assert story.rob.reviews.DecideReview(request).review.state == review_pb2.REVIEW_STATE_REJECTED
    assert story.verdict(story.names["student"], outbound="openrail-m") == "needs_review"
    (again,) = story.request(story.names["student"])
    assert again.name != review.name


def test_nobody_reviews_what_they_registered(shared_story: Story) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(PermissionDenied) as caught:
        shared_story.ada.reviews.DecideReview(approval(review))
    assert caught.value.reason == "FOUR_EYES"
    assert caught.value.metadata == {"caller": "ada", "creator": "ada", "requester": "ada"}
    assert shared_story.verdict(shared_story.names["student"], outbound="openrail-m") == "needs_review"


def test_nobody_decides_what_they_asked_for(story: Story) -> None:
    request = review_pb2.RequestReviewsRequest(
        version=story.names["student"], context="CONTEXT_COMMERCIAL", outbound_license="openrail-m"
    )
    (review,) = story.rob.reviews.RequestReviews(request).reviews
    with pytest.raises(PermissionDenied, match="requester"):
        story.rob.reviews.DecideReview(approval(review))


def test_who_may_not_decide_reviews_cannot(shared_story: Story) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(PermissionDenied) as caught:
        shared_story.rita.reviews.DecideReview(approval(review))
    assert caught.value.reason != "FOUR_EYES"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rationale": " "}, "rationale"),
        ({"decision": 0}, "decision"),
        ({"evidence_sha256": "AB" * 32}, "evidence_sha256"),
        ({"expire_time": in_days(-0.01)}, "expire_time"),
        ({"answers": []}, "answers"),
        ({"answers": ["no"]}, "answers"),
        ({"answers": ["no", " "]}, "answers"),
    ],
)
def test_incomplete_decisions_name_the_field_and_change_nothing(
    shared_story: Story, fields: dict[str, Any], field: str
) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(InvalidArgument) as caught:
        shared_story.approve(review, **fields)
    assert [each.field for each in caught.value.violations] == [field]
    request = review_pb2.GetReviewRequest(name=review.name)
    assert shared_story.ada.reviews.GetReview(request).review == review


def test_decided_review_is_not_decided_again(story: Story) -> None:
    (review,) = story.approve_all(story.names["student"])
    with pytest.raises(FailedPrecondition) as caught:
        story.approve(review)
    assert caught.value.reason == "REVIEW_NOT_OPEN"


def test_stale_etag_is_refused(shared_story: Story) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(Aborted):
        shared_story.approve(review, etag='"99"')


def test_revoked_approval_is_as_if_absent(story: Story, registry: Registry) -> None:
    (review,) = story.approve_all(story.names["student"])
    assert story.verdict(story.names["student"], outbound="openrail-m") == "allowed_with_obligations"
    request = review_pb2.RevokeReviewRequest(name=review.name, rationale="the memo was withdrawn")
    assert story.rob.reviews.RevokeReview(request).review.state == review_pb2.REVIEW_STATE_REVOKED
    assert story.verdict(story.names["student"], outbound="openrail-m") == "needs_review"
    with registry.database.read() as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.type == "review.revoked")).one()
    assert (event.type, event.details["rationale"]) == ("review.revoked", "the memo was withdrawn")
    with pytest.raises(FailedPrecondition) as caught:
        story.rob.reviews.RevokeReview(request)
    assert caught.value.reason == "REVIEW_NOT_APPROVED"


def test_expired_approval_is_as_if_absent(story: Story, registry: Registry) -> None:
    story.approve_all(story.names["student"])
    with registry.database.write() as session:
        session.exec(update(Review).values(expire_time=now()))
        bump_epoch(session)
    assert story.verdict(story.names["student"], outbound="openrail-m") == "needs_review"


def test_remembered_answer_ends_with_the_approval_it_rests_on(story: Story) -> None:
    (review,) = story.request(story.names["student"])
    soon = Timestamp()
    soon.FromMicroseconds(now() + 1_500_000)
    story.approve(review, expire_time=soon)
    assert story.verdict(story.names["student"], outbound="openrail-m") == "allowed_with_obligations"
    time.sleep(max(0, soon.ToMicroseconds() - now()) / 1e6 + 0.01)
    assert story.verdict(story.names["student"], outbound="openrail-m") == "needs_review"


def test_reviews_are_listed_newest_first_by_state_and_version(story: Story) -> None:
    (old,) = story.approve_all(story.names["student"])
    (new,) = story.request(story.names["student"], "internal")
    assert [each.name for each in listed(story).reviews] == [new.name, old.name]
    assert [each.name for each in listed(story, 'state = "open"').reviews] == [new.name]
    for key, found in (("student", [new.name, old.name]), ("teacher", [])):
        assert [each.name for each in listed(story, f'version = "{story.names[key]}"').reviews] == found
    page = listed(story, page_size=1)
    assert [each.name for each in page.reviews] == [new.name]
    rest = listed(story, page_size=1, page_token=page.next_page_token)
    assert ([each.name for each in rest.reviews], rest.next_page_token) == ([old.name], "")


def test_unknown_review_is_not_found_and_a_bad_name_invalid(shared_story: Story) -> None:
    with pytest.raises(NotFound):
        shared_story.ada.reviews.GetReview(review_pb2.GetReviewRequest(name=f"{NAMESPACE}/reviews/nothing"))
    with pytest.raises(InvalidArgument):
        shared_story.ada.reviews.GetReview(review_pb2.GetReviewRequest(name="reviews/nothing"))


@pytest.mark.parametrize("code", sorted(LIFTABLE_CODES))
def test_every_liftable_code_has_questions(code: str) -> None:
    assert all(question.endswith("?") for question in questions_for(code))
