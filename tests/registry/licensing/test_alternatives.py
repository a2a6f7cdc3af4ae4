"""Alternatives and their costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.licensing import load_profiles
from registry.licensing.alternatives import ChangeKind, Market, Option, cost_of, kinds_in, slots_of
from tests.registry.licensing.planned import find, recipe, shelf

KINDS = st.lists(st.sampled_from(ChangeKind), max_size=6)
OUTBOUND, NAME, STUDENT, METHOD, TEACHER = range(5)


@given(KINDS, KINDS)
def test_the_dearest_change_decides(one: list[ChangeKind], other: list[ChangeKind]) -> None:
    def counts(kinds: list[ChangeKind]) -> list[int]:
        return [kinds.count(kind) for kind in reversed(ChangeKind)]

    cost, compared = sum(map(cost_of, one)), sum(map(cost_of, other))
    assert (cost < compared) == (counts(one) < counts(other))
    assert kinds_in(cost) == set(one)


def options(place: int, name: str = "acme/tool", outbound: str = "apache-2.0") -> tuple[Option, ...]:
    asked = recipe("meta-llama/Llama-3.2-3B", "Salesforce/xLAM-7b-fc-r", name=name, outbound=outbound)
    return slots_of(asked, Market.of(shelf()), load_profiles())[place].options


def test_names_begin_as_naming_clauses_ask() -> None:
    assert [each.label for each in options(NAME)] == ["acme/tool", "acme/Llama-tool", "acme/Llama-3-tool"]
    assert [each.label for each in options(NAME, "acme/llama_tool")] == ["acme/llama_tool", "acme/Llama-3-tool"]
    assert [each.label for each in options(NAME, "Llama 3 tool")] == ["Llama 3 tool"]


def test_every_licence_is_offered_once_and_the_fitting_ones_first() -> None:
    offered = [label for each in options(OUTBOUND) for label in (each.label, *each.also)]
    assert len(offered) == len(set(offered))
    assert offered[1] == "llama3.2"
    assert {"openrail-m", "gemma", "cc-by-nc-4.0", "mit", "gpl-3.0"} <= set(offered)
    assert not {"unknown", "commercial-agreement", "openai-terms"} & set(offered)
    assert options(OUTBOUND, outbound="")[0].label == "none named"


def test_teachers_of_the_family_come_first() -> None:
    labels = [(each.kind, each.label) for each in options(TEACHER)]
    assert labels[0] == (None, "Salesforce/xLAM-7b-fc-r")
    kinds = [kind for kind, _ in labels[1:]]
    assert kinds == sorted(kinds, key=list(ChangeKind).index)
    assert find("Salesforce/xLAM-2-32b-fc-r").doubt < find("Salesforce/xLAM-2-1b-fc-r").doubt


def test_what_would_change_nothing_is_no_alternative() -> None:
    students = [label for each in options(STUDENT) for label in (each.label, *each.also)]
    assert "meta-llama/Llama-3.2-1B" not in students
    assert "Qwen/Qwen3-8B" in students
    assert [each.label for each in options(METHOD)] == ["outputs", "logits"]
