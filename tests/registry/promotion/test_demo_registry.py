"""A registry that was created as a demo takes stand-ins, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from spiritsafe.registry.v1 import promotion_pb2
from tests.registry.builders import Story


@pytest.fixture
def home_options() -> dict[str, Any]:
    return {"demo": True, "embedded": False}


def test_stand_in_is_promoted_and_named(story: Story) -> None:
    tiny = story.build.model("tiny", "base", licenses=["mit"], imported=True, stand_in=True)
    promotion = story.promote(tiny, "research", outbound="")
    assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED
    (check,) = [each for each in promotion.checks if each.check == "stand_in"]
    assert check.passed
    assert "tiny@1" in check.detail


def test_approval_on_a_server_is_not_self_administered(story: Story) -> None:
    (review,) = story.approve_all(story.names["student"])
    assert not review.self_administered
    promotion = story.promote(story.names["student"])
    assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED
    assert not promotion.self_administered
