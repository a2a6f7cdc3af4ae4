"""Reviews: a named person's decision on one contested reason of one exact version in one context."""

from __future__ import annotations

import re
from typing import NamedTuple, cast
from uuid import uuid4

from sqlmodel import Session, col, select

from registry.clock import from_timestamp, now
from registry.context import Registry
from registry.decisions.checks import check_four_eyes, check_sha256, context_text, required_text
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.evaluation import evaluate
from registry.decisions.questions import questions_for
from registry.errors import check_etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.storage.audit import Event
from registry.storage.lookup import get_version, version_name
from registry.storage.tables import Node, Review, Version
from spiritsafe.errors import FailedPrecondition, PolicyDenied
from spiritsafe.registry.v1 import licensing_pb2, review_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

VALID_FOR_MICROS = 365 * 24 * 3600 * 1_000_000
_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/reviews/(?P<uid>[^/]+)")


class Key(NamedTuple):
    """What one review speaks of, within a version and context. ``origin`` is a resource name."""

    code: str
    license: str
    origin: str


def reach_of(review: Review) -> Reach:
    """What its decision or end may change: the version that it speaks of, and nothing that descends from it."""
    return Reach(version_ids=(review.version_id,), descend=False)


def review_name(review: Review) -> str:
    return f"namespaces/{review.namespace}/reviews/{review.uid}"


def get_review(session: Session, caller: Caller, name: str) -> Review:
    """The review of that name. Raises InvalidArgument, PermissionDenied for a namespace out of reach, or NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid("name", f"{name!r} is not of the form namespaces/NAMESPACE/reviews/REVIEW", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    query = select(Review).where(Review.namespace == match["namespace"], Review.uid == match["uid"])
    review = session.exec(query).first()
    if review is None:
        raise not_found(name)
    return review


def open_reviews(session: Session, version: Version, context: str) -> list[Review]:
    """Reviews of the version in the context that wait for a decision, oldest first."""
    query = select(Review).where(Review.version_id == version.id, Review.context == context, Review.state == "open")
    return list(session.exec(query.order_by(col(Review.id))))


def request_reviews(
    session: Session,
    registry: Registry,
    caller: Caller,
    of: VersionName,
    request: review_pb2.RequestReviewsRequest,
) -> tuple[list[Review], Event]:
    """Opens a review for every open reason that one can lift; those open already stay as they are.

    Raises:
        PolicyDenied: reasons stand in the way, and no review can lift any of them.
        FailedPrecondition: a draft, or nothing to review.
    """
    node, version = get_version(session, of)
    context = context_text(request.context)
    evaluation = evaluate(
        session,
        registry,
        node,
        version,
        context,
        outbound=request.outbound_license,
        distributed=request.distributed,
    )
    keys = _liftable(evaluation)
    waiting = {_key(session, review): review for review in open_reviews(session, version, context)}
    opened = [_open(session, node, version, context, key, caller) for key in keys if key not in waiting]
    session.add_all(opened)
    session.flush()
    details = {"context": context, "opened": [review_name(each) for each in opened]}
    reviews = [waiting[key] for key in keys if key in waiting] + opened
    return reviews, Event("review.requested", evaluation.version, details)


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
    if review.state != "open":
        raise _wrong_state(review, "REVIEW_NOT_OPEN", "ask for a new review with RequestReviews")
    check_etag(request.etag, review.revision, request.name)
    version = session.get_one(Version, review.version_id)
    involved = {"creator": version.creator, "requester": review.requester}
    check_four_eyes(caller.identity, f"decide {request.name}", involved)
    review.rationale = required_text(request.rationale, "rationale")
    review.evidence_sha256 = request.evidence_sha256 and check_sha256(request.evidence_sha256, "evidence_sha256")
    review.state = _decision(request)
    review.answers = _answers(review, request)
    review.reviewer = caller.identity
    review.self_administered = registry.embedded
    review.decide_time = now()
    if review.state == "approved":
        review.expire_time = _expiry(request, review.decide_time)
        bump_epoch(session, reach_of(review))
    review.revision += 1
    session.add(review)
    return review, Event(f"review.{review.state}", request.name, _details(review))


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


def _liftable(evaluation: licensing_pb2.Evaluation) -> list[Key]:
    keys = [Key(each.code, each.licenses[0], each.origin) for each in evaluation.reasons if each.liftable]
    if keys:
        return keys
    if not evaluation.reasons:
        raise wrong_state(
            evaluation.version, "has no open reason in this context", reason="NOTHING_TO_REVIEW", remedy="promote it"
        )
    codes = sorted({reason.code for reason in evaluation.reasons})
    raise PolicyDenied(
        f"no review can lift {', '.join(codes)} of {evaluation.version}",
        reason="NOT_LIFTABLE",
        remedy="; ".join(sorted({reason.remedy for reason in evaluation.reasons})),
        metadata={"resource": evaluation.version, "codes": ",".join(codes)},
    )


def _key(session: Session, review: Review) -> Key:
    origin = session.get_one(Version, review.origin_id)
    return Key(review.code, review.license, str(version_name(session.get_one(Node, origin.node_id), origin)))


def _open(session: Session, node: Node, version: Version, context: str, key: Key, caller: Caller) -> Review:
    _, origin = get_version(session, key.origin)
    return Review(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=cast("int", version.id),
        version_digest=version.digest,
        context=context,
        code=key.code,
        license=key.license,
        origin_id=cast("int", origin.id),
        requester=caller.identity,
        questions=questions_for(key.code),
        create_time=now(),
    )


def _decision(request: review_pb2.DecideReviewRequest) -> str:
    if request.decision == review_pb2.REVIEW_DECISION_APPROVE:
        return "approved"
    if request.decision == review_pb2.REVIEW_DECISION_REJECT:
        return "rejected"
    raise invalid("decision", "must be APPROVE or REJECT", reason="REQUIRED_FIELD")


def _answers(review: Review, request: review_pb2.DecideReviewRequest) -> list[str]:
    """An approval answers every question; a rejection may leave them."""
    if len(request.answers) != len(review.questions) and (request.answers or review.state == "approved"):
        description = f"{len(review.questions)} questions, {len(request.answers)} answers"
        raise invalid("answers", description, remedy="answer every question of the review, in their order")
    return [required_text(answer, "answers") for answer in request.answers]


def _expiry(request: review_pb2.DecideReviewRequest, at: int) -> int:
    if not request.HasField("expire_time"):
        return at + VALID_FOR_MICROS
    expiry = from_timestamp(request.expire_time)
    if expiry <= at:
        raise invalid("expire_time", "has passed already", remedy="choose a time in the future, or leave it out")
    return expiry


def _wrong_state(review: Review, reason: str, remedy: str) -> FailedPrecondition:
    return wrong_state(review_name(review), f"is {review.state}", reason=reason, remedy=remedy)


def _details(review: Review) -> dict[str, object]:
    fields = ("context", "code", "license", "rationale", "evidence_sha256", "self_administered", "expire_time")
    return {field: getattr(review, field) for field in fields} | {"version_digest": review.version_digest}
