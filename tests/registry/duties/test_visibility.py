"""What a bundle gives away of ancestors that its reader may not see."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from registry.duties.bundle import Bundle, compose
from registry.duties.facts import Facts, Step
from registry.duties.visibility import as_seen
from tests.registry.duties.lineages import FACTS, LLAMA, QWEN, STUDENT, XLAM, knows_house

SECRET = "lab-"
NAMES = {LLAMA: "llama@1", QWEN: "qwen3@1", XLAM: "xlam@1"}


def moved(hidden: set[str]) -> Facts:
    """The facts with some ancestors in the namespace lab, under names and papers that nothing else has."""
    names = {name: name.replace("/default/models/", f"/lab/models/{SECRET}") for name in hidden}
    short = {NAMES[name]: f"{SECRET}{NAMES[name]}" for name in hidden}
    origins = {}
    for name, origin in FACTS.origins.items():
        if name in hidden:
            papers = tuple(replace(each, content=SECRET.encode() + each.content) for each in origin.papers)
            moved_there = replace(
                origin,
                name=names[name],
                short=short[origin.short],
                public_name=SECRET + origin.public_name,
                source=SECRET + origin.source,
                papers=papers,
            )
            origins[moved_there.name] = moved_there
        else:
            origins[name] = origin
    duties = tuple(
        replace(each, origins=tuple(names.get(name, name) for name in each.origins)) for each in FACTS.duties
    )
    steps = [Step(short.get(one.child, one.child), one.edge, short.get(one.parent, one.parent)) for one in FACTS.steps]
    return replace(FACTS, origins=origins, duties=duties, steps=steps)


def in_default(namespace: str) -> bool:
    return namespace == "default"


def complete(bundle: Bundle) -> dict[str, bool]:
    return {each["code"]: each["complete"] for each in json.loads(bundle.files["bundle.json"])["duties"]}


@given(st.sets(st.sampled_from([LLAMA, QWEN, XLAM])))
def test_nothing_of_a_hidden_ancestor_comes_out_and_its_duties_are_not_complete(hidden: set[str]) -> None:
    facts = moved(hidden)
    bundle = compose(as_seen(facts, in_default), knows_house, "d")
    told = "".join(each.detail for each in bundle.missing)
    assert SECRET not in told + b"".join(bundle.files.values()).decode()
    lacking = {each.id for each in facts.duties if any("/lab/" in name for name in each.origins)}
    assert lacking <= {code for code, whole in complete(bundle).items() if not whole}
    assert bool(bundle.missing) == bool(hidden)


def test_who_sees_all_gets_the_facts_themselves() -> None:
    assert as_seen(FACTS, in_default) is FACTS


def test_a_bundle_says_who_could_make_it_and_keeps_the_steps_without_names() -> None:
    bundle = compose(as_seen(moved({LLAMA}), in_default), knows_house)
    (missing,) = [each for each in bundle.missing if "may not see" in each.detail]
    assert "somebody whose token reaches every namespace of the lineage" in missing.detail
    assert b"fine-tuned from hidden ancestor 1" in bundle.files["CHANGES.md"]
    assert STUDENT in bundle.files["bundle.json"].decode()
