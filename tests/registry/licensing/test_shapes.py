"""A verdict by shape is the verdict that the whole evaluation gives, on random lineages."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licensing import (
    Catalogue,
    Context,
    Deployment,
    EdgeType,
    NodeExposures,
    NodeKind,
    OriginFacts,
    Policy,
    Subject,
    derive_terms,
    evaluate,
    inherit,
    load_profiles,
)
from registry.licensing.shapes import Judge, Shapes
from registry.licensing.vocabulary import WEIGHTS_EDGES

IDS = [profile.id for profile in load_profiles()]
FAMILIES = [None, "llama3", "qwen2.5"]
POLICIES = st.builds(
    lambda reach, internal, unknown, adapter: Policy.from_mapping(
        {
            "nc_output_reach": reach,
            "nc_internal_use": internal,
            "unknown_license": unknown,
            "adapter_alone_is_derivative": adapter,
        }
    ),
    st.sampled_from(["review", "deny"]),
    st.sampled_from(["review", "allow", "deny"]),
    st.sampled_from(["review", "deny"]),
    st.booleans(),
)


@st.composite
def lineages(draw: st.DrawFn) -> tuple[list[NodeExposures], dict[str, OriginFacts], list[Subject]]:
    """Up to eight nodes with facts of every kind, and each as a subject."""
    stored: list[NodeExposures] = []
    facts, subjects = {}, []
    for number in range(draw(st.integers(1, 8))):
        family = draw(st.sampled_from(FAMILIES))
        parents = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        edges = [(draw(st.sampled_from(EdgeType)), stored[parent]) for parent in parents]
        stored.append(inherit(str(number), family, edges))
        licenses = draw(st.one_of(st.none(), st.lists(st.sampled_from([*IDS, "no-such"]), max_size=2).map(tuple)))
        facts[str(number)] = OriginFacts(
            licenses,
            draw(st.booleans()),
            frozenset(draw(st.lists(st.sampled_from(licenses or ("mit",)), max_size=1))),
            frozenset(draw(st.sampled_from([(), (), ("LICENSE_CONFLICT",)]))),
        )
        kind = draw(st.sampled_from([NodeKind.MODEL, NodeKind.DATASET]))
        name = draw(st.sampled_from(["acme/tool", "acme/Llama-tool", "llama 3 tool", "Built with Meta Llama 3"]))
        weights = any(edge in WEIGHTS_EDGES for edge, _ in edges)
        subjects.append(Subject(str(number), kind, name, tuple(licenses or ()), family, weights))
    return stored, facts, subjects


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lineages(), POLICIES, st.sampled_from(["", "apache-2.0", "gpl-3.0", "llama3", "other"]), st.booleans())
def test_a_verdict_by_shape_is_that_of_the_whole_evaluation(
    lineage: tuple[list[NodeExposures], dict[str, OriginFacts], list[Subject]],
    policy: Policy,
    outbound: str,
    distribute: bool,
) -> None:
    stored, facts, subjects = lineage
    shapes = Shapes()
    judge = Judge(shapes, load_profiles(), policy)
    numbers = {node: shapes.fact(one) for node, one in facts.items()}
    deployment = Deployment((outbound,) if outbound else None, distribute, policy=policy)
    for exposures, subject in zip(stored, subjects, strict=True):
        terms = derive_terms(exposures, facts, load_profiles(), policy)
        outline = shapes.outline(exposures.to_json())
        assert outline.has_weights_parent == subject.has_weights_parent
        shape = shapes.shape(outline, numbers)
        for context in Context:
            expected = evaluate(subject, terms, context, deployment, load_profiles()).verdict
            assert judge.verdict(shape, subject, context, outbound, distribute) is expected


def test_siblings_of_one_shape_are_judged_once() -> None:
    class Counting(Catalogue):
        asked = 0

        def get(self, license_id: str) -> Any:
            Counting.asked += 1
            return super().get(license_id)

    shapes = Shapes()
    judge = Judge(shapes, Counting(load_profiles()), Policy())
    root = inherit("root", "llama3")
    numbers = {"root": shapes.fact(OriginFacts(("cc-by-nc-4.0",)))}
    counts = set()
    for child in ("a", "b", "c"):
        numbers[child] = shapes.fact(OriginFacts(()))
        outline = shapes.outline(inherit(child, None, [(EdgeType.FINETUNE, root)]).to_json())
        subject = Subject(child, NodeKind.MODEL, f"acme/{child}", has_weights_parent=True)
        judge.verdict(shapes.shape(outline, numbers), subject, Context.COMMERCIAL)
        counts.add(Counting.asked)
    assert len(counts) == 1
