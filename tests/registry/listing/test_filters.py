"""The filter language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.listing.filters import MAX_DEPTH, MAX_RESTRICTIONS, And, Node, Not, Or, Restriction, parse
from spiritsafe.errors import InvalidArgument


def restriction(field: str, operator: str, value: str) -> Restriction:
    return Restriction(field, operator, value, 0)


def without_positions(filter_: Node | None) -> Node | None:
    if isinstance(filter_, Restriction):
        return restriction(filter_.field, filter_.operator, filter_.value)
    if isinstance(filter_, Not):
        return Not(bare(filter_.term))
    if isinstance(filter_, And | Or):
        return type(filter_)(tuple(bare(term) for term in filter_.terms))
    return None


def bare(filter_: Node) -> Node:
    found = without_positions(filter_)
    assert found is not None
    return found


def parsed(text: str) -> Node | None:
    return without_positions(parse(text))


A, B, C = (restriction(name, "=", "1") for name in "abc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("   ", None),
        ("a = 1", A),
        ('a="1"', A),
        ("a = 1 AND b = 1", And((A, B))),
        ("a = 1 OR b = 1", Or((A, B))),
        ("a = 1 AND b = 1 OR c = 1", And((A, Or((B, C))))),  # as in AIP-160, OR binds closer
        ("a = 1 OR b = 1 AND c = 1", And((Or((A, B)), C))),
        ("(a = 1 AND b = 1) OR c = 1", Or((And((A, B)), C))),
        ("NOT a = 1", Not(A)),
        ("-a = 1", Not(A)),
        ("NOT (a = 1 OR b = 1)", Not(Or((A, B)))),
        ("-(a = 1)", Not(A)),
        ("((a = 1))", A),
        ("tags.team = search", restriction("tags.team", "=", "search")),
        ("tags:team", restriction("tags", ":", "team")),
        ('tags."two words" = x', restriction("tags.two words", "=", "x")),
        ("tags.team-a/x.y != 'x'".replace("'", '"'), restriction("tags.team-a/x.y", "!=", "x")),
        ("number >= 12", restriction("number", ">=", "12")),
        ("number < -3", restriction("number", "<", "-3")),
        ("create_time > 2026-11-30T12:00:00Z", restriction("create_time", ">", "2026-11-30T12:00:00Z")),
        ("create_time > 2026-11-30T12:00:00.5+01:00", restriction("create_time", ">", "2026-11-30T12:00:00.5+01:00")),
        ("type = version.*", restriction("type", "=", "version.*")),
        (r'a = "say \"AND\" \\ once"', restriction("a", "=", r'say "AND" \ once')),
        ('a = "1" AND NOT b = "1" AND (c = 1)', And((A, Not(B), C))),
    ],
)
def test_texts_and_their_trees(text: str, expected: Node | None) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind", "expected one of = != < <= > >= : at its end"),
        ('kind == "a"', 'expected a value at "=", position 6'),
        ('kind = "a', "cannot be read at"),
        ('kind = "a" AND', "expected a condition .* at its end"),
        ('AND kind = "a"', "expected"),
        ('kind = "a" kind = "b"', 'expected AND, OR or the end at "kind", position 11'),
        ('"a" = "b"', "expected a condition"),
        ("Kind = a", 'expected a field at "Kind"'),
        ("(kind = a", "expected a closing bracket at its end"),
        ("kind = a)", "expected AND, OR or the end"),
        ("()", "expected a condition"),
        ("NOT", "expected a condition"),
        ("NOT NOT a = 1", "expected"),
        ("kind = 'a'; DROP TABLE versions", "cannot be read at"),
        ("a = 1 AND\x00 b = 1", "cannot be read at"),
        ("a = " + "x" * 5_000, "longer than 4000 characters"),
        (" AND ".join(["a = 1"] * (MAX_RESTRICTIONS + 1)), "more than 50 conditions"),
        ("(" * (MAX_DEPTH + 1) + "a = 1" + ")" * (MAX_DEPTH + 1), "nested deeper than 20 brackets"),
    ],
)
def test_other_texts_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        parse(text)
    assert caught.value.reason == "INVALID_FILTER"
    assert caught.value.violations[0].field == "filter"


_VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FIELDS = st.sampled_from(["kind", "create_time", "tags.team", "tags.a/b", "source.hub_repo"])
_RESTRICTIONS = st.builds(restriction, _FIELDS, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"]), _VALUES)


def _joined(terms: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.builds(And, some) | st.builds(Or, some) | st.builds(Not, terms)


TREES: st.SearchStrategy[Node] = st.recursive(_RESTRICTIONS, _joined, max_leaves=8)


def rendered(filter_: Node) -> str:
    """Every term in brackets of its own."""
    if isinstance(filter_, Restriction):
        value = filter_.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{filter_.field} {filter_.operator} "{value}"'
    if isinstance(filter_, Not):
        return f"NOT ({rendered(filter_.term)})"
    return (" AND " if isinstance(filter_, And) else " OR ").join(f"({rendered(term)})" for term in filter_.terms)


@given(TREES)
def test_what_is_written_is_what_is_read(filter_: Node) -> None:
    assert parsed(rendered(filter_)) == filter_


@given(st.text(st.sampled_from('ab=!<>:()"\\-*. 1ANDORNOT\n\t\x00é'), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        filter_ = parse(text)
    except InvalidArgument:
        return
    assert filter_ is None or parsed(rendered(filter_)) == without_positions(filter_)
