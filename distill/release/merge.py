"""Merge an adapter into its full-precision base, and compare the result with what was trained."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import kl_div, log_softmax
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from distill.families.base import Family, Prompt
from distill.inference.generate import load_weights
from distill.release.untouched import add_untouched

# Written by whoever made the base. Kept byte for byte: newer libraries save configurations that servers cannot read.
_ORIGINAL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the merged weights compare with the adapter on the quantised base, over all tokens of some prompts.

    ``top1`` is the share of places with the same most likely next token, ``mean_kl`` the mean of
    KL(quantised || merged) in nats.
    """

    tokens: int
    top1: float
    mean_kl: float


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The merged model's folder and its agreement with what was trained."""

    folder: Path
    agreement: Agreement


def merge(
    base: str,
    adapter: Path,
    family: Family,
    output: Path,
    prompts: Sequence[Prompt],
    *,
    revision: str | None = None,
) -> MergeResult:
    """Write ``base`` with ``adapter`` merged into it to ``output``: safetensors and the base's own other files.

    What the family leaves out when loading, such as the towers of a multimodal base, is copied as it is.

    The base is loaded again in full precision, because merging into 4-bit layers would quantise a second time. The
    weights are stored in the base's own type.

    Raises:
        FileExistsError: ``output`` exists; a merge never overwrites a model.
    """
    if output.exists():
        raise FileExistsError(f"{output} already exists; choose a new folder or remove it")
    from peft import PeftModel

    attached = load_weights(base, adapter, family, revision)
    if not isinstance(attached, PeftModel):
        raise TypeError(f"{adapter} holds no PEFT adapter")
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    stored = AutoConfig.from_pretrained(base, revision=revision).dtype or torch.bfloat16
    attached.merge_and_unload().to(stored).save_pretrained(str(partial))
    add_untouched(_folder(base, revision, ["*.safetensors"]), partial)
    copy_original_files(base, revision, partial)
    # The comparison reads back what was written, so rounding to the stored type is part of it.
    agreement = compare(
        load_weights(base, adapter, family, revision, quantized=True),
        load_weights(str(partial), None, family),
        _encode(family, base, revision, prompts),
    )
    partial.replace(output)
    return MergeResult(output, agreement)


def copy_original_files(base: str, revision: str | None, target: Path) -> None:
    """Copy the base's configuration and tokenizer files to ``target``, byte for byte."""
    source = _folder(base, revision, list(_ORIGINAL_FILES))
    for name in _ORIGINAL_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _folder(base: str, revision: str | None, patterns: list[str]) -> Path:
    """The folder of a base, with the files of these patterns."""
    if Path(base).is_dir():
        return Path(base)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(base, revision=revision, allow_patterns=patterns))


@torch.inference_mode()
def compare(trained: PreTrainedModel, merged: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> Agreement:
    """Compare next-token distributions at every place of ``prompts`` (token ids), one prompt at a time."""
    tokens, same, divergence = 0, 0, 0.0
    for prompt in prompts:
        ids = torch.tensor([prompt])
        left = log_softmax(trained(input_ids=ids.to(trained.device)).logits[0].float(), -1)
        right = log_softmax(merged(input_ids=ids.to(merged.device)).logits[0].float(), -1).to(left.device)
        tokens += len(prompt)
        same += int((left.argmax(-1) == right.argmax(-1)).sum())
        divergence += float(kl_div(right, left, reduction="sum", log_target=True))
    if not tokens:
        raise ValueError("no prompts to compare on; give at least one")
    return Agreement(tokens, same / tokens, divergence / tokens)


def _encode(family: Family, base: str, revision: str | None, prompts: Sequence[Prompt]) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(base, revision=revision)
    return [family.prompt_ids(prompt, tokenizer) for prompt in prompts]
