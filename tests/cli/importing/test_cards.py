"""Cards hold what people write: one value or many, text or something else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cli.importing.cards import MAX_ITEMS, MAX_TEXT_LENGTH, hub_card
from spiritsafe.hub.names import HubFile, RepoRef, Snapshot

REF = RepoRef("acme/tool", "models")
FIELDS = ("license", "license_name", "license_link", "base_model", "base_model_relation", "datasets", "tags")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet="ab/ é\ud800", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3),
    max_leaves=6,
)


def test_one_value_or_several() -> None:
    card = {"license": "mit", "base_model": ["a/b", "c/d", "a/b"], "datasets": "e/f", "license_name": " x "}
    files = (HubFile("config.json", 2),)
    found = hub_card(Snapshot(REF, card=card, tags=("t",), library="peft", files=files), from_folder=True)
    assert (list(found.license), found.license_name) == (["mit"], "x")
    assert (list(found.base_model), list(found.datasets)) == (["a/b", "c/d"], ["e/f"])
    assert (list(found.tags), found.library_name, list(found.paths)) == (["t"], "peft", ["config.json"])
    assert found.from_folder


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_nothing_that_a_card_holds_is_too_strange(card: dict[str, Any]) -> None:
    found = hub_card(Snapshot(REF, card=card), from_folder=False)
    assert all(found.license)
    assert all(found.base_model)


def test_what_is_too_long_is_cut() -> None:
    card = {"license_link": "x" * 9_999, "base_model": [f"a/{number}" for number in range(9_999)]}
    found = hub_card(Snapshot(REF, card=card), from_folder=False)
    assert (len(found.license_link), len(found.base_model)) == (MAX_TEXT_LENGTH, MAX_ITEMS)
