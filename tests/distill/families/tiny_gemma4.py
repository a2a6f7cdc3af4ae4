"""Gemma 4 models of a few thousand random weights, with every oddity of the real ones' layers."""

from typing import Any

import torch
from transformers import (
    Gemma4Config,
    Gemma4ForCausalLM,
    Gemma4ForConditionalGeneration,
    Gemma4TextConfig,
)

TEXT: dict[str, Any] = {
    "vocab_size": 300,
    "vocab_size_per_layer_input": 300,
    "hidden_size": 64,
    "hidden_size_per_layer_input": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_global_key_value_heads": 1,
    "head_dim": 32,
    "global_head_dim": 32,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "sliding_window": 128,
    "max_position_embeddings": 256,
    # The last two layers have neither keys nor values of their own, and the second has no values.
    "num_kv_shared_layers": 2,
    "attention_k_eq_v": True,
}
VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION |= {"num_key_value_heads": 2, "head_dim": 16}


def tiny_text_model() -> Gemma4ForCausalLM:
    torch.manual_seed(0)
    return Gemma4ForCausalLM(Gemma4TextConfig(**TEXT))


def tiny_multimodal_model() -> Gemma4ForConditionalGeneration:
    torch.manual_seed(0)
    return Gemma4ForConditionalGeneration(Gemma4Config(text_config=TEXT, vision_config=VISION, audio_config=None))
