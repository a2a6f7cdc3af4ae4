"""ReviewService: asking for, assigning, deciding and revoking reviews."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from sqlmodel import Session, col, select

from registry.clock import from_timestamp, now, to_timestamp
from registry.context import Registry
from registry.decisions import reviews, rulings
from registry.errors import etag
from registry.listing import fields
from registry.listing.paging import Page
from registry.services.filtering import VersionField
from registry.services.names import namespace_of, version_of
from registry.storage.audit import Event
from registry.storage.lookup import names_of
from registry.storage.tables import Review
from registry.wire import enum_number
from spiritsafe.registry.v1 import licensing_pb2, review_pb2, review_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_FIELDS: fields.Fields = {
    "code": fields.Text(col(Review.code)),
    "license": fields.Text(col(Review.license)),
    "context": fields.Text(col(Review.context)),
    "requester": fields.Text(col(Review.requester)),
    "reviewer": fields.Text(col(Review.reviewer)),
    "assignee": fields.Text(col(Review.assignee)),
    "group": fields.Text(col(Review.group_key)),
    "create_time": fields.Time(col(Review.create_time)),
}


class ReviewService(review_pb2_grpc.ReviewServiceServicer):
    """Approving and revoking advance the licence epoch, so that no verdict from before them is served."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def GetReview(
        self, request: review_pb2.GetReviewRequest, context: grpc.ServicerContext
    ) -> review_pb2.GetReviewResponse:
        with self._registry.database.read() as session:
            review = reviews.get_review(session, current_caller(), request.name)
            return review_pb2.GetReviewResponse(review=_message(session, review))

    def ListReviews(
        self, request: review_pb2.ListReviewsRequest, context: grpc.ServicerContext
    ) -> review_pb2.ListReviewsResponse:
        namespace = namespace_of(request.parent)
        before = from_timestamp(request.expires_before) if request.HasField("expires_before") else None
        page = self._registry.page(request, "ListReviews", namespace, request.filter, str(before))
        with self._registry.database.read() as session:
            rows = _rows(session, namespace, request.filter, before, page)
            kept, token = page.cut(rows, lambda review: review.id or 0)
            return review_pb2.ListReviewsResponse(reviews=_messages(session, kept), next_page_token=token)

    def RequestReviews(
        self, request: review_pb2.RequestReviewsRequest, context: grpc.ServicerContext
    ) -> review_pb2.RequestReviewsResponse:
        name = version_of(request.version, "version")

        def act(session: Session, caller: Caller) -> tuple[review_pb2.RequestReviewsResponse, Event]:
            rows, event = reviews.request_reviews(session, self._registry, caller, name, request)
            return review_pb2.RequestReviewsResponse(reviews=_messages(session, rows)), event

        response_type = review_pb2.RequestReviewsResponse
        return self._registry.mutate("ReviewService/RequestReviews", request, response_type, act)

    def DecideReview(
        self, request: review_pb2.DecideReviewRequest, context: grpc.ServicerContext
    ) -> review_pb2.DecideReviewResponse:
        def act(session: Session, caller: Caller) -> tuple[review_pb2.DecideReviewResponse, Event]:
            review, event = rulings.decide(session, self._registry, caller, request)
            return review_pb2.DecideReviewResponse(review=_message(session, review)), event

        return self._registry.mutate("ReviewService/DecideReview", request, review_pb2.DecideReviewResponse, act)

    def AssignReview(
        self, request: review_pb2.AssignReviewRequest, context: grpc.ServicerContext
    ) -> review_pb2.AssignReviewResponse:
        def act(session: Session, caller: Caller) -> tuple[review_pb2.AssignReviewResponse, Event]:
            review, event = rulings.assign(session, caller, request)
            return review_pb2.AssignReviewResponse(review=_message(session, review)), event

        return self._registry.mutate("ReviewService/AssignReview", request, review_pb2.AssignReviewResponse, act)

    def BatchDecideReviews(
        self, request: review_pb2.BatchDecideReviewsRequest, context: grpc.ServicerContext
    ) -> review_pb2.BatchDecideReviewsResponse:
        namespace = namespace_of(request.parent)

        def act(session: Session, caller: Caller) -> tuple[review_pb2.BatchDecideReviewsResponse, Event]:
            rows, event = rulings.decide_batch(session, self._registry, caller, namespace, request)
            return review_pb2.BatchDecideReviewsResponse(reviews=_messages(session, rows)), event

        response_type = review_pb2.BatchDecideReviewsResponse
        return self._registry.mutate("ReviewService/BatchDecideReviews", request, response_type, act)

    def RevokeReview(
        self, request: review_pb2.RevokeReviewRequest, context: grpc.ServicerContext
    ) -> review_pb2.RevokeReviewResponse:
        def act(session: Session, caller: Caller) -> tuple[review_pb2.RevokeReviewResponse, Event]:
            review, event = rulings.revoke(session, caller, request)
            return review_pb2.RevokeReviewResponse(review=_message(session, review)), event

        return self._registry.mutate("ReviewService/RevokeReview", request, review_pb2.RevokeReviewResponse, act)


def _rows(session: Session, namespace: str, text: str, expires_before: int | None, page: Page) -> Sequence[Review]:
    state = reviews.state_column(now())
    known = {**_FIELDS, "state": fields.Text(state), "version": VersionField(session, col(Review.version_id))}
    query = select(Review).where(Review.namespace == namespace, *fields.where(text, known))
    if expires_before is not None:
        query = query.where(state == "approved", col(Review.expire_time) < expires_before)
    if page.after is not None:
        query = query.where(col(Review.id) < page.after)
    return session.exec(query.order_by(col(Review.id).desc()).limit(page.size + 1)).all()


def _message(session: Session, review: Review) -> review_pb2.Review:
    return _messages(session, [review])[0]


def _messages(session: Session, rows: Sequence[Review]) -> list[review_pb2.Review]:
    names = names_of(session, {version for row in rows for version in (row.version_id, row.origin_id)})
    at = now()
    return [
        review_pb2.Review(
            name=reviews.review_name(row),
            version=str(names[row.version_id]),
            context=enum_number(licensing_pb2.Context, row.context, "context"),
            code=row.code,
            license=row.license,
            origin=str(names[row.origin_id]),
            state=enum_number(review_pb2.ReviewState, reviews.state_at(row, at), "state"),
            requester=row.requester,
            reviewer=row.reviewer,
            rationale=row.rationale,
            evidence_sha256=row.evidence_sha256,
            questions=row.questions,
            answers=row.answers,
            self_administered=row.self_administered,
            create_time=to_timestamp(row.create_time),
            decide_time=to_timestamp(row.decide_time),
            expire_time=to_timestamp(row.expire_time),
            etag=etag(row.revision),
            version_digest=row.version_digest,
            assignee=row.assignee,
            clause=row.clause,
            path=row.path,
            group=row.group_key,
        )
        for row in rows
    ]
