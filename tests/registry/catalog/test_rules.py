"""Kinds, edges and cycles."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.rules import ENDS, check_edge, check_external, check_files_declared, check_kind, find_cycle
from registry.licensing.vocabulary import EdgeType
from spiritsafe.errors import InvalidArgument


def test_every_edge_type_has_its_ends() -> None:
    assert set(ENDS) == set(EdgeType)


@pytest.mark.parametrize(
    ("kind", "collection"), [("adapter", "datasets"), ("prompts", "models"), ("", "models"), ("", "datasets")]
)
def test_kinds_belong_to_one_collection(kind: str, collection: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_kind(kind, collection)
    assert caught.value.violations[0].field == "version.kind"


@pytest.mark.parametrize(
    ("type_", "child", "parent"),
    [
        ("trained_on", ("models", "full"), "datasets"),
        ("generated_by", ("datasets", "trajectories"), "models"),
        ("judged_by", ("datasets", "trajectories"), "models"),
        ("derived_from", ("datasets", "prompts"), "datasets"),
        ("adapter", ("models", "adapter"), "models"),
        ("merge", ("models", "full"), "models"),
        ("finetune", ("models", "base"), "models"),
    ],
)
def test_edges_that_fit(type_: str, child: tuple[str, str], parent: str) -> None:
    check_edge("edge.type", type_, child, parent)


@pytest.mark.parametrize(
    ("type_", "child", "parent"),
    [
        ("trained_on", ("models", "full"), "models"),
        ("trained_on", ("datasets", "prompts"), "datasets"),
        ("generated_by", ("models", "full"), "models"),
        ("generated_by", ("datasets", "prompts"), "datasets"),
        ("derived_from", ("models", "full"), "models"),
        ("finetune", ("datasets", "prompts"), "models"),
        ("distill_outputs", ("models", "full"), "datasets"),
        # An adapter edge may count as contested; merged weights must not travel under it.
        ("adapter", ("models", "full"), "models"),
    ],
)
def test_edges_that_do_not_fit(type_: str, child: tuple[str, str], parent: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_edge("edge.type", type_, child, parent)
    assert caught.value.reason == "EDGE_TYPE_MISMATCH"


def test_an_edge_needs_a_type() -> None:
    with pytest.raises(InvalidArgument, match="needs a type"):
        check_edge("edge.type", "", ("models", "full"), "models")


def test_only_an_imported_version_may_have_no_files() -> None:
    check_files_declared(True, 0)
    check_files_declared(False, 1)
    with pytest.raises(InvalidArgument) as caught:
        check_files_declared(False, 0)
    assert caught.value.reason == "NO_FILES"


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("imported", "repo", "revision", "reason"),
    [
        (False, "acme/tool", COMMIT, "EXTERNAL_NOT_IMPORTED"),
        (True, "", COMMIT, "EXTERNAL_WITHOUT_SOURCE"),
        (True, "acme/../api", COMMIT, "EXTERNAL_WITHOUT_SOURCE"),
        (True, "http://evil.example/a", COMMIT, "EXTERNAL_WITHOUT_SOURCE"),
        (True, "acme/tool", "main", "EXTERNAL_WITHOUT_SOURCE"),
    ],
)
def test_external_files_lie_at_a_commit_of_a_repository(imported: bool, repo: str, revision: str, reason: str) -> None:
    check_external([False, False], imported, repo, revision)
    check_external([False, True], True, "acme/tool", COMMIT)
    with pytest.raises(InvalidArgument) as caught:
        check_external([False, True], imported, repo, revision)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, "version.files[1].external")


def test_a_self_edge_is_a_cycle() -> None:
    assert find_cycle({}, 1, 1) == [1, 1]


def test_the_shortest_cycle_is_named() -> None:
    parents = {2: [5, 3], 3: [4], 4: [1], 5: [1]}
    assert find_cycle(parents, 1, 2) == [1, 2, 5, 1]


def test_a_deep_diamond_without_a_cycle_is_no_work() -> None:
    parents = {level * 2 + side: [level * 2 + 2, level * 2 + 3] for level in range(60) for side in (0, 1)}
    assert find_cycle(parents, 1000, 0) == []


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25), st.integers(0, 8), st.integers(0, 8))
def test_a_cycle_is_named_exactly_when_the_child_is_above_the_parent(
    edges: list[tuple[int, int]], child: int, parent: int
) -> None:
    parents: dict[int, list[int]] = {}
    for one, other in edges:
        parents.setdefault(one, []).append(other)
    above = {parent}
    for _ in range(9):
        above |= {other for one, other in edges if one in above}
    cycle = find_cycle(parents, child, parent)
    assert bool(cycle) == (child in above)
    if cycle:
        assert cycle[:2] == [child, parent]
        assert cycle[-1] == child
        assert all(pair in edges for pair in pairwise(cycle[1:]))
