"""Reviews as a team works through them: assigned, decided together, expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import col, select, update

from registry.clock import now
from registry.context import Registry
from registry.decisions.evaluation import current_epoch
from registry.storage.tables import AuditEvent, Review
from spiritsafe.errors import Aborted, FailedPrecondition, InvalidArgument, PermissionDenied
from spiritsafe.registry.v1 import promotion_pb2, review_pb2
from tests.registry.builders import NAMESPACE, Story


def listed(story: Story, condition: str = "", **fields: Any) -> list[str]:
    request = review_pb2.ListReviewsRequest(parent=NAMESPACE, filter=condition, **fields)
    return [each.name for each in story.ada.reviews.ListReviews(request).reviews]


def assign(story: Story, review: review_pb2.Review, assignee: str, **fields: Any) -> review_pb2.Review:
    request = review_pb2.AssignReviewRequest(name=review.name, assignee=assignee, **fields)
    return story.rob.reviews.AssignReview(request).review


def batch(names: list[str], /, **fields: Any) -> review_pb2.BatchDecideReviewsRequest:
    complete = {
        "parent": NAMESPACE,
        "names": names,
        "decision": review_pb2.REVIEW_DECISION_APPROVE,
        "rationale": "counsel's memo of 12 May",
        "answers": ["no", "no"],
    }
    return review_pb2.BatchDecideReviewsRequest(**(complete | fields))


def two_students(story: Story) -> tuple[str, str, list[review_pb2.Review]]:
    """Two versions of one student, and the review that each waits for."""
    first, second = story.names["student"], story.build.student(story.names)
    return first, second, [*story.request(first), *story.request(second)]


def last_event(registry: Registry) -> AuditEvent:
    with registry.database.read() as session:
        return session.exec(select(AuditEvent).order_by(col(AuditEvent.sequence).desc()).limit(1)).one()


def test_a_review_keeps_the_path_and_the_clause_of_its_reason(shared_story: Story) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    evaluation = shared_story.evaluate(shared_story.names["student"], outbound="openrail-m")
    (reason,) = [each for each in evaluation.reasons if each.liftable]
    assert (list(review.path), review.clause) == (list(reason.path), reason.clause)
    assert review.path[0] == shared_story.names["student"]
    assert review.path[-1] == review.origin


def test_assignment_directs_and_is_recorded(story: Story, registry: Registry) -> None:
    (review,) = story.request(story.names["student"])
    assigned = assign(story, review, "rob", note="knows the agreement", etag=review.etag)
    assert (assigned.assignee, assigned.state) == ("rob", review_pb2.REVIEW_STATE_OPEN)
    assert listed(story, 'assignee = "rob"') == [review.name]
    event = last_event(registry)
    assert (event.type, event.actor) == ("review.assigned", "rob")
    assert event.details == {"before": "", "assignee": "rob", "note": "knows the agreement"}
    with pytest.raises(Aborted):
        assign(story, review, "eve", etag=review.etag)
    assert assign(story, review, "").assignee == ""
    assert listed(story, 'assignee = "rob"') == []


def test_who_may_not_decide_is_not_asked_to(shared_story: Story) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(PermissionDenied) as caught:
        assign(shared_story, review, "ada")
    assert caught.value.reason == "FOUR_EYES"


def test_a_decided_review_is_not_assigned(story: Story) -> None:
    (review,) = story.approve_all(story.names["student"])
    with pytest.raises(FailedPrecondition) as caught:
        assign(story, review, "rob")
    assert caught.value.reason == "REVIEW_NOT_OPEN"


def test_versions_that_share_reason_and_path_are_decided_together(story: Story, registry: Registry) -> None:
    first, second, reviews = two_students(story)
    assert len({each.group for each in reviews}) == 1
    names = [each.name for each in reviews]
    assert sorted(listed(story, f'group = "{reviews[0].group}"')) == sorted(names)
    with registry.database.read() as session:
        before = current_epoch(session)
    decided = story.rob.reviews.BatchDecideReviews(batch(names)).reviews
    assert [each.name for each in decided] == names
    assert {each.state for each in decided} == {review_pb2.REVIEW_STATE_APPROVED}
    assert {story.verdict(name, outbound="openrail-m") for name in (first, second)} == {"allowed_with_obligations"}
    event = last_event(registry)
    assert (event.type, event.details["reviews"]) == ("review.batch_approved", names)
    assert event.details["version_digest"] == [each.version_digest for each in reviews]
    with registry.database.read() as session:
        assert current_epoch(session) == before + 1


def test_reviews_that_ask_something_else_are_not_decided_together(story: Story) -> None:
    _, _, reviews = two_students(story)
    (other,) = story.request(story.names["student"], "internal")
    names = [*(each.name for each in reviews), other.name]
    with pytest.raises(InvalidArgument, match="does not ask the same") as caught:
        story.rob.reviews.BatchDecideReviews(batch(names))
    assert caught.value.reason == "REVIEWS_DIFFER"
    assert [each.field for each in caught.value.violations] == ["names[2]"]
    assert sorted(listed(story, 'state = "open"')) == sorted(names)


def test_another_path_is_another_question(story: Story) -> None:
    adapter = story.request(story.names["student_adapter"], outbound="openrail-m")
    merged = story.request(story.names["student"])
    direct = story.build.model(
        "direct", licenses=[], edges=[("distill_outputs", story.names["teacher"]), ("finetune", story.names["qwen3"])]
    )
    (other,) = story.request(direct, outbound="openrail-m")
    assert other.origin == merged[0].origin
    assert other.group != merged[0].group
    assert adapter[0].group == merged[0].group


def test_all_are_decided_or_none(story: Story) -> None:
    _, second, reviews = two_students(story)
    story.approve(reviews[0])
    with pytest.raises(FailedPrecondition):
        story.rob.reviews.BatchDecideReviews(batch([each.name for each in reviews[::-1]]))
    assert story.verdict(second, outbound="openrail-m") == "needs_review"


def test_four_eyes_hold_for_each_of_a_batch(shared_story: Story) -> None:
    _, _, reviews = two_students(shared_story)
    with pytest.raises(PermissionDenied) as caught:
        shared_story.ada.reviews.BatchDecideReviews(batch([each.name for each in reviews]))
    assert caught.value.reason == "FOUR_EYES"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"names": []}, "names"),
        ({"names": ["twice", "twice"]}, "names"),
        ({"rationale": ""}, "rationale"),
        ({"answers": ["no"]}, "answers"),
        ({"decision": 0}, "decision"),
    ],
)
def test_incomplete_batches_name_the_field(shared_story: Story, change: dict[str, Any], field: str) -> None:
    (review,) = shared_story.request(shared_story.names["student"])
    with pytest.raises(InvalidArgument) as caught:
        shared_story.rob.reviews.BatchDecideReviews(batch([review.name], **change))
    assert [each.field for each in caught.value.violations] == [field]


def test_an_approval_whose_time_is_over_reads_as_expired(story: Story, registry: Registry) -> None:
    (review,) = story.approve_all(story.names["student"])
    assert listed(story, 'state = "approved"') == [review.name]
    with registry.database.write() as session:
        session.exec(update(Review).values(expire_time=now()))
    read = story.ada.reviews.GetReview(review_pb2.GetReviewRequest(name=review.name)).review
    assert read.state == review_pb2.REVIEW_STATE_EXPIRED
    assert listed(story, 'state = "approved"') == []
    assert listed(story, 'state = "expired"') == [review.name]


def test_approvals_that_end_soon_are_found(story: Story) -> None:
    (review,) = story.approve_all(story.names["student"])
    for days, found in ((364, []), (366, [review.name])):
        moment = Timestamp()
        moment.FromDatetime(datetime.now(UTC) + timedelta(days=days))
        assert listed(story, expires_before=moment) == found


def test_a_waiting_promotion_opens_the_reviews_that_it_waits_for(story: Story) -> None:
    story.record_evaluation(story.names["student"])
    story.meet_duties(story.names["student"], "openrail-m")
    waiting = story.promote(story.names["student"])
    assert waiting.state == promotion_pb2.PROMOTION_STATE_AWAITING_REVIEW
    (name,) = waiting.reviews
    review = story.ada.reviews.GetReview(review_pb2.GetReviewRequest(name=name)).review
    assert (review.requester, len(review.questions)) == ("rita", 2)
    assert list(story.promote(story.names["student"]).reviews) == [name]


def test_a_promotion_that_only_asks_opens_none(story: Story) -> None:
    story.record_evaluation(story.names["student"])
    story.meet_duties(story.names["student"], "openrail-m")
    asked = story.promote(story.names["student"], validate_only=True)
    assert asked.state == promotion_pb2.PROMOTION_STATE_AWAITING_REVIEW
    assert listed(story) == []


def test_what_was_rejected_is_not_asked_again_by_promoting(story: Story) -> None:
    story.record_evaluation(story.names["student"])
    story.meet_duties(story.names["student"], "openrail-m")
    (name,) = story.promote(story.names["student"]).reviews
    review = story.ada.reviews.GetReview(review_pb2.GetReviewRequest(name=name)).review
    story.approve(review, decision=review_pb2.REVIEW_DECISION_REJECT, answers=[])
    assert list(story.promote(story.names["student"]).reviews) == []
    assert len(listed(story)) == 1
