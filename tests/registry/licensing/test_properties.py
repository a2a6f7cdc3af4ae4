"""What always holds of a verdict, on random lineages over the shipped profiles."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import evaluate_scenarios, load_profiles
from tests.registry.licensing.scenarios import diamonds, random_lineage

Case = dict[str, Any]

# Time says nothing about these properties, and machines that test are busy.
BROAD = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NARROW = settings(BROAD, max_examples=60)

LICENSES = [profile.id for profile in load_profiles()] + ["no-such-licence"]
PERMISSIVE = ["apache-2.0", "mit", "bsd-3-clause", "unlicense"]
WEIGHTS = ["finetune", "continued_pretrain", "adapter", "merge", "quantize", "prune", "convert"]
INERT = ["evaluated_on", "evaluated_against", "tokenizer_of"]
REVIEWS = [
    "NC_OUTPUT_REACH_CONTESTED",
    "NC_DATA_TRAINING_CONTESTED",
    "NC_INTERNAL_USE_AMBIGUOUS",
    "RESEARCH_ONLY_REVIEW",
    "PROVIDER_TERMS_COMPETING_MODEL",
    "OUTPUT_TRAINING_CONTESTED",
    "SHARE_ALIKE_CONTESTED",
    "NO_DERIVATIVES",
    "NAME_PREFIX_MISSING",
    "UNKNOWN_LICENSE",
    "LICENSE_CONFLICT",
]
RANK = {"allowed": 0, "allowed_with_obligations": 0, "needs_review": 1, "denied": 2}
SHARE_ALIKE = {
    "id": "share-alike",
    "outbound_relicense": "same",
    "conditions": [{"code": "SHARE_ALIKE", "trigger": "distribute"}],
    "reach": {
        key: {"status": "binding" if key == "weights" else "contested"}
        for key in ("weights", "distill_logits", "distill_outputs", "generated_by", "judged_by", "trained_on")
    },
}


def edge_types(child: str, parent: str) -> list[str]:
    """The edges that make sense between two kinds of node."""
    if child == "dataset":
        return ["derived_from"] if parent == "dataset" else ["generated_by", "judged_by"]
    if parent == "dataset":
        return ["trained_on", "evaluated_on"]
    return [*WEIGHTS, "distill_logits", "distill_outputs", "judged_by", "evaluated_against", "tokenizer_of"]


@st.composite
def cases(draw: st.DrawFn, families: tuple[str | None, ...] = (None,)) -> Case:
    kinds = draw(st.lists(st.sampled_from(["model", "model", "dataset"]), min_size=2, max_size=7))
    licenses = st.lists(st.sampled_from([*LICENSES, "share-alike"]), max_size=2, unique=True)
    nodes = [
        {
            "id": f"n{index}",
            "kind": kind,
            "name": draw(st.sampled_from(["acme/tool", "acme/Llama-tool", "acme/llama_3-tool"])),
            "licenses": draw(licenses),
            "multimodal": draw(st.booleans()),
            "base_family": draw(st.sampled_from(families)),
        }
        for index, kind in enumerate(kinds)
    ]
    edges = []
    for child in range(1, len(kinds)):
        for parent in draw(st.lists(st.integers(0, child - 1), max_size=2)):
            edge = draw(st.sampled_from(edge_types(kinds[child], kinds[parent])))
            edges.append({"child": f"n{child}", "type": edge, "parent": f"n{parent}"})
    return {
        "nodes": nodes,
        "edges": edges,
        "subject": f"n{len(kinds) - 1}",
        "facts": draw(facts()),
        "profiles": [SHARE_ALIKE],
    }


@st.composite
def facts(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "outbound_license": draw(st.sampled_from([None, "apache-2.0", "gpl-3.0", "other", "share-alike"])),
        "distribute_in": draw(st.lists(st.sampled_from(["research", "education", "internal"]), unique=True)),
        "licensee_in_eu": draw(st.booleans()),
        "mau_over_threshold": draw(st.sampled_from([False, True, ["llama3.1"]])),
        "approvals": draw(st.lists(st.sampled_from(REVIEWS), unique=True, max_size=4)),
        "alerts": draw(st.sampled_from([[], [], ["LICENSE_CONFLICT"]])),
        "policy": {
            "nc_output_reach": draw(st.sampled_from(["review", "deny"])),
            "nc_internal_use": draw(st.sampled_from(["review", "allow", "deny"])),
            "unknown_license": draw(st.sampled_from(["review", "deny"])),
            "adapter_alone_is_derivative": draw(st.booleans()),
        },
    }


def contexts(case: Case) -> dict[str, Any]:
    result: dict[str, Any] = evaluate_scenarios(case)["cases"][0]["contexts"]
    return result


def ranks(case: Case) -> dict[str, int]:
    return {context: RANK[result["verdict"]] for context, result in contexts(case).items()}


def assert_never_better(worse: Case, than: Case) -> None:
    before, after = ranks(than), ranks(worse)
    assert {context for context in before if after[context] < before[context]} == set()


@BROAD
@given(cases(), st.data())
def test_adding_an_edge_never_improves_a_verdict(case: Case, data: st.DataObject) -> None:
    child = data.draw(st.integers(1, len(case["nodes"]) - 1))
    parent = data.draw(st.integers(0, child - 1))
    kinds = [node["kind"] for node in case["nodes"]]
    edge = data.draw(st.sampled_from(edge_types(kinds[child], kinds[parent])))
    changed = copy.deepcopy(case)
    changed["edges"].append({"child": f"n{child}", "type": edge, "parent": f"n{parent}"})
    assert_never_better(changed, case)


@BROAD
@given(cases((None, "llama3")), st.data())
def test_only_a_weights_edge_into_an_exempt_family_improves_a_verdict(case: Case, data: st.DataObject) -> None:
    child = data.draw(st.integers(1, len(case["nodes"]) - 1))
    parent = data.draw(st.integers(0, child - 1))
    kinds = [node["kind"] for node in case["nodes"]]
    edge = data.draw(st.sampled_from(edge_types(kinds[child], kinds[parent])))
    changed = copy.deepcopy(case)
    changed["edges"].append({"child": f"n{child}", "type": edge, "parent": f"n{parent}"})
    before, after = contexts(case), contexts(changed)
    for context, result in before.items():
        if RANK[after[context]["verdict"]] < RANK[result["verdict"]]:
            assert edge in WEIGHTS
            assert "llama3" in weight_families(changed, f"n{parent}")
            lost = {reason["code"] for reason in result["reasons"]} - {
                reason["code"] for reason in after[context]["reasons"]
            }
            assert lost <= {"OUTPUT_TRAINING_PROHIBITED", "OUTPUT_TRAINING_CONTESTED", "NAME_PREFIX_MISSING"}


def weight_families(case: Case, node: str) -> set[str]:
    """Base families in the weight lineage of a node."""
    own = {each["base_family"] for each in case["nodes"] if each["id"] == node} - {None}
    parents = [edge["parent"] for edge in case["edges"] if edge["child"] == node and edge["type"] in WEIGHTS]
    return own.union(*(weight_families(case, parent) for parent in parents))


@BROAD
@given(cases((None, "llama3")), st.data())
def test_adding_a_licence_never_improves_a_verdict(case: Case, data: st.DataObject) -> None:
    changed = copy.deepcopy(case)
    node = data.draw(st.sampled_from(changed["nodes"]))
    node["licenses"].append(data.draw(st.sampled_from([*LICENSES, "share-alike"])))
    assert_never_better(changed, case)


@BROAD
@given(cases((None, "llama3")), st.data())
def test_adding_a_waiver_never_worsens_a_verdict(case: Case, data: st.DataObject) -> None:
    changed = copy.deepcopy(case)
    data.draw(st.sampled_from(changed["nodes"]))["waived"] = data.draw(
        st.lists(st.sampled_from([*LICENSES, "share-alike"]))
    )
    assert_never_better(case, than=changed)


@BROAD
@given(cases((None, "llama3")), st.sampled_from(REVIEWS))
def test_adding_an_approval_never_worsens_a_verdict(case: Case, code: str) -> None:
    changed = copy.deepcopy(case)
    changed["facts"]["approvals"].append(code)
    assert_never_better(case, than=changed)


@BROAD
@given(cases((None, "llama3")), st.data())
def test_permissive_intermediates_on_a_weights_path_change_nothing(case: Case, data: st.DataObject) -> None:
    changed = copy.deepcopy(case)
    for position, edge in enumerate(list(changed["edges"])):
        if edge["type"] not in WEIGHTS:
            continue
        parent = edge["parent"]
        for step in range(data.draw(st.integers(0, 3))):
            between = f"between-{position}-{step}"
            license_id = data.draw(st.sampled_from(PERMISSIVE))
            changed["nodes"].append({"id": between, "kind": "model", "name": between, "licenses": [license_id]})
            # A step that adapts, put behind a format conversion, is not nothing to a no-derivatives licence.
            kind = "convert" if edge["type"] == "convert" else "finetune"
            changed["edges"].append({"child": between, "type": kind, "parent": parent})
            parent = between
        edge["parent"] = parent
    assert ranks(changed) == ranks(case)


@NARROW
@given(cases((None, "llama3")), st.data())
def test_edges_without_effect_change_nothing(case: Case, data: st.DataObject) -> None:
    changed = copy.deepcopy(case)
    child = data.draw(st.integers(1, len(case["nodes"]) - 1))
    parent = data.draw(st.integers(0, child - 1))
    edge = data.draw(st.sampled_from(INERT))
    changed["edges"].append({"child": f"n{child}", "type": edge, "parent": f"n{parent}"})
    assert contexts(changed) == contexts(case)


@NARROW
@given(cases((None, "llama3")), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_edges_and_duplicates_do_not_matter(case: Case, random: Any) -> None:
    changed = copy.deepcopy(case)
    changed["edges"] += random.sample(changed["edges"], random.randint(0, len(changed["edges"])))
    random.shuffle(changed["edges"])
    random.shuffle(changed["nodes"])
    assert contexts(changed) == contexts(case)


@NARROW
@given(cases((None, "llama3")), st.sampled_from(REVIEWS), st.sampled_from([*LICENSES, "share-alike"]))
def test_an_approval_or_waiver_for_nothing_is_as_if_absent(case: Case, code: str, license_id: str) -> None:
    held = {each for node in case["nodes"] for each in node["licenses"]}
    raised = {reason["code"] for result in contexts(case).values() for reason in result["reasons"]}
    changed = copy.deepcopy(case)
    if code not in raised:
        changed["facts"]["approvals"].append(code)
    for node in changed["nodes"]:
        node["waived"] = [] if license_id in held else [license_id]
    assert contexts(changed) == contexts(case)


@NARROW
@given(cases((None, "llama3")))
def test_the_name_matters_by_its_beginning_alone(case: Case) -> None:
    changed = copy.deepcopy(case)
    changed["nodes"][-1]["name"] += "-rebuilt"
    old, new = case["nodes"][-1]["name"], changed["nodes"][-1]["name"]
    assert json.dumps(contexts(changed)).replace(new, old) == json.dumps(contexts(case))


@NARROW
@given(cases((None, "llama3")), st.sampled_from(["acme/Llama-3-renamed", "acme/renamed"]))
def test_a_rename_matters_to_naming_duties_alone(case: Case, name: str) -> None:
    changed = copy.deepcopy(case)
    changed["nodes"][-1]["name"] = name

    def without_names(result: dict[str, Any]) -> Any:
        reasons = [reason for reason in result["reasons"] if reason["code"] != "NAME_PREFIX_MISSING"]
        return reasons, [each for each in result["obligations"] if "NAME_PREFIX" not in each]

    before, after = contexts(case), contexts(changed)
    assert {context: without_names(result) for context, result in after.items()} == {
        context: without_names(result) for context, result in before.items()
    }


def test_a_weights_edge_into_an_exempt_family_may_lift_its_breach() -> None:
    model = {"kind": "model", "licenses": ["llama3"]}
    case: Case = {
        "nodes": [
            {"id": "teacher", "name": "meta-llama/Meta-Llama-3-70B", "base_family": "llama3", **model},
            {"id": "base", "name": "meta-llama/Meta-Llama-3-8B", "base_family": "llama3", **model},
            {"id": "student", "name": "acme/Llama-3-student", **model},
            {"id": "merged", "name": "acme/Llama-3-merged", **model},
        ],
        "edges": [
            {"child": "student", "type": "distill_outputs", "parent": "teacher"},
            {"child": "merged", "type": "merge", "parent": "student"},
        ],
        "subject": "merged",
    }
    assert set(ranks(case).values()) == {RANK["denied"]}
    late = copy.deepcopy(case)
    late["edges"].append({"child": "merged", "type": "merge", "parent": "base"})
    assert set(ranks(late).values()) == {RANK["denied"]}  # a breach, once made, stays
    early = copy.deepcopy(case)
    early["edges"].append({"child": "student", "type": "finetune", "parent": "base"})
    assert set(ranks(early).values()) == {RANK["allowed"]}


def seconds(case: Case) -> float:
    """The CPU time of an evaluation."""
    started = time.process_time()
    contexts(case)
    return time.process_time() - started


def takes_less_than(bound: float, case: Case) -> bool:
    """Whether one of two evaluations does: what else the machine does may slow one down."""
    return any(seconds(case) < bound for _ in range(2))


def test_the_work_is_polynomial() -> None:
    assert takes_less_than(0.05, diamonds(60))
    small = diamonds(40)
    assert takes_less_than(40 * min(seconds(small), seconds(small)), diamonds(400))


def test_ten_thousand_nodes_with_fifty_thousand_edges_take_less_than_two_seconds() -> None:
    assert takes_less_than(2, random_lineage(10_000, 5))
