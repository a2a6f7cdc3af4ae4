"""Page tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.listing.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page, Pages
from spiritsafe.errors import InvalidArgument
from spiritsafe.rpc.caller import Caller, set_caller

ROWS = list(range(1, 11))
ADA = Caller("ada@example.com", namespaces=frozenset({"lab", "shop"}))


def pages(key: bytes = b"k" * 32) -> Pages:
    return Pages(key)


@pytest.fixture(autouse=True)
def calling() -> Iterator[None]:
    set_caller(ADA)
    yield
    set_caller(None)


def after(page: Page) -> list[int]:
    return [row for row in ROWS if page.after is None or row > int(page.after)]


def test_pages_cover_everything_once() -> None:
    seen: list[int] = []
    token = ""
    for _ in range(4):
        page = pages().read(3, token, "List", "parent", "")
        rows, token = page.cut(after(page)[: page.size + 1], lambda row: row)
        seen += rows
    assert seen == ROWS
    assert token == ""


def test_the_last_full_page_has_no_token() -> None:
    assert pages().read(10, "", "List").cut(ROWS, lambda row: row) == (ROWS, "")


@pytest.mark.parametrize(("asked", "given"), [(0, DEFAULT_PAGE_SIZE), (7, 7), (5000, MAX_PAGE_SIZE)])
def test_sizes(asked: int, given: int) -> None:
    assert pages().read(asked, "", "List").size == given


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        pages().read(-1, "", "List")
    assert caught.value.violations[0].field == "page_size"


@pytest.mark.parametrize("query", [("List", "b", ""), ("Other", "a", ""), ("List", "a", "x"), ("List", "", "a")])
def test_a_token_of_another_query_is_refused(query: tuple[str, ...]) -> None:
    _, token = pages().read(1, "", "List", "a", "").cut(ROWS, lambda row: row)
    with pytest.raises(InvalidArgument) as caught:
        pages().read(1, token, *query)
    assert caught.value.reason == "INVALID_PAGE_TOKEN"


def encoded(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode("latin-1")).decode()


@pytest.mark.parametrize(
    "token",
    ["x", "5", "not base64!", *map(encoded, ["\xff\xfe", "7", "[]", "{}", "null", "[1]", '["a", "b", "c"]'])],
)
def test_a_damaged_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        pages().read(1, token, "List")
    assert caught.value.reason == "INVALID_PAGE_TOKEN"


def test_matching_goes_on_until_the_page_is_full() -> None:
    page = pages().read(2, "", "List")
    rows, token = page.cut_matching(ROWS, 9, lambda row: row, lambda row: row % 3 == 0)
    assert rows == [3, 6]
    assert pages().read(2, token, "List").after == 6


def test_matching_stops_at_the_limit_and_says_where() -> None:
    page = pages().read(2, "", "List")
    rows, token = page.cut_matching(ROWS, 4, lambda row: row, lambda row: row == 9)
    assert rows == []
    assert pages().read(2, token, "List").after == 4


def test_matching_ends_with_the_last_row() -> None:
    page = pages().read(5, "", "List")
    assert page.cut_matching(ROWS, 20, lambda row: row, lambda row: row > 8) == ([9, 10], "")
    assert page.cut_matching([], 20, lambda row: row, lambda row: True) == ([], "")


@pytest.mark.parametrize(
    "other",
    [
        Caller("bob@example.com", namespaces=ADA.namespaces),
        Caller(ADA.identity, namespaces=frozenset({"lab"})),
        Caller(ADA.identity),
    ],
)
def test_a_token_of_another_caller_is_refused(other: Caller) -> None:
    _, token = pages().read(1, "", "List").cut(ROWS, lambda row: row)
    set_caller(other)
    with pytest.raises(InvalidArgument, match="another caller"):
        pages().read(1, token, "List")


def test_a_token_under_another_key_is_refused() -> None:
    _, token = pages(b"a" * 32).read(1, "", "List").cut(ROWS, lambda row: row)
    with pytest.raises(InvalidArgument):
        pages(b"b" * 32).read(1, token, "List")


@given(position=st.integers(min_value=0), change=st.integers(min_value=1, max_value=63))
def test_no_changed_character_goes_unnoticed(position: int, change: int) -> None:
    # A key whose length leaves no idle bits in the last character.
    _, token = pages().read(1, "", "List").cut(["abc", "def"], lambda row: row)
    assert len(token) % 4 == 0
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    index = position % len(token)
    other = alphabet[(alphabet.index(token[index]) + change) % 64]
    with pytest.raises(InvalidArgument):
        pages().read(1, token[:index] + other + token[index + 1 :], "List")


def test_keys_of_several_values_come_back_as_they_went() -> None:
    key = [1_700_000_000_000_000, "naïve", 7]
    _, token = pages().read(1, "", "List").cut(ROWS, lambda _row: key)
    assert pages().read(1, token, "List").after == key
