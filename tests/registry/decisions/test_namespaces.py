"""A caller limited to other namespaces learns nothing, not even what exists."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spiritsafe.client import Client
from spiritsafe.errors import PermissionDenied
from spiritsafe.registry.v1 import agreement_pb2, licensing_pb2, promotion_pb2, review_pb2
from tests.registry.builders import NAMESPACE, Story

MODEL = f"{NAMESPACE}/models/nothing"
CALLS: list[Callable[[Client], object]] = [
    lambda c: c.licenses.EvaluateVersion(licensing_pb2.EvaluateVersionRequest(name=f"{MODEL}/versions/1")),
    lambda c: c.licenses.ConcludeLicenses(licensing_pb2.ConcludeLicensesRequest(name=f"{MODEL}/versions/1")),
    lambda c: c.reviews.RequestReviews(review_pb2.RequestReviewsRequest(version=f"{MODEL}/versions/1")),
    lambda c: c.reviews.GetReview(review_pb2.GetReviewRequest(name=f"{NAMESPACE}/reviews/x")),
    lambda c: c.reviews.DecideReview(review_pb2.DecideReviewRequest(name=f"{NAMESPACE}/reviews/x")),
    lambda c: c.reviews.RevokeReview(review_pb2.RevokeReviewRequest(name=f"{NAMESPACE}/reviews/x")),
    lambda c: c.reviews.ListReviews(review_pb2.ListReviewsRequest(parent=NAMESPACE)),
    lambda c: c.agreements.CreateAgreement(agreement_pb2.CreateAgreementRequest(parent=NAMESPACE)),
    lambda c: c.agreements.GetAgreement(agreement_pb2.GetAgreementRequest(name=f"{NAMESPACE}/agreements/x")),
    lambda c: c.agreements.RevokeAgreement(agreement_pb2.RevokeAgreementRequest(name=f"{NAMESPACE}/agreements/x")),
    lambda c: c.agreements.ListAgreements(agreement_pb2.ListAgreementsRequest(parent=NAMESPACE)),
    lambda c: c.promotions.PromoteVersion(promotion_pb2.PromoteVersionRequest(version=f"{MODEL}/versions/1")),
    lambda c: c.promotions.RollbackChannel(promotion_pb2.RollbackChannelRequest(name=f"{MODEL}/channels/research-a")),
    lambda c: c.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=f"{MODEL}/channels/research-a")),
    lambda c: c.promotions.ListChannels(promotion_pb2.ListChannelsRequest(parent=NAMESPACE)),
    lambda c: c.promotions.ListChannels(promotion_pb2.ListChannelsRequest(parent=MODEL)),
    lambda c: c.promotions.ListPromotions(promotion_pb2.ListPromotionsRequest(parent=f"{MODEL}/channels/research-a")),
    lambda c: c.promotions.CheckDeployment(
        promotion_pb2.CheckDeploymentRequest(version=f"{MODEL}/versions/1", context=licensing_pb2.CONTEXT_RESEARCH)
    ),
]


@pytest.mark.parametrize("call", CALLS)
def test_other_namespaces_are_out_of_reach(shared_story: Story, call: Callable[[Client], object]) -> None:
    stranger = shared_story.client("publisher", "reviewer", "releaser", identity="eve", namespaces=("elsewhere",))
    with pytest.raises(PermissionDenied) as caught:
        call(stranger)
    assert caught.value.reason == "NAMESPACE_NOT_GRANTED"
