"""NF4 loading and LoRA, as in QLoRA (Dettmers et al. 2023, arXiv 2305.14314)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from bitsandbytes.nn.modules import Linear4bit
from transformers import PreTrainedModel

from distill.families.base import Family
from distill.training.experts import Nf4Config

if TYPE_CHECKING:
    from peft import PeftModel


def compute_dtype() -> torch.dtype:
    """The type in which training multiplies: bfloat16 wherever the hardware does so itself, else float32."""
    native = torch.cuda.is_available() or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if native else torch.float32


def load_nf4(family: Family, base: str, revision: str | None = None) -> PreTrainedModel:
    """Load ``base`` (a local folder or hub repository id), its linear layers and experts in double-quantised NF4.

    What is not quantised (embeddings, norms, routers) is bfloat16 on an accelerator and float32 on a CPU.
    """
    on_gpu = torch.cuda.is_available()
    model = family.load(
        base,
        revision,
        quantization_config=Nf4Config(compute_dtype()),
        dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    if not on_gpu:
        # Plain matrix products: under a mask and in bfloat16 a CPU does them faster than the fused attention.
        model.set_attn_implementation("eager")
    keep_gradients(model)
    still_routers(model)
    return model


def keep_gradients(model: torch.nn.Module) -> None:
    """Keep bitsandbytes from repacking weights in ``eval()`` on CPUs with AVX512-BF16.

    The repacked weights have no backward pass: training the same object afterwards shows a plausible loss with wrong
    gradients (seen with bitsandbytes 0.50.2).
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def still_routers(model: torch.nn.Module) -> None:
    """Take the noise from the input of a mixture's routers, which here are not trained: the same row, the same loss."""
    modules: Iterator[Any] = model.modules()
    for module in modules:
        if getattr(module, "jitter_noise", 0.0):
            module.jitter_noise = 0.0


def attach_lora(family: Family, model: PreTrainedModel, rank: int, alpha: int, seed: int) -> PeftModel:
    """Add a fresh LoRA adapter to the family's projections; ``seed`` decides its initial weights."""
    from peft import LoraConfig, PeftModel, get_peft_model

    targets = family.lora_targets(model)
    if not targets:
        raise ValueError(f"no projection of family {family.name!r} found in {type(model).__name__}; check the base")
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, task_type="CAUSAL_LM", bias="none")
    adapted = get_peft_model(model, config)
    if not isinstance(adapted, PeftModel):
        raise TypeError("PEFT returned a mixed model, which was not asked for")
    return adapted
