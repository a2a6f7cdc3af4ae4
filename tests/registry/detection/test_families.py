"""Marks of families: those of the real configuration and tokenizer files that come with this repository."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.detection.families import Traits, load_fingerprints, read_config, read_tokenizer, recognise
from tests.registry.detection import files
from tests.registry.shipped import load_models

LLAMA3 = ("llama3", "llama3.1", "llama3.2", "llama3.3")


def of_stand_in(family: str) -> Traits:
    traits = Traits()
    for name, content in files.identity_of(family).items():
        read = read_tokenizer if name.startswith("tokenizer") else read_config
        read(traits, json.loads(content))
    return traits


def fingerprints(config: dict[str, Any], **tokenizer: Any) -> list[str]:
    traits = Traits()
    read_config(traits, config)
    read_tokenizer(traits, tokenizer)
    return [one.fingerprint for one in recognise(traits)]


@pytest.mark.parametrize(
    ("stand_in", "fingerprint", "families"),
    [
        ("xlam", "deepseek-tokens", ("deepseek-coder", "deepseek", "deepseek-llm")),
        ("llama3", "llama3-tokens", LLAMA3),
        ("qwen3", "qwen3", ("qwen3",)),
        ("gemma4", "gemma4-tokens", ("gemma4",)),
    ],
)
def test_each_stand_in_bears_the_mark_of_its_family(stand_in: str, fingerprint: str, families: tuple[str, ...]) -> None:
    (seen,) = recognise(of_stand_in(stand_in))
    assert (seen.fingerprint, seen.families) == (fingerprint, families)
    assert seen.marks
    assert seen.evidence
    assert seen.confidence


def test_an_architecture_alone_betrays_nothing() -> None:
    for config in ({"model_type": "llama"}, {"model_type": "qwen3", "vocab_size": 1_000}, {"model_type": "gemma3"}):
        assert fingerprints(config) == []


def test_tokens_of_chat_alone_betray_nothing() -> None:
    assert fingerprints({"model_type": "llama"}, eos_token="<|im_end|>", chat_template="<|im_start|>") == []


def test_ids_and_vocabularies_betray_a_family() -> None:
    assert fingerprints({"bos_token_id": 32013, "eos_token_id": [32021]}) == ["deepseek-coder-ids"]
    assert fingerprints({"model_type": "llama", "vocab_size": 128256}) == ["llama3-vocabulary"]
    assert fingerprints({"bos_token_id": True, "vocab_size": "128256", "model_type": 5}) == []


def test_the_more_exact_fingerprint_takes_the_place_of_the_others() -> None:
    chat = {"chat_template": "<|im_start|><|im_end|>", "pad_token": {"content": "<|endoftext|>"}}
    assert fingerprints({"model_type": "qwen2", "vocab_size": 152064}, **chat) == ["qwen2"]
    assert fingerprints({"model_type": "llama", "vocab_size": 151936}, **chat) == ["qwen-vocabulary"]
    turns = {"added_tokens_decoder": {"1": {"content": "<start_of_turn>"}, "2": {"content": "<end_of_turn>"}}}
    assert fingerprints({"text_config": {"model_type": "gemma3_text"}}, **turns) == ["gemma3"]
    assert fingerprints({}, **turns) == ["gemma-tokens"]
    named = {"chat_template": [{"name": "default", "template": "[INST] [/INST]"}]}
    assert fingerprints({"model_type": "mixtral"}, **named) == ["mixtral"]


def test_the_catalogue_explains_every_family() -> None:
    """For each fingerprint some model of the catalogue is of a family that it names, or it says so by its evidence."""
    catalogued = {model.base_family for model in load_models().values()}
    unexplained = [one.id for one in load_fingerprints() if catalogued.isdisjoint(one.families)]
    assert unexplained == []
    assert {name for one in load_fingerprints() for name in one.unless} <= {one.id for one in load_fingerprints()}
