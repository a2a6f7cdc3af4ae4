"""Cards of the hub: ids, names and links, each to a profile or to nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licensing import load_profiles, profile_ids
from registry.licensing.hub_vocabulary import load_vocabulary

CONFIDENCES = {"verified", "secondary", "derived", "unverified"}
# Ids that the hub's documentation lists, checked here by hand: a lost one would count as unknown without a word.
LISTED = ("apache-2.0", "bigcode-openrail-m", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "eupl-1.2", "gemma", "llama3.3")


def raw() -> Any:
    return json.loads(resources.files("registry.licensing").joinpath("data/hub_licenses.json").read_text())


def test_each_id_is_listed_once_with_a_profile_or_the_reason_why_not() -> None:
    entries = raw()["licenses"]
    assert len({each["id"] for each in entries}) == len(entries) == 83
    assert {*LISTED, "unknown", "other"} <= {each["id"] for each in entries}
    assert all((each["profile"] in load_profiles()) != ("why" in each) for each in entries)


def test_each_name_and_link_has_a_profile_its_source_and_confidence() -> None:
    for each in (*raw()["names"], *raw()["links"]):
        assert each["profile"] in load_profiles(), each
        assert each["source"]
        assert each["confidence"] in CONFIDENCES
    assert len(load_vocabulary().names) == len(raw()["names"])
    assert len(load_vocabulary().links) == len(raw()["links"])


@pytest.mark.parametrize(
    ("license_", "name", "link", "expected"),
    [
        (None, "", "", None),
        ("", "", "", None),
        ([], "", "", None),
        ("Apache-2.0", "", "", ("apache-2.0",)),
        (["mit", "cc-by-4.0", "MIT"], "", "", ("mit", "cc-by-4.0")),
        ("unknown", "", "", ("unknown",)),
        ("gpl", "", "", ("unknown",)),
        ("no-such-licence", "", "", ("unknown",)),
        ("apache-2.0", "deepseek", "", ("apache-2.0",)),
        ("other", "", "", ("unknown",)),
        ("other", "beer-ware", "https://example.com/LICENSE", ("unknown",)),
        ("other", "deepseek", "", ("deepseek-model-1.0",)),
        ("other", "Qwen Research", "", ("qwen-research",)),
        ("other", "qwen", "https://ai.google.dev/gemma/terms", ("qwen",)),
        ("other", "nobody's", "https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE", ("qwen-research",)),
        ("other", "", "http://www.github.com/deepseek-ai/DeepSeek-V3/blob/main/LICENSE-MODEL", ("deepseek-model-1.0",)),
        ("other", "", "https://huggingface.co/Qwen/Qwen2.5-3B-Other/blob/main/LICENSE", ("unknown",)),
        ("other", "", "https://ai.google.dev/gemma/docs/gemma_4_license?hl=de#top", ("apache-2.0",)),
        (["other", "cc-by-4.0"], "gemma", "", ("gemma", "cc-by-4.0")),
        (None, "deepseek", "", ("deepseek-model-1.0",)),
    ],
)
def test_what_a_card_says(
    license_: str | Sequence[str] | None, name: str, link: str, expected: tuple[str, ...] | None
) -> None:
    assert profile_ids(license_, name, link) == expected


def test_gemma_4_is_told_from_the_gemma_terms() -> None:
    assert profile_ids("gemma") == ("gemma",)
    assert profile_ids("apache-2.0", license_link="https://ai.google.dev/gemma/docs/gemma_4_license") == ("apache-2.0",)


@given(st.lists(st.text()), st.text(), st.text())
def test_any_card_gives_profiles_and_never_nothing_where_it_says_something(
    given_ids: list[str], name: str, link: str
) -> None:
    found = profile_ids(given_ids, name, link)
    says_something = any(each.strip() for each in (*given_ids, name, link))
    assert (found is not None) == says_something
    assert all(each in load_profiles() for each in found or ())
    assert found is None or len(set(found)) == len(found)
