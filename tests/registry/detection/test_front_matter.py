"""Cards: the fields that matter, in every form that publishers write them in."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.detection.front_matter import Card, FrontMatterError, read_card

CARD = """---
license: other
license_name: qwen-research
license_link: https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE
base_model:
- Qwen/Qwen2.5-3B
base_model_relation: finetune
datasets: Salesforce/xlam-function-calling-60k
---
# A model
"""


def test_fields_are_read() -> None:
    assert read_card(CARD) == Card(
        licenses=("other",),
        license_name="qwen-research",
        license_link="https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE",
        base_models=("Qwen/Qwen2.5-3B",),
        relation="finetune",
        datasets=("Salesforce/xlam-function-calling-60k",),
    )
    assert read_card("\ufeff" + CARD.replace("\n", "\r\n")) == read_card(CARD)


@pytest.mark.parametrize("text", ["", "# A model", "---", "---\nlicense: mit", "text\n---\nlicense: mit\n---"])
def test_no_front_matter_says_nothing(text: str) -> None:
    assert read_card(text) == Card()


@pytest.mark.parametrize("value", ["3.5", "[1, 2]", "{a: b}", "null", "true", "''"])
def test_what_is_no_text_names_nothing(value: str) -> None:
    assert read_card(f"---\nlicense: {value}\nbase_model: {value}\n---\n") == Card()


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("a: [", "not YAML"),
        ("- one", "no mapping"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("a: " + "[" * 5_000, "not YAML"),
        ("a: " + "x" * (1 << 18), "characters"),
    ],
)
def test_unreadable_front_matter_is_refused(block: str, problem: str) -> None:
    with pytest.raises(FrontMatterError, match=problem):
        read_card(f"---\n{block}\n---\n")


def test_an_entity_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert read_card("---\n" + "\n".join(lines) + "\nlicense: mit\nbase_model: *a59\n---\n") == Card(licenses=("mit",))


@given(st.text(max_size=300))
def test_any_text_is_a_card_or_an_error(text: str) -> None:
    with suppress(FrontMatterError):
        assert isinstance(read_card(f"---\n{text}\n---\n"), Card)
