"""Batched greedy generation with full-precision or quantised weights, with or without an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from distill.families.base import Family, Prompt
from distill.inference.written import Written


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


# On a CPU the keys and values of more rows fall out of its caches.
_CPU_BATCH, _ACCELERATOR_BATCH = 8, 64
Ids = Sequence[int]
Write = Callable[[Sequence[Sequence[Ids]], int], Iterable[list[Ids]]]
"""Continues every row of ids of each batch by at most so many new ones, batch by batch in order."""


def generate(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int = 256,
    batch_size: int | None = None,
    write: Write | None = None,
) -> list[str]:
    """The texts of ``write_turns``."""
    turns = write_turns(loaded, prompts, max_new_tokens=max_new_tokens, batch_size=batch_size, write=write)
    return [turn.text for turn in turns]


def write_turns(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int = 256,
    batch_size: int | None = None,
    write: Write | None = None,
) -> list[Written]:
    """Write one assistant turn per prompt, greedily and unconstrained, in the order of ``prompts``.

    Returns the raw texts, special tokens of the call syntax included, without stop tokens and padding. A turn that hits
    ``max_new_tokens`` is returned as far as it got. ``batch_size`` prompts are answered at a time, as many as suit the
    device unless told. ``write`` are replicas of ``loaded``; it writes itself unless told.
    """
    size = batch_size or rows_at_once(loaded)
    encoded = [loaded.family.prompt_ids(prompt, loaded.tokenizer) for prompt in prompts]
    # Prompts of similar length share a batch, so that little of it is padding; those that take longest come first.
    order = sorted(range(len(encoded)), key=lambda index: len(encoded[index]), reverse=True)
    batches = [[encoded[index] for index in order[start : start + size]] for start in range(0, len(order), size)]
    written = chain.from_iterable((write or partial(write_batches, loaded))(batches, max_new_tokens))
    stops = loaded.family.stop_ids(loaded.tokenizer)
    new = dict(zip(order, written, strict=True))
    return [
        Written(decoded(loaded.tokenizer, new[index], stops), len(encoded[index]), written_count(new[index], stops))
        for index in range(len(encoded))
    ]


def rows_at_once(loaded: LoadedModel) -> int:
    """How many rows of a batch suit the device."""
    return _CPU_BATCH if loaded.model.device.type == "cpu" else _ACCELERATOR_BATCH


def write_batches(loaded: LoadedModel, batches: Sequence[Sequence[Ids]], max_new_tokens: int) -> Iterable[list[Ids]]:
    """Continue the rows of each batch with ``loaded``, one batch after the other."""
    return (write_batch(loaded, rows, max_new_tokens) for rows in batches)


@torch.inference_mode()
def write_batch(loaded: LoadedModel, rows: Sequence[Ids], max_new_tokens: int) -> list[Ids]:
    """The new ids after each row, the stop token and padding behind it included."""
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
    new: list[Ids] = output[:, ids.shape[1] :].tolist()
    return new


def left_padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask, both [rows, longest]; padding on the left, where generation ignores it."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*[pad] * (width - len(row)), *row] for row in rows], device=device)
    mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows], device=device)
    return ids, mask


def written_count(ids: Ids, stops: Sequence[int]) -> int:
    """How many of the new ids of a row were written: the first stop token included, the padding behind it not."""
    return min((ids.index(stop) + 1 for stop in stops if stop in ids), default=len(ids))


def decoded(tokenizer: PreTrainedTokenizerBase, ids: Ids, stops: Sequence[int]) -> str:
    """The text of a row's new ids up to the first stop token, special tokens of the call syntax included."""
    ends = [ids.index(stop) for stop in stops if stop in ids]
    text = tokenizer.decode(list(ids)[: min(ends, default=len(ids))], skip_special_tokens=False)
    if not isinstance(text, str):
        raise TypeError("the tokenizer decoded one row into several")
    return text
