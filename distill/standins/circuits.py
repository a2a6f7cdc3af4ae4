"""Initial weights that can already copy: a layer of previous-token heads and an induction head above it.

A tiny model spends most of its pre-training on finding out how to copy: which token followed the last time that the two
latest tokens stood together (Olsson et al., "In-context Learning and Induction Heads", 2022). Written into the first
two layers by hand, copying works before the first step, and training is left with what is worth learning.

The residual stream of width 128 is divided: content of the token, one constant, content of the token before, and
content of the token before that. The other heads, layers and all MLPs keep their random weights; all of it is trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

_CONTENT = 63
"""Leading dimensions that hold a random unit vector for each token; the one behind them holds ``_BIAS``."""
_BIAS = 0.6
_PART = 32
"""Width of the two places behind the constant for the tokens one and two before."""
_PREVIOUS, _SECOND = 64, 96
_PEAK, _MATCH = 60.0, 20.0
"""Attention logits (before division by the square root of the head's width) of a hit: by distance, by content."""
_COPY_GAIN = 4.0
"""How much louder the copied token is than the token's own content."""
_FINAL_NORM = 3.0
# Of the rotary frequencies the fastest tell distances apart; those that turn by less than this at the longest prompt
# (in radians) leave a comparison of contents alone.
_DISTANCE_PAIRS = {0: 1.0, 1: 1.0, 2: 0.7, 3: 0.5}
_LONGEST_PROMPT = 250
_STILL = 0.45


def install_copying(model: PreTrainedModel, seed: int) -> None:
    """Overwrite the embeddings and parts of the first two attention layers of a Llama or Qwen 3 model of width 128.

    Heads 0 and 1 of the first layer attend one and two tokens back; head 0 of the second finds the place where the
    same two tokens stood before, and puts forward the token that followed. Needs two or more heads over the first key
    head, and a rotary base of about a million, so that enough frequencies stand still over a prompt.
    """
    random = torch.Generator().manual_seed(seed)
    content = torch.randn(model.config.vocab_size, _CONTENT, generator=random)
    # Orthonormal rows, scaled so that a token's content keeps its length on average.
    project = torch.linalg.qr(torch.randn(_CONTENT, _PART, generator=random)).Q.T * math.sqrt(_CONTENT / _PART)
    first, second = (_Attention.of(model, index) for index in (0, 1))
    with torch.no_grad():
        _embed(model.model.embed_tokens.weight, content / content.norm(dim=1, keepdim=True), random)
        _look_back(first, project)
        _match(second, project, random)
        model.model.norm.weight.fill_(_FINAL_NORM)


@dataclass(frozen=True, slots=True)
class _Attention:
    """The weights of one attention layer, and the width and rotary frequencies (radians a token) of its heads."""

    module: Any
    width: int
    frequencies: tuple[float, ...]

    @classmethod
    def of(cls, model: PreTrainedModel, index: int) -> _Attention:
        config = model.config
        pairs = config.head_dim // 2
        base = config.rope_parameters["rope_theta"]
        frequencies = tuple(base ** (-pair / pairs) for pair in range(pairs))
        return cls(model.model.layers[index].self_attn, config.head_dim, frequencies)

    @property
    def normalised(self) -> bool:
        """Whether queries and keys are brought to unit mean square, as Qwen 3 does."""
        return hasattr(self.module, "q_norm")

    def scale_of(self, hit: float, parts: float) -> float:
        """The factor of queries and of keys that gives ``hit`` where ``parts`` units agree; sets the norms if any."""
        if not self.normalised:
            return math.sqrt(hit / parts)
        for norm in (self.module.q_norm, self.module.k_norm):
            norm.weight.fill_(math.sqrt(hit / self.width))
        return 1.0

    def head(self, projection: str, index: int) -> Tensor:
        """The rows of one head in ``q_proj``, ``k_proj`` or ``v_proj``, set to zero."""
        weight: Tensor = getattr(self.module, projection).weight
        return weight[index * self.width : (index + 1) * self.width].zero_()

    def output(self, index: int) -> Tensor:
        """The columns of one head in ``o_proj``, set to zero."""
        weight: Tensor = self.module.o_proj.weight
        return weight[:, index * self.width : (index + 1) * self.width].zero_()


def _embed(weight: Tensor, content: Tensor, random: torch.Generator) -> None:
    rest = weight.shape[1] - _CONTENT - 1
    weight[:, :_CONTENT] = content
    weight[:, _CONTENT] = _BIAS
    weight[:, _CONTENT + 1 :] = 0.01 * torch.randn(weight.shape[0], rest, generator=random)


def _look_back(attention: _Attention, project: Tensor) -> None:
    """Heads 0 and 1 write the content of the tokens one and two before into their places."""
    norm = _norm(1.0 + _BIAS**2)
    pairs = len(attention.frequencies)
    scale = attention.scale_of(_PEAK, sum(_DISTANCE_PAIRS.values())) / (_BIAS * norm)
    key, value = attention.head("k_proj", 0), attention.head("v_proj", 0)
    queries = [attention.head("q_proj", index) for index in (0, 1)]
    for pair, weight in _DISTANCE_PAIRS.items():
        key[pair, _CONTENT] = scale * math.sqrt(weight)
        for back, query in enumerate(queries, 1):
            # Turned by as much as the rotary embedding turns in ``back`` tokens: the product peaks at that distance.
            angle = back * attention.frequencies[pair]
            query[pair, _CONTENT] = scale * math.sqrt(weight) * math.cos(angle)
            query[pairs + pair, _CONTENT] = -scale * math.sqrt(weight) * math.sin(angle)
    value[:_PART, :_CONTENT] = project / norm
    for index, place in enumerate((_PREVIOUS, _SECOND)):
        attention.output(index)[place : place + _PART, :_PART] = torch.eye(_PART)


def _match(attention: _Attention, project: Tensor, random: torch.Generator) -> None:
    """Head 0 looks for the present token in the place "one before", and for the last one in the place "two before"."""
    norm = _norm(1.0 + _BIAS**2 + 2.0)
    pairs = len(attention.frequencies)
    still = [pair for pair, each in enumerate(attention.frequencies) if each * _LONGEST_PROMPT < _STILL]
    dimensions = [*still, *(pairs + pair for pair in still)]
    scale = attention.scale_of(_MATCH * math.sqrt(attention.width), 2.0) / norm
    key, query, value = (attention.head(name, 0) for name in ("k_proj", "q_proj", "v_proj"))
    for which, place in enumerate((_PREVIOUS, _SECOND)):
        chosen = dimensions[which::2]
        sketch = torch.randn(len(chosen), _PART, generator=random) * scale / math.sqrt(len(chosen))
        key[chosen, place : place + _PART] = sketch
        if which == 0:
            query[chosen, :_CONTENT] = sketch @ project
        else:
            query[chosen, _PREVIOUS : _PREVIOUS + _PART] = sketch
    value[:_CONTENT, :_CONTENT] = torch.eye(_CONTENT) / norm
    attention.output(0)[:_CONTENT, :_CONTENT] = _COPY_GAIN * torch.eye(_CONTENT)


def _norm(square: float) -> float:
    """The factor by which the layer's norm multiplies a residual of that squared length."""
    return math.sqrt((_SECOND + _PART) / square)
