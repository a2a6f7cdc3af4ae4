"""Reviews: questions to a person about one contested reason of one exact version in one context. See `rulings`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple, cast
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, case
from sqlmodel import Session, col, select

from registry.clock import now
from registry.context import Registry
from registry.decisions.checks import context_text
from registry.decisions.epoch import Reach
from registry.decisions.evaluation import evaluate
from registry.decisions.questions import questions_for
from registry.errors import invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.storage.audit import Event
from registry.storage.lookup import get_version, version_name
from registry.storage.tables import Node, Review, Version
from registry.wire import enum_text
from spiritsafe.errors import PolicyDenied
from spiritsafe.registry.v1 import licensing_pb2, review_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import VersionName

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


def state_at(review: Review, at: int) -> str:
    """The state as a reader sees it at a time: an approval whose time is over is `expired`."""
    over = review.state == "approved" and review.expire_time is not None and review.expire_time <= at
    return "expired" if over else review.state


def state_column(at: int) -> ColumnElement[str]:
    """``state_at`` as a column to filter by."""
    over = and_(col(Review.state) == "approved", col(Review.expire_time) <= at)
    return case((over, "expired"), else_=col(Review.state))


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
    reasons = _liftable(evaluation)
    waiting = {_key_of(session, review): review for review in open_reviews(session, version, context)}
    new = [each for each in reasons if _key(each) not in waiting]
    opened = _open_all(session, (node, version), context, caller, new)
    details = {"context": context, "opened": [review_name(each) for each in opened]}
    known = [waiting[_key(each)] for each in reasons if _key(each) in waiting]
    return known + opened, Event("review.requested", evaluation.version, details)


def open_for_promotion(
    session: Session, caller: Caller, of: tuple[Node, Version], evaluation: licensing_pb2.Evaluation
) -> list[Review]:
    """Opens the reviews that a promotion waits for. A reason that was rejected before is not asked again unasked."""
    version = of[1]
    context = enum_text(licensing_pb2.Context, evaluation.context)
    asked = {_key_of(session, review) for review in _asked(session, version, context)}
    reasons = [each for each in evaluation.reasons if each.liftable and _key(each) not in asked]
    return _open_all(session, of, context, caller, reasons)


def group_key(context: str, origin_uid: str, reason: licensing_pb2.Reason) -> str:
    """Equal for reasons that ask the same of a reviewer: 32 hexadecimal digits over context, code, licence, origin and
    the types of the edges between subject and origin."""
    asked = [context, reason.code, reason.licenses[0], origin_uid, *reason.path[1::2]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]


def _liftable(evaluation: licensing_pb2.Evaluation) -> list[licensing_pb2.Reason]:
    reasons = [each for each in evaluation.reasons if each.liftable]
    if reasons:
        return reasons
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


def _key(reason: licensing_pb2.Reason) -> Key:
    return Key(reason.code, reason.licenses[0], reason.origin)


def _key_of(session: Session, review: Review) -> Key:
    origin = session.get_one(Version, review.origin_id)
    return Key(review.code, review.license, str(version_name(session.get_one(Node, origin.node_id), origin)))


def _asked(session: Session, version: Version, context: str) -> Sequence[Review]:
    """Reviews of the version in the context that are open, or were answered with no."""
    query = select(Review).where(Review.version_id == version.id, Review.context == context)
    return session.exec(query.where(col(Review.state).in_(("open", "rejected")))).all()


def _open_all(
    session: Session, of: tuple[Node, Version], context: str, caller: Caller, reasons: Sequence[licensing_pb2.Reason]
) -> list[Review]:
    opened = [_open(session, of, context, reason, caller) for reason in reasons]
    session.add_all(opened)
    session.flush()
    return opened


def _open(
    session: Session, of: tuple[Node, Version], context: str, reason: licensing_pb2.Reason, caller: Caller
) -> Review:
    node, version = of
    _, origin = get_version(session, reason.origin)
    return Review(
        uid=uuid4().hex,
        namespace=node.namespace,
        version_id=cast("int", version.id),
        version_digest=version.digest,
        context=context,
        code=reason.code,
        license=reason.licenses[0],
        origin_id=cast("int", origin.id),
        clause=reason.clause,
        path=list(reason.path),
        group_key=group_key(context, origin.uid, reason),
        requester=caller.identity,
        questions=questions_for(reason.code),
        create_time=now(),
    )
