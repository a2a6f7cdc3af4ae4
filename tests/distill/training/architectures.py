"""Tiny checkpoints with random weights of every class that xLAM teachers are made of, each with its own oddities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from distill.families import family_named
from distill.families.base import Family
from distill.standins import checkpoint

# Widths are multiples of 64: others crash bitsandbytes on some CPUs.
_SIZES: Mapping[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


@cache
def tokenizer_of(rendering: str) -> PreTrainedTokenizerBase:
    """The stand-in's; not to be changed."""
    return AutoTokenizer.from_pretrained(checkpoint(rendering))


@dataclass(frozen=True, slots=True)
class Architecture:
    """A class with a configuration like that of published checkpoints; ``rendering`` is a family with a tokenizer."""

    rendering: str
    model_class: type[PreTrainedModel]
    config: Any

    @property
    def family(self) -> Family:
        """The family with which its rows are rendered in these tests."""
        return family_named(self.rendering)

    def build(self) -> PreTrainedModel:
        """The model, with the same random weights each time."""
        torch.manual_seed(0)
        return self.model_class(self.config)

    def save(self, folder: Path) -> str:
        """Writes weights and tokenizer, and returns the folder as a base."""
        self.build().save_pretrained(folder)
        tokenizer_of(self.rendering).save_pretrained(folder)
        return str(folder)


def _sizes(rendering: str, **changes: object) -> dict[str, Any]:
    return {**_SIZES, "vocab_size": len(tokenizer_of(rendering)), **changes}


def architectures() -> dict[str, Architecture]:
    """By name: xLAM-1's three and xLAM-2's two, some twice where checkpoints of a class differ."""
    linear = {"rope_type": "linear", "factor": 4.0, "rope_theta": 100_000.0}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    llama3 |= {"original_max_position_embeddings": 512, "rope_theta": 500_000.0}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    return {
        "deepseek-coder": Architecture(
            "xlam",
            LlamaForCausalLM,
            LlamaConfig(**_sizes("xlam", num_key_value_heads=4, rope_parameters=linear, rms_norm_eps=1e-6)),
        ),
        "mistral": Architecture("xlam", MistralForCausalLM, MistralConfig(**_sizes("xlam", sliding_window=None))),
        "mistral-window": Architecture("xlam", MistralForCausalLM, MistralConfig(**_sizes("xlam", sliding_window=24))),
        "mixtral": Architecture(
            "xlam", MixtralForCausalLM, MixtralConfig(**_sizes("xlam", **experts, output_router_logits=True))
        ),
        "qwen2-tied": Architecture("qwen3", Qwen2ForCausalLM, Qwen2Config(**_sizes("qwen3", tie_word_embeddings=True))),
        "qwen2": Architecture("qwen3", Qwen2ForCausalLM, Qwen2Config(**_sizes("qwen3"))),
        "llama-3.1": Architecture("llama3", LlamaForCausalLM, LlamaConfig(**_sizes("llama3", rope_parameters=llama3))),
    }
