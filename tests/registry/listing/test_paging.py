"""Page tokens."""

from __future__ import annotations

import base64

import pytest

from registry.listing.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page
from spiritsafe.errors import InvalidArgument

ROWS = list(range(1, 11))


def after(page: Page) -> list[int]:
    return [row for row in ROWS if page.after is None or row > int(page.after)]


def test_pages_cover_everything_once() -> None:
    seen: list[int] = []
    token = ""
    for _ in range(4):
        page = Page.read(3, token, "List", "parent", "")
        rows, token = page.cut(after(page)[: page.size + 1], lambda row: row)
        seen += rows
    assert seen == ROWS
    assert token == ""


def test_the_last_full_page_has_no_token() -> None:
    assert Page.read(10, "", "List").cut(ROWS, lambda row: row) == (ROWS, "")


@pytest.mark.parametrize(("asked", "given"), [(0, DEFAULT_PAGE_SIZE), (7, 7), (5000, MAX_PAGE_SIZE)])
def test_sizes(asked: int, given: int) -> None:
    assert Page.read(asked, "", "List").size == given


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        Page.read(-1, "", "List")
    assert caught.value.violations[0].field == "page_size"


@pytest.mark.parametrize("query", [("List", "b", ""), ("Other", "a", ""), ("List", "a", "x"), ("List", "", "a")])
def test_a_token_of_another_query_is_refused(query: tuple[str, ...]) -> None:
    _, token = Page.read(1, "", "List", "a", "").cut(ROWS, lambda row: row)
    with pytest.raises(InvalidArgument) as caught:
        Page.read(1, token, *query)
    assert caught.value.reason == "INVALID_PAGE_TOKEN"


def encoded(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode("latin-1")).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "5", "not base64!", *map(encoded, ["\xff\xfe", "7", "[]", "{}", "null", "[1]", '["a", "b", "c"]'])],
)
def test_a_damaged_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Page.read(1, token, "List")
    assert caught.value.reason == "INVALID_PAGE_TOKEN"


def test_matching_goes_on_until_the_page_is_full() -> None:
    page = Page.read(2, "", "List")
    rows, token = page.cut_matching(ROWS, 9, lambda row: row, lambda row: row % 3 == 0)
    assert rows == [3, 6]
    assert Page.read(2, token, "List").after == 6


def test_matching_stops_at_the_limit_and_says_where() -> None:
    page = Page.read(2, "", "List")
    rows, token = page.cut_matching(ROWS, 4, lambda row: row, lambda row: row == 9)
    assert rows == []
    assert Page.read(2, token, "List").after == 4


def test_matching_ends_with_the_last_row() -> None:
    page = Page.read(5, "", "List")
    assert page.cut_matching(ROWS, 20, lambda row: row, lambda row: row > 8) == ([9, 10], "")
    assert page.cut_matching([], 20, lambda row: row, lambda row: True) == ([], "")
