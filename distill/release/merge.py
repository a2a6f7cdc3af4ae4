"""Merge an adapter into its full-precision base, and hold the result to what was trained."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import kl_div, log_softmax
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from distill.families.base import IGNORED, Family, Row, rows_of
from distill.inference.generate import load_weights
from distill.release.untouched import add_untouched
from distill.trajectories.types import Trajectory

_LONGEST_ROW = 8192
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


LEAST_TOP1, MOST_KL = 0.8, 0.3
"""What merged weights must hold to, where an assistant writes: share of equal top tokens, and nats of divergence.

Well-trained stand-ins reach 99 % and 0.008 nats. A merge that forgot its adapter has 62 to 69 % and 4 to 5 nats.
Between the two, NF4 alone costs an untrained stand-in up to 10 % and 0.15 nats, which no merge can be blamed for.
"""


class MergeDisagrees(ValueError):
    """The merged weights would write something else than what was trained."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the merged weights compare with the adapter on the quantised base, over all target tokens of some rows.

    ``top1`` is the share of places with the same most likely next token, ``mean_kl`` the mean of
    KL(quantised || merged) in nats.
    """

    tokens: int
    top1: float
    mean_kl: float

    def check(self) -> None:
        """Raise MergeDisagrees where it is less than it must be."""
        if self.top1 < LEAST_TOP1 or self.mean_kl > MOST_KL:
            raise MergeDisagrees(
                "merged weights and the adapter on the quantised base do not agree: "
                f"the same most likely token at {self.top1:.1%} of {self.tokens} places ({LEAST_TOP1:.0%} needed), "
                f"a divergence of {self.mean_kl:.3f} nats ({MOST_KL} allowed); "
                "create a run that trains with a lower rate or rank, or on a larger base, which quantisation costs less"
            )


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
    held_out: Sequence[Trajectory],
    *,
    revision: str | None = None,
) -> MergeResult:
    """Write ``base`` with ``adapter`` merged into it to ``output``: safetensors and the base's own other files.

    What the family leaves out when loading, such as the towers of a multimodal base, is copied as it is.

    The base is loaded again in full precision, because merging into 4-bit layers would quantise a second time. The
    weights are stored in the base's own type, read back, and compared with what was trained on ``held_out``.

    Raises:
        FileExistsError: ``output`` exists; a merge never overwrites a model.
        MergeDisagrees: they would write something else; nothing is left in ``output``.
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
    tokenizer = AutoTokenizer.from_pretrained(base, revision=revision)
    # The comparison reads back what was written, so rounding to the stored type is part of it.
    agreement = compare(
        load_weights(base, adapter, family, revision, quantized=True),
        load_weights(str(partial), None, family),
        rows_of(family, held_out, tokenizer, _LONGEST_ROW),
    )
    try:
        agreement.check()
    except MergeDisagrees:
        shutil.rmtree(partial)
        raise
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
def compare(trained: PreTrainedModel, merged: PreTrainedModel, rows: Sequence[Row]) -> Agreement:
    """Compare next-token distributions at every place before a target token of ``rows``, one row at a time."""
    tokens, same, divergence = 0, 0, 0.0
    for row in rows:
        ids = torch.tensor([row.input_ids])
        places = torch.tensor(row.labels)[1:] != IGNORED
        left, right = (_predictions(model, ids)[:-1][places] for model in (trained, merged))
        tokens += len(left)
        same += int((left.argmax(-1) == right.argmax(-1)).sum())
        divergence += float(kl_div(right, left, reduction="sum", log_target=True))
    if not tokens:
        raise ValueError("no rows to compare on; give at least one")
    return Agreement(tokens, same / tokens, divergence / tokens)


def _predictions(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """Log probabilities, [tokens, vocabulary]."""
    return log_softmax(model(input_ids=ids.to(model.device)).logits[0].float(), -1).cpu()
