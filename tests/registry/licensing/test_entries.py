"""Catalogue entries: the written form, what it refuses, parts of datasets, and what entries refer to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licensing import EntryError, KnownDataset, KnownEntry, load_entries, load_profiles
from registry.licensing.entries import Confidence, by_folded_id, find_in
from registry.licensing.entry_form import parse_entry, to_document
from registry.licensing.entry_links import check_links
from tests.registry.shipped import find_dataset

FACT = {"source": "model card", "as_of": "2026-11-22", "confidence": "verified"}
MODEL: dict[str, Any] = {
    "kind": "model",
    "hub_id": "acme/tuned",
    "licenses": ["mit"],
    "base": {"hub_id": "acme/base", "edge": "finetune"},
    "facts": {"hub_id": FACT, "licenses": FACT, "base": FACT},
}
DATASET: dict[str, Any] = {
    "kind": "dataset",
    "hub_id": "acme/data",
    "licenses": ["cc-by-4.0"],
    "generated_by": ["acme/tuned", "acme/base"],
    "parts": [
        {"name": "first", "rows": {"first": 0, "last": 9}, "generated_by": ["acme/tuned"]},
        {"name": "second", "rows": {"first": 10, "last": 19}, "generated_by": ["acme/base"]},
    ],
    "facts": {"hub_id": FACT, "licenses": FACT, "generated_by": FACT, "parts": FACT},
}


def model(hub_id: str, base: str = "", edge: str = "finetune", **fields: Any) -> dict[str, Any]:
    facts = {"hub_id": FACT, "licenses": FACT} | ({"base": FACT} if base else {})
    parent = {"hub_id": base, "edge": edge} if base else None
    return {"kind": "model", "hub_id": hub_id, "licenses": ["mit"], "base": parent, "facts": facts} | fields


def changed(document: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(document))  # unlike a deep copy, shares nothing within
    target: Any = result
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return result


@pytest.mark.parametrize(
    ("document", "entry", "field", "problem"),
    [
        ("mit", "[7]", "itself", "must be an object"),
        ({}, "[7]", "hub_id", "must be one line of text"),
        (changed(MODEL, ["hub_id"], "acme"), "[7]", "hub_id", "write ORGANISATION/REPOSITORY"),
        (changed(MODEL, ["hub_id"], "acme/a#b"), "[7]", "hub_id", "write ORGANISATION/REPOSITORY"),
        (changed(MODEL, ["kind"], "modle"), "acme/tuned", "kind", "use one of: model, dataset, service"),
        (changed(MODEL, ["licences"], ["mit"]), "acme/tuned", "licences", "is no field of it"),
        (changed(MODEL, ["generated_by"], []), "acme/tuned", "generated_by", "is no field of it"),
        ({"kind": "model", "hub_id": "acme/tuned", "facts": {}}, "acme/tuned", "licenses", "is missing"),
        (changed(MODEL, ["licenses"], []), "acme/tuned", "licenses", "write unknown where nothing is known"),
        (changed(MODEL, ["licenses"], "mit"), "acme/tuned", "licenses", "must be a list"),
        (changed(MODEL, ["licenses"], ["mit", "mit"]), "acme/tuned", "licenses", "different texts"),
        (changed(MODEL, ["licenses"], [3]), "acme/tuned", "licenses", "different texts"),
        (changed(MODEL, ["base"], "acme/base"), "acme/tuned", "base", "must be an object"),
        (changed(MODEL, ["base", "edge"], "tuned"), "acme/tuned", "base.edge", "is 'tuned'; use one of"),
        (changed(MODEL, ["base", "edge"], "trained_on"), "acme/tuned", "base.edge", "is 'trained_on'; use one of"),
        (changed(MODEL, ["base", "hub_id"], "base"), "acme/tuned", "base.hub_id", "write ORGANISATION/REPOSITORY"),
        (changed(MODEL, ["base", "how"], "x"), "acme/tuned", "base.how", "is no field of it"),
        (changed(MODEL, ["multimodal"], "yes"), "acme/tuned", "multimodal", "must be true or false"),
        (changed(MODEL, ["lineage_completeness"], "root"), "acme/tuned", "lineage_completeness", "parents are named"),
        (changed(MODEL, ["lineage_completeness"], "most"), "acme/tuned", "lineage_completeness", "root, complete"),
        (changed(MODEL, ["notes"], "a\nb"), "acme/tuned", "notes", "one line"),
        (changed(MODEL, ["notes"], "x" * 4097), "acme/tuned", "notes", "4097 characters long"),
        (changed(MODEL, ["licenses"], [str(i) for i in range(1001)]), "acme/tuned", "licenses", "has 1001 items"),
        (changed(MODEL, ["facts"], []), "acme/tuned", "facts", "must be an object"),
        (changed(MODEL, ["facts"], {"hub_id": FACT, "licenses": FACT}), "acme/tuned", "facts.base", "is missing"),
        (changed(MODEL, ["facts", "parts"], FACT), "acme/tuned", "facts.parts", "does not state"),
        (changed(MODEL, ["facts", "base"], {}), "acme/tuned", "facts.base.as_of", "is missing"),
        (changed(MODEL, ["facts", "base", "confidence"], "sure"), "acme/tuned", "facts.base.confidence", "verified"),
        (changed(MODEL, ["facts", "base", "as_of"], "May"), "acme/tuned", "facts.base.as_of", "YYYY-MM-DD"),
        (changed(MODEL, ["facts", "base", "source"], " "), "acme/tuned", "facts.base.source", "one line of text"),
        (changed(DATASET, ["generated_by", 1], "base"), "acme/data", "generated_by[1]", "ORGANISATION/REPOSITORY"),
        (changed(DATASET, ["generated_by", 1], "a/b#c"), "acme/data", "generated_by[1]", "ORGANISATION/REPOSITORY"),
        (changed(DATASET, ["derived_from"], ["a/b#C d"]), "acme/data", "derived_from[0]", "with #PART for a part"),
        (changed(DATASET, ["parts", 1, "name"], "Second"), "acme/data", "parts[1].name", "lower-case"),
        (changed(DATASET, ["parts", 1, "name"], "first"), "acme/data", "parts", "name a part twice"),
        (changed(DATASET, ["parts", 1, "rows", "first"], 9), "acme/data", "parts", "first and second share row 9"),
        (changed(DATASET, ["parts", 1, "rows", "first"], 20), "acme/data", "parts[1].rows.last", "before the first"),
        (changed(DATASET, ["parts", 1, "rows", "first"], True), "acme/data", "parts[1].rows.first", "whole number"),
        (changed(DATASET, ["parts", 1, "generated_by"], ["a/b"]), "acme/data", "parts[1].generated_by", "'a/b'"),
    ],
)
def test_a_malformed_entry_names_itself_and_its_field(document: Any, entry: str, field: str, problem: str) -> None:
    with pytest.raises(EntryError) as caught:
        parse_entry(document, 7)
    assert (caught.value.entry, caught.value.field) == (entry, field)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"entry {entry}: {field} ")


def test_every_shipped_entry_survives_writing_and_reading() -> None:
    for entry in load_entries().values():
        assert parse_entry(to_document(entry)) == entry


NAMES = st.sampled_from(["a/one", "a/two", "a/three", "B/Four"])
FACTS = st.fixed_dictionaries(
    {
        "source": st.text(alphabet="abc ", min_size=1).filter(str.strip),
        "as_of": st.dates().map(str),
        "confidence": st.sampled_from([each.value for each in Confidence]),
    }
)


@st.composite
def datasets(draw: st.DrawFn) -> dict[str, Any]:
    writers = draw(st.lists(NAMES, min_size=1, unique=True))
    ends = draw(st.lists(st.integers(0, 10_000), unique=True, max_size=3).map(sorted))
    starts = [0, *(end + 1 for end in ends)]
    parts = [
        {"name": f"p{i}", "rows": {"first": first, "last": last}, "generated_by": draw(st.just(writers[:1]))}
        for i, (first, last) in enumerate(zip(starts, ends, strict=False))
    ]
    fields = ["hub_id", "licenses", "generated_by", *(["parts"] if parts else [])]
    facts = {field: draw(FACTS) for field in fields}
    found = {"kind": "dataset", "hub_id": "a/data", "licenses": ["mit"], "generated_by": writers, "facts": facts}
    return found | ({"parts": parts} if parts else {})


@given(datasets())
def test_any_dataset_survives_writing_and_reading(document: dict[str, Any]) -> None:
    entry = parse_entry(document)
    assert isinstance(entry, KnownDataset)
    assert parse_entry(to_document(entry)) == entry
    for part in entry.parts:
        narrowed = entry.narrowed(part.name)
        assert narrowed is not None
        assert set(narrowed.generated_by) <= set(entry.generated_by)
        assert narrowed.licenses == entry.licenses


def test_a_part_is_named_after_its_dataset() -> None:
    part = find_dataset("salesforce/XLAM-function-calling-60k#Mixtral")
    assert part is not None
    assert part.hub_id == "Salesforce/xlam-function-calling-60k#mixtral"
    assert part.generated_by == ("mistralai/Mixtral-8x22B-Instruct-v0.1",)
    assert (part.parts[0].first_row, part.parts[0].last_row) == (33_659, 59_999)
    assert find_dataset("Salesforce/xlam-function-calling-60k#gpt") is None
    assert find_dataset("Salesforce/xLAM-7b-r#mixtral") is None
    assert find_dataset("Salesforce/xLAM-7b-r") is None


def check(document: dict[str, Any], *others: dict[str, Any]) -> None:
    entry = parse_entry(document)
    known: dict[str, KnownEntry] = by_folded_id([*map(parse_entry, others), entry])
    check_links(entry, lambda hub_id: find_in(known, hub_id), load_profiles().__contains__)


SERVICE = {"kind": "service", "hub_id": "acme/api", "licenses": ["mit"], "facts": {"hub_id": FACT, "licenses": FACT}}


@pytest.mark.parametrize(
    ("document", "others", "field", "problem"),
    [
        (model("acme/m", licenses=["mit", "beer"]), [], "licenses[1]", "'beer', which has no profile"),
        (model("acme/m", "acme/base"), [], "base.hub_id", "'acme/base', which the catalogue does not know"),
        (model("acme/m", "acme/api"), [SERVICE], "base.hub_id", "is a service; it must be a model"),
        (DATASET, [model("acme/base")], "generated_by[0]", "'acme/tuned'"),
        (model("acme/m", "acme/M"), [], "base.hub_id", "closes a cycle: acme/m -> acme/M"),
        (model("a/x", "a/y"), [model("a/y", "a/z"), model("a/z", "A/X")], "base.hub_id", "a/x -> a/y -> a/z -> A/X"),
    ],
)
def test_what_an_entry_refers_to_must_be_there_and_fit(
    document: dict[str, Any], others: list[dict[str, Any]], field: str, problem: str
) -> None:
    with pytest.raises(EntryError) as caught:
        check(document, *others)
    assert caught.value.field == field
    assert problem in caught.value.problem


def test_a_cycle_of_others_is_not_this_entrys() -> None:
    """It ends: each entry is looked at once."""
    check(model("a/x", "a/y"), model("a/y", "a/z"), model("a/z", "a/y"))


def test_unknown_is_a_licence_that_an_entry_may_state() -> None:
    check(model("acme/m", licenses=["unknown"]))
