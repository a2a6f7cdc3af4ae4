"""Bounds and bookkeeping of stored exposures."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from registry.licensing import EdgeType, NodeExposures, inherit


def diamond(depth: int) -> NodeExposures:
    top = inherit("n00")
    for layer in range(1, depth + 1):
        sides = [inherit(f"n{layer:02}{side}", None, [(EdgeType.FINETUNE, top)]) for side in "ab"]
        top = inherit(f"n{layer:02}", None, [(EdgeType.MERGE, side) for side in sides])
    return top


def chain(length: int, edges: list[EdgeType]) -> NodeExposures:
    node = inherit("n000")
    for index in range(1, length):
        node = inherit(f"n{index:03}", None, [(edges[index % len(edges)], node)])
    return node


def test_a_diamond_of_depth_60_has_one_exposure_for_each_origin_and_is_fast() -> None:
    seconds = []
    for _ in range(5):
        started = time.process_time()
        exposures = diamond(60)
        seconds.append(time.process_time() - started)
    assert len(exposures) == len(exposures.origins) == 181
    assert min(seconds) < 0.05


def test_ties_between_shortest_paths_go_to_the_lower_node_id() -> None:
    (path,) = (exposure.path for exposure in diamond(2) if exposure.origin == "n00")
    assert path.nodes == ("n02", "n02a", "n01", "n01a", "n00")


@pytest.mark.parametrize(
    "edges",
    [[EdgeType.FINETUNE], [EdgeType.TRAINED_ON, EdgeType.GENERATED_BY], [EdgeType.ADAPTER, EdgeType.MERGE]],
)
def test_a_chain_of_300_gives_each_origin_as_many_exposures_as_a_chain_of_3(edges: list[EdgeType]) -> None:
    for length in (3, 300):
        exposures = chain(length, edges)
        assert len(exposures) == len(exposures.origins) == length
        assert max(len(crossings.steps) for crossings in exposures.paths) <= 3


def test_stored_size_is_linear_in_the_length_of_a_chain() -> None:
    short, long = (len(json.dumps(chain(length, [EdgeType.FINETUNE]).to_json())) for length in (30, 300))
    assert long < 12 * short


def test_families_follow_weights_edges_only() -> None:
    base = inherit("base", "llama3")
    assert inherit("tuned", None, [(EdgeType.FINETUNE, base)]).families == {"llama3"}
    assert inherit("student", None, [(EdgeType.DISTILL_LOGITS, base)]).families == frozenset()


def test_evaluation_and_tokenizer_edges_expose_nothing() -> None:
    other = inherit("other")
    for edge in (EdgeType.EVALUATED_ON, EdgeType.EVALUATED_AGAINST, EdgeType.TOKENIZER_OF):
        assert inherit("node", None, [(edge, other)]) == inherit("node")


def test_a_cycle_is_refused() -> None:
    child = inherit("child", None, [(EdgeType.FINETUNE, inherit("parent"))])
    with pytest.raises(ValueError, match="parent is an ancestor of itself"):
        inherit("parent", None, [(EdgeType.MERGE, child)])


def test_a_diamond_over_mixed_edges_stays_small() -> None:
    types = [
        EdgeType.FINETUNE,
        EdgeType.DISTILL_OUTPUTS,
        EdgeType.TRAINED_ON,
        EdgeType.GENERATED_BY,
        EdgeType.ADAPTER,
    ]
    cycle = itertools.cycle(types)
    top = inherit("n00")
    for layer in range(1, 31):
        sides = [inherit(f"n{layer:02}{side}", None, [(next(cycle), top)]) for side in "ab"]
        top = inherit(f"n{layer:02}", None, [(next(cycle), side) for side in sides])
    assert len(top.origins) == 91
    assert len(top) < 15 * len(top.origins)  # of 2^30 paths
