"""Front matter in the hub's vocabulary, read as the hub's own library reads it."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub import DatasetCard, ModelCard

from tests.registry.evidence.conftest import COMMERCIAL, SUBJECTS, Archive

RELATIONS = {"adapter", "merge", "quantized", "finetune"}


def card(archive: Archive, key: str, **fields: Any) -> dict[str, Any]:
    kind = DatasetCard if key == "traces" else ModelCard
    data: dict[str, Any] = kind(archive.text(key, "hf_card", **fields), ignore_metadata_errors=False).data.to_dict()
    return data


@pytest.mark.parametrize("key", SUBJECTS)
def test_the_hubs_library_reads_it(archive: Archive, key: str) -> None:
    data = card(archive, key)
    assert data.get("base_model_relation", "finetune") in RELATIONS
    assert ("license_name" in data) == (data.get("license") == "other")


def test_two_licences_are_other(archive: Archive) -> None:
    data = card(archive, "teacher")
    assert (data["license"], data["license_name"]) == ("other", "cc-by-nc-4.0-and-salesforce-xlam-research")
    assert (data["base_model"], data["base_model_relation"]) == (["mistralai/Mixtral-8x7B-v0.1"], "finetune")
    assert "license_link: the hub asks for one" in archive.text("teacher", "hf_card")


def test_the_outbound_licence_is_that_of_the_release(archive: Archive) -> None:
    assert card(archive, "student")["license"] == "apache-2.0"
    released = card(archive, "student", **COMMERCIAL)
    assert (released["license"], released["license_name"]) == ("other", "openrail-m")


def test_what_the_hub_does_not_hold_is_a_remark(archive: Archive) -> None:
    data = card(archive, "student")
    assert "base_model" not in data
    assert data["tags"] == ["distillation"]
    assert "# not on the hub, hence not in the fields below: merge qwen3-8b@1" in archive.text("student", "hf_card")


def test_nothing_known_is_unknown(archive: Archive) -> None:
    assert card(archive, "nothing") == {"license": "unknown"}
