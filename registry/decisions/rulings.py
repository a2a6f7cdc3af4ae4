"""What people do with a review: assign it, decide it alone or with its group, and take an approval back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from registry.clock import from_timestamp, now
from registry.context import Registry
from registry.decisions.checks import check_four_eyes, check_sha256, distinct, required_text
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.reviews import get_review, reach_of, review_name
from registry.errors import check_etag, invalid, wrong_state
from registry.storage.audit import Event
from registry.storage.tables import Review, Version
from spiritsafe.errors import FailedPrecondition
from spiritsafe.registry.v1 import review_pb2
from spiritsafe.rpc.caller import Caller

VALID_FOR_MICROS = 365 * 24 * 3600 * 1_000_000
MAX_BATCH = 1_000
Ruling = review_pb2.DecideReviewRequest | review_pb2.BatchDecideReviewsRequest


def assign(session: Session, caller: Caller, request: review_pb2.AssignReviewRequest) -> tuple[Review, Event]:
    """Records who is asked to decide; an empty assignee takes that back.

    Raises:
        FailedPrecondition: it is decided already.
        PermissionDenied: the assignee registered the version or asked for the review, and so may not decide it.
    """
    review = get_review(session, caller, request.name)
    _check_open(review)
    check_etag(request.etag, review.revision, request.name)
    assignee = request.assignee.strip()
    if assignee:
        check_four_eyes(assignee, f"be asked to decide {request.name}", _involved(session, review))
    before, review.assignee = review.assignee, assignee
    review.revision += 1
    session.add(review)
    details = {"before": before, "assignee": assignee, "note": request.note.strip()}
    return review, Event("review.assigned", request.name, details)


def decide(
    session: Session, registry: Registry, caller: Caller, request: review_pb2.DecideReviewRequest
) -> tuple[Review, Event]:
    """Records the decision on an open review.

    Raises:
        InvalidArgument: no decision or rationale, an expiry that has passed, or answers that do not fit the questions.
        FailedPrecondition: it is decided already.
        PermissionDenied: the caller registered the version or asked for the review.
    """
    review = get_review(session, caller, request.name)
    _check_open(review)
    check_etag(request.etag, review.revision, request.name)
    _rule(session, registry, caller, review, request)
    if review.state == "approved":
        bump_epoch(session, reach_of(review))
    return review, Event(f"review.{review.state}", request.name, _details(review))


def decide_batch(
    session: Session, registry: Registry, caller: Caller, namespace: str, request: review_pb2.BatchDecideReviewsRequest
) -> tuple[list[Review], Event]:
    """Records one decision on several open reviews of one group, on all or on none.

    Raises what ``decide`` raises, and InvalidArgument for reviews that do not ask the same or are of other namespaces.
    """
    reviews = _batch(session, caller, namespace, request.names)
    for review in reviews:
        _check_open(review)
        _rule(session, registry, caller, review, request)
    state = reviews[0].state
    if state == "approved":
        bump_epoch(session, Reach(version_ids=tuple(review.version_id for review in reviews), descend=False))
    details = _details(reviews[0]) | {"reviews": request.names[:], "group": reviews[0].group_key}
    details["version_digest"] = [review.version_digest for review in reviews]
    return reviews, Event(f"review.batch_{state}", f"namespaces/{namespace}", details)


def revoke(session: Session, caller: Caller, request: review_pb2.RevokeReviewRequest) -> tuple[Review, Event]:
    """Takes an approval back from now on. Raises FailedPrecondition unless it is approved."""
    review = get_review(session, caller, request.name)
    if review.state != "approved":
        raise _wrong_state(review, "REVIEW_NOT_APPROVED", "only an approval can be revoked")
    check_etag(request.etag, review.revision, request.name)
    rationale = required_text(request.rationale, "rationale")
    review.state = "revoked"
    review.revision += 1
    session.add(review)
    bump_epoch(session, reach_of(review))
    # The row keeps the rationale of the approval; that of its end is in the event.
    return review, Event("review.revoked", request.name, _details(review) | {"rationale": rationale})


def _batch(session: Session, caller: Caller, namespace: str, names: Sequence[str]) -> list[Review]:
    if not 1 <= len(names) <= MAX_BATCH:
        raise invalid("names", f"{len(names)} reviews; give 1 to {MAX_BATCH}", reason="BATCH_SIZE")
    if len(distinct(names)) != len(names):
        raise invalid("names", "names a review twice", remedy="name each once")
    reviews = [get_review(session, caller, name) for name in names]
    for index, review in enumerate(reviews):
        if review.namespace != namespace:
            raise invalid(f"names[{index}]", f"{review_name(review)} is not in namespaces/{namespace}")
        # Reviews from before groups were kept belong to none, so that no two of them are known to ask the same.
        if len(reviews) > 1 and (not review.group_key or review.group_key != reviews[0].group_key):
            raise invalid(
                f"names[{index}]",
                f"{review_name(review)} does not ask the same as {review_name(reviews[0])}",
                reason="REVIEWS_DIFFER",
                remedy="decide reviews together that share context, code, licence, origin and path: equal `group`",
            )
    return reviews


def _check_open(review: Review) -> None:
    if review.state != "open":
        raise _wrong_state(review, "REVIEW_NOT_OPEN", "ask for a new review with RequestReviews")


def _involved(session: Session, review: Review) -> dict[str, str]:
    version = session.get_one(Version, review.version_id)
    return {"creator": version.creator, "requester": review.requester}


def _rule(session: Session, registry: Registry, caller: Caller, review: Review, ruling: Ruling) -> None:
    check_four_eyes(caller.identity, f"decide {review_name(review)}", _involved(session, review))
    review.rationale = required_text(ruling.rationale, "rationale")
    review.evidence_sha256 = ruling.evidence_sha256 and check_sha256(ruling.evidence_sha256, "evidence_sha256")
    review.state = _decision(ruling)
    review.answers = _answers(review, ruling)
    review.reviewer = caller.identity
    review.self_administered = registry.embedded
    review.decide_time = now()
    if review.state == "approved":
        review.expire_time = _expiry(ruling, review.decide_time)
    review.revision += 1
    session.add(review)


def _decision(ruling: Ruling) -> str:
    if ruling.decision == review_pb2.REVIEW_DECISION_APPROVE:
        return "approved"
    if ruling.decision == review_pb2.REVIEW_DECISION_REJECT:
        return "rejected"
    raise invalid("decision", "must be APPROVE or REJECT", reason="REQUIRED_FIELD")


def _answers(review: Review, ruling: Ruling) -> list[str]:
    """An approval answers every question; a rejection may leave them."""
    if len(ruling.answers) != len(review.questions) and (ruling.answers or review.state == "approved"):
        description = f"{len(review.questions)} questions, {len(ruling.answers)} answers"
        raise invalid("answers", description, remedy="answer every question of the review, in their order")
    return [required_text(answer, "answers") for answer in ruling.answers]


def _expiry(ruling: Ruling, at: int) -> int:
    if not ruling.HasField("expire_time"):
        return at + VALID_FOR_MICROS
    expiry = from_timestamp(ruling.expire_time)
    if expiry <= at:
        raise invalid("expire_time", "has passed already", remedy="choose a time in the future, or leave it out")
    return expiry


def _wrong_state(review: Review, reason: str, remedy: str) -> FailedPrecondition:
    return wrong_state(review_name(review), f"is {review.state}", reason=reason, remedy=remedy)


def _details(review: Review) -> dict[str, object]:
    fields = ("context", "code", "license", "rationale", "evidence_sha256", "self_administered", "expire_time")
    return {field: getattr(review, field) for field in fields} | {"version_digest": review.version_digest}
