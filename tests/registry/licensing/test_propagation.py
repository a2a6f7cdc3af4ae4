"""The search from the subject against exposures that each node inherits: two ways to the same terms."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import EdgeType, OriginFacts, Policy, Term, derive_terms, load_profiles, parse_profile
from registry.licensing.propagation import Graph, propagate
from tests.registry.licensing.test_equivalence import exposures_of, facts_of, lineages, raw_profiles

Raw = dict[str, Any]
BROAD = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def graph_of(nodes: list[Raw], edges: list[Raw]) -> Graph:
    parents: dict[str, list[tuple[EdgeType, str]]] = {}
    for edge in edges:
        parents.setdefault(edge["child"], []).append((EdgeType(edge["type"]), edge["parent"]))
    return Graph(parents, {node["id"]: node["base_family"] for node in nodes if node["base_family"]})


def in_full(terms: tuple[Term, ...]) -> set[Term]:
    assert len(set(terms)) == len(terms)
    return set(terms)


@BROAD
@given(lineages(), raw_profiles("l1"), raw_profiles("l2"), st.booleans())
def test_terms_and_their_paths_equal_those_of_exposures(
    lineage: tuple[list[Raw], list[Raw]], first: Raw, second: Raw, adapter_binds: bool
) -> None:
    nodes, edges = lineage
    policy = Policy(adapter_alone_is_derivative=adapter_binds)
    catalogue = load_profiles().extended([parse_profile(first), parse_profile(second)])
    graph, facts, stored = graph_of(nodes, edges), facts_of(nodes), exposures_of(nodes, edges)
    for node in stored:
        found = propagate(graph, node, facts, catalogue, policy)
        expected = derive_terms(stored[node], facts, catalogue, policy)
        assert in_full(found.terms) == in_full(expected.terms)
        groups = {group.key: (set(group.origins), group.adapter) for group in found.groups}
        assert groups == {group.key: (set(group.origins), group.adapter) for group in expected.groups}


def test_alerts_of_the_subject_are_raised() -> None:
    facts = {"n0": OriginFacts(alerts=frozenset({"B", "A"}))}
    alerts = propagate(Graph({}, {}), "n0", facts, load_profiles(), Policy()).alerts
    assert [(alert.code, alert.origin, alert.licenses, alert.path.nodes) for alert in alerts] == [
        ("A", "n0", ("unknown",), ("n0",)),
        ("B", "n0", ("unknown",), ("n0",)),
    ]


def test_a_node_off_the_lineage_of_the_subject_needs_no_facts() -> None:
    graph = Graph({"n1": [(EdgeType.FINETUNE, "n0")], "n2": [(EdgeType.MERGE, "n1")]}, {})
    terms = propagate(graph, "n1", {"n0": OriginFacts(("mit",)), "n1": OriginFacts(())}, load_profiles(), Policy())
    assert [(term.origin, term.license) for term in terms.terms] == [("n0", "mit")]
