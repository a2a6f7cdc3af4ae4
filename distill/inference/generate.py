"""Batched greedy generation with full-precision or quantised weights, with or without an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from distill.families.base import Family, Prompt


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready for generation, with its tokenizer and family."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: Family


def load(model_ref: str, adapter: Path | None, family: Family, *, revision: str | None = None) -> LoadedModel:
    """Load ``model_ref`` (a local folder or hub repository id) in full precision, with ``adapter`` merged if given."""
    tokenizer = AutoTokenizer.from_pretrained(model_ref, revision=revision)
    untouched = LoadedModel(load_weights(model_ref, None, family, revision), tokenizer, family)
    return untouched if adapter is None else with_adapter(untouched, adapter)


def with_adapter(untouched: LoadedModel, adapter: Path) -> LoadedModel:
    """Merge ``adapter`` into the weights of ``untouched``, which is used up: merged ones write a third faster."""
    from peft import PeftModel

    attached = PeftModel.from_pretrained(untouched.model, str(adapter))
    return replace(untouched, model=attached.merge_and_unload().eval())


def load_weights(
    model_ref: str, adapter: Path | None, family: Family, revision: str | None = None, quantized: bool = False
) -> PreTrainedModel:
    """Load the weights alone, in evaluation mode, on the accelerator if there is one."""
    if quantized:
        from distill.training.qlora import load_nf4

        model = load_nf4(family, model_ref, revision)
    else:
        on_gpu = torch.cuda.is_available()
        model = family.load(
            model_ref,
            revision,
            dtype=torch.bfloat16 if on_gpu else torch.float32,
            device_map="cuda" if on_gpu else None,
        )
    if adapter is not None:
        from peft import PeftModel

        # PeftModel quacks like the model it wraps, which is all that generation and comparison ask of it.
        model = PeftModel.from_pretrained(model, str(adapter))  # type: ignore[assignment]
    model.train(mode=False)
    return model


def generate(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int = 256,
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Write one assistant turn per prompt, greedily and unconstrained, in the order of ``prompts``.

    Returns the raw texts, special tokens of the call syntax included, without stop tokens and padding. A turn that hits
    ``max_new_tokens`` is returned as far as it got.
    """
    encoded = [loaded.family.prompt_ids(prompt, loaded.tokenizer) for prompt in prompts]
    # Prompts of similar length share a batch, so that little of it is padding.
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index]))
    texts = [""] * len(encoded)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        written = _generate_batch(loaded, [encoded[index] for index in chosen], max_new_tokens)
        for index, text in zip(chosen, written, strict=True):
            texts[index] = text
        on_progress(start + len(chosen), len(order))
    return texts


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask, both [rows, longest]; padding on the left, where generation ignores it."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*[pad] * (width - len(row)), *row] for row in rows], device=device)
    mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows], device=device)
    return ids, mask


@torch.inference_mode()
def _generate_batch(loaded: LoadedModel, rows: Sequence[Sequence[int]], max_new_tokens: int) -> list[str]:
    stops = loaded.family.stop_ids(loaded.tokenizer)
    ids, mask = left_padded(rows, stops[0], loaded.model.device)
    output = loaded.model.generate(  # type: ignore[operator]  # transformers types generate as Tensor | Module
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=stops,
        pad_token_id=stops[0],
    )
    return [_decode(loaded.tokenizer, new, stops) for new in output[:, ids.shape[1] :].tolist()]


def _decode(tokenizer: PreTrainedTokenizerBase, ids: list[int], stops: Sequence[int]) -> str:
    ends = [ids.index(stop) for stop in stops if stop in ids]
    text = tokenizer.decode(ids[: min(ends, default=len(ids))], skip_special_tokens=False)
    if not isinstance(text, str):
        raise TypeError("the tokenizer decoded one row into several")
    return text
