"""A stand-in that starts from the finished weights of another one of the same shape."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

_EMBEDDINGS = "model.embed_tokens.weight"


def inherit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, parent: Path) -> None:
    """Give ``model`` the weights of the stand-in in the folder ``parent``, whose tokenizer is another one.

    The embedding of a token goes to the token of the same text; the other embeddings of ``model`` stay as they are.

    Raises:
        ValueError: the two differ in more than their embeddings.
    """
    weights = load_file(parent / "model.safetensors")
    rows = weights.pop(_EMBEDDINGS).to(model.dtype)
    found = model.load_state_dict(weights, strict=False)
    if found.unexpected_keys or set(found.missing_keys) - {_EMBEDDINGS, "lm_head.weight"}:
        raise ValueError(f"{parent} is of another shape: {found}; name a parent with the same configuration")
    own, known = tokenizer.get_vocab(), AutoTokenizer.from_pretrained(parent).get_vocab()
    shared = sorted(own.keys() & known.keys())
    with torch.no_grad():
        model.model.embed_tokens.weight[[own[text] for text in shared]] = rows[[known[text] for text in shared]]
