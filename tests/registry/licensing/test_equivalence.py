"""Stored exposures against a direct reading of the rules: propagate terms edge by edge, licence by licence."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import (
    Catalogue,
    EdgeType,
    NodeExposures,
    OriginFacts,
    Policy,
    derive_terms,
    inherit,
    load_profiles,
    parse_profile,
)

WEIGHTS = {"finetune", "continued_pretrain", "adapter", "merge", "quantize", "prune", "convert"}
NO_EFFECT = {"evaluated_on", "evaluated_against", "tokenizer_of"}
REACH_KEYS = ["weights", "distill_logits", "distill_outputs", "generated_by", "judged_by", "trained_on"]
CODES = ["NC", "EU_MULTIMODAL", "OUTPUT_TRAINING_PROHIBITED", "ATTRIBUTION", "AUP"]
FAMILIES = ["f1", "f2"]

# Time says nothing about these properties, and machines that test are busy.
BROAD = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NARROW = settings(BROAD, max_examples=80)

Raw = dict[str, Any]
Terms = dict[tuple[Any, ...], tuple[Any, ...]]  # term key -> (length, node ids) of the shortest path


def reference_terms(nodes: list[Raw], edges: list[Raw], profiles: dict[str, Raw], policy: Policy) -> dict[str, Terms]:
    """All terms at every node. Parents come before their children in `nodes`."""
    found: dict[str, Terms] = {}
    lineage: dict[str, set[str]] = {}
    for node in nodes:
        inbound = [edge for edge in edges if edge["child"] == node["id"]]
        lineage[node["id"]] = {node["base_family"]} - {None}
        for edge in inbound:
            if edge["type"] in WEIGHTS:
                lineage[node["id"]] |= lineage[edge["parent"]]
        terms = dict.fromkeys(own_terms(node, profiles), (1, (node["id"],)))
        for edge in inbound:
            for key, (length, path) in found[edge["parent"]].items():
                crossed = cross(key, edge["type"], lineage[node["id"]], profiles, policy)
                if crossed is not None:
                    grown = (length + 1, (node["id"], *path))
                    terms[crossed] = min(terms.get(crossed, grown), grown)
        found[node["id"]] = terms
    return found


def own_terms(node: Raw, profiles: dict[str, Raw]) -> set[tuple[Any, ...]]:
    keys = set()
    for license_id in ["unknown"] if node["licenses"] is None else node["licenses"]:
        effective = "commercial-agreement" if license_id in node["waived"] else license_id
        effective = effective if effective in profiles else "unknown"
        profile = profiles[effective]
        codes = {entry["code"] for entry in profile.get("limitations", []) + profile.get("conditions", [])}
        codes -= set() if node["multimodal"] else {"EU_MULTIMODAL"}
        keys.add((node["id"], effective, frozenset(codes), "binding", None, False, False, False))
    return keys


def cross(
    key: tuple[Any, ...], edge: str, child_lineage: set[str], profiles: dict[str, Raw], policy: Policy
) -> tuple[Any, ...] | None:
    origin, license_id, codes, status, crossing, output, judged, breach = key
    if edge in NO_EFFECT:
        return None
    if edge == "derived_from":
        return key
    reach_key = edge
    if edge in WEIGHTS:
        reach_key = "weights"
    elif edge == "generated_by":
        output, judged = True, False
    elif edge == "judged_by":
        output, judged = False, True
    elif edge == "trained_on":
        reach_key = "distill_outputs" if output else "judged_by" if judged else "trained_on"
    profile = profiles[license_id]
    reach = profile["reach"][reach_key]
    carried = codes if reach.get("carries", "all") == "all" else codes & set(reach["carries"])
    exempt_families = {family for entry in profile.get("limitations", []) for family in entry.get("except_base", [])}
    edge_contested = reach["status"] == "contested" or (edge == "adapter" and not policy.adapter_alone_is_derivative)
    if reach["status"] == "none":
        return None
    if reach["status"] == "prohibited":
        if child_lineage & exempt_families and not breach:
            return None
        breach = True
        if reach_key == "judged_by":
            edge_contested = True
        else:
            carried = frozenset({"OUTPUT_TRAINING_PROHIBITED"})
    if not carried:
        return None
    status = "contested" if edge_contested else status
    crossing = crossing if edge in WEIGHTS else edge
    return (origin, license_id, frozenset(carried), status, crossing, output, judged, breach)


def code_entry(code: str, families: list[str]) -> Raw:
    if code in ("ATTRIBUTION", "AUP"):
        return {"code": code, "trigger": "use"}
    return {"code": code, "except_base": families if code == "OUTPUT_TRAINING_PROHIBITED" else []}


@st.composite
def raw_profiles(draw: st.DrawFn, license_id: str) -> Raw:
    codes = draw(st.sets(st.sampled_from(CODES)))
    entries = [code_entry(code, draw(st.lists(st.sampled_from(FAMILIES), max_size=1))) for code in sorted(codes)]
    statuses = st.sampled_from(["binding", "binding", "contested", "prohibited", "none"])
    carries = st.one_of(st.just("all"), st.lists(st.sampled_from(CODES), unique=True))
    return {
        "id": license_id,
        "outbound_relicense": "any",
        "limitations": [entry for entry in entries if "trigger" not in entry],
        "conditions": [entry for entry in entries if "trigger" in entry],
        "reach": {key: {"status": draw(statuses), "carries": draw(carries)} for key in REACH_KEYS},
    }


@st.composite
def lineages(draw: st.DrawFn, max_nodes: int = 7) -> tuple[list[Raw], list[Raw]]:
    count = draw(st.integers(2, max_nodes))
    licenses = st.sampled_from(["l1", "l2", "llama3", "no-such-licence"])
    nodes = [
        {
            "id": f"n{index}",
            "licenses": draw(st.one_of(st.none(), st.lists(licenses, max_size=2))),
            "waived": draw(st.sampled_from([[], [], [], ["l1"]])),
            "multimodal": draw(st.booleans()),
            "base_family": draw(st.sampled_from([None, None, None, *FAMILIES, "llama3"])),
        }
        for index in range(count)
    ]
    types = st.sampled_from([edge.value for edge in EdgeType])
    edges = [
        {"child": f"n{child}", "type": draw(types), "parent": f"n{draw(st.integers(0, child - 1))}"}
        for child in range(1, count)
        for _ in range(draw(st.integers(1, 3)))
    ]
    return nodes, edges


def exposures_of(nodes: list[Raw], edges: list[Raw]) -> dict[str, NodeExposures]:
    done: dict[str, NodeExposures] = {}
    for node in nodes:
        links = [(EdgeType(edge["type"]), done[edge["parent"]]) for edge in edges if edge["child"] == node["id"]]
        done[node["id"]] = inherit(node["id"], node["base_family"], links)
    return done


def facts_of(nodes: list[Raw]) -> dict[str, OriginFacts]:
    return {
        node["id"]: OriginFacts(
            None if node["licenses"] is None else tuple(node["licenses"]), node["multimodal"], frozenset(node["waived"])
        )
        for node in nodes
    }


def raw_shipped(license_id: str) -> Raw:
    profile = load_profiles().get(license_id)
    return {
        "limitations": [
            {"code": entry.code.value, "except_base": sorted(entry.except_base)} for entry in profile.limitations
        ],
        "conditions": [{"code": entry.code.value} for entry in profile.conditions],
        "reach": {
            key.value: {
                "status": reach.status.value,
                "carries": "all" if reach.carries is None else list(reach.carries),
            }
            for key, reach in profile.reach.items()
        },
    }


SHIPPED = {license_id: raw_shipped(license_id) for license_id in ("unknown", "commercial-agreement", "llama3")}


def plain_terms(exposures: NodeExposures, nodes: list[Raw], catalogue: Catalogue, policy: Policy) -> Terms:
    term_set = derive_terms(exposures, facts_of(nodes), catalogue, policy)
    return {
        (
            term.origin,
            term.license,
            frozenset(code.value for code in term.codes),
            term.status.value,
            None if term.crossing is None else term.crossing.value,
            term.output,
            term.judged,
            term.breach,
        ): (len(term.path.nodes), term.path.nodes)
        for term in term_set.terms
    }


@BROAD
@given(lineages(), raw_profiles("l1"), raw_profiles("l2"), st.booleans())
def test_terms_equal_those_of_a_direct_implementation(
    lineage: tuple[list[Raw], list[Raw]], first: Raw, second: Raw, adapter_binds: bool
) -> None:
    nodes, edges = lineage
    policy = Policy(adapter_alone_is_derivative=adapter_binds)
    catalogue = load_profiles().extended([parse_profile(first), parse_profile(second)])
    expected = reference_terms(nodes, edges, {**SHIPPED, "l1": first, "l2": second}, policy)
    for node, exposures in exposures_of(nodes, edges).items():
        assert plain_terms(exposures, nodes, catalogue, policy) == expected[node]


@st.composite
def prohibiting_profiles(draw: st.DrawFn) -> Raw:
    """Profiles for which the order of crossings matters: several prohibited keys and an exempt family."""
    statuses = st.sampled_from(["binding", "contested", "prohibited", "prohibited"])
    carries = st.sampled_from(["all", "all", ["NC"], ["OUTPUT_TRAINING_PROHIBITED"]])
    return {
        "id": "l1",
        "outbound_relicense": "any",
        "limitations": [{"code": "NC"}, {"code": "OUTPUT_TRAINING_PROHIBITED", "except_base": ["f1"]}],
        "reach": {key: {"status": draw(statuses), "carries": draw(carries)} for key in REACH_KEYS},
    }


@BROAD
@given(
    prohibiting_profiles(),
    st.lists(
        st.tuples(st.sampled_from(list(EdgeType)[:13]), st.sampled_from([None, None, "f1", "f2"])),
        min_size=3,
        max_size=12,
    ),
)
def test_folding_a_long_path_loses_nothing(profile: Raw, path: list[tuple[EdgeType, str | None]]) -> None:
    blank = {"waived": [], "multimodal": True}
    nodes = [{"id": "n00", "licenses": ["l1"], "base_family": None, **blank}]
    nodes += [
        {"id": f"n{index:02}", "licenses": [], "base_family": family, **blank}
        for index, (_, family) in enumerate(path, 1)
    ]
    edges = [
        {"child": f"n{index:02}", "type": edge.value, "parent": f"n{index - 1:02}"}
        for index, (edge, _) in enumerate(path, 1)
    ]
    catalogue = load_profiles().extended([parse_profile(profile)])
    expected = reference_terms(nodes, edges, {**SHIPPED, "l1": profile}, Policy())
    for node, exposures in exposures_of(nodes, edges).items():
        assert plain_terms(exposures, nodes, catalogue, Policy()) == expected[node]


@NARROW
@given(lineages(), st.randoms(use_true_random=False))
def test_edge_order_and_duplicates_do_not_matter(lineage: tuple[list[Raw], list[Raw]], random: Any) -> None:
    nodes, edges = lineage
    shuffled = [*edges, *random.sample(edges, random.randint(0, len(edges)))]
    random.shuffle(shuffled)
    assert exposures_of(nodes, shuffled) == exposures_of(nodes, edges)


@NARROW
@given(lineages())
def test_json_round_trip(lineage: tuple[list[Raw], list[Raw]]) -> None:
    for exposures in exposures_of(*lineage).values():
        assert NodeExposures.from_json(exposures.to_json()) == exposures
