"""The filter language."""

from __future__ import annotations

import pytest

from registry.listing.filters import Condition, parse
from spiritsafe.errors import InvalidArgument

FIELDS = ("kind", "stand_in", "tags.")


def test_conditions_joined_by_and() -> None:
    text = 'kind = "adapter" AND tags.team-a/x.y != "a \\"b\\" AND c"  AND  stand_in=true'
    assert parse(text, FIELDS) == [
        Condition("kind", True, "adapter"),
        Condition("tags.team-a/x.y", False, 'a "b" AND c'),
        Condition("stand_in", True, "true"),
    ]


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_filter_has_no_conditions(text: str) -> None:
    assert parse(text, FIELDS) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind", "not of the form"),
        ('kind == "a"', "not of the form"),
        ('kind > "a"', "not of the form"),
        ('kind = "a', "not of the form"),
        ('kind = "a" AND', "expected AND|not of the form"),
        ('AND kind = "a"', "not of the form"),
        ('kind = "a" OR kind = "b"', "expected AND"),
        ('kind = "a" kind = "b"', "expected AND"),
        ('color = "a"', "color cannot be filtered by; known: kind, stand_in, tags.KEY"),
        ('tags = "a"', "tags cannot be filtered by"),
        ('kind.x = "a"', "kind.x cannot be filtered by"),
        ("kind = 'a'; DROP TABLE versions", "not of the form"),
    ],
)
def test_other_texts_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        parse(text, FIELDS)
    assert caught.value.reason == "INVALID_FILTER"


def test_not_equal_is_the_opposite_of_equal() -> None:
    for actual in ("a", "b", None):
        assert Condition("kind", True, "a").holds(actual) != Condition("kind", False, "a").holds(actual)
