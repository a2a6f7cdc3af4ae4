"""Initial weights that can already copy: a layer of previous-token heads and an induction head above it.

A tiny model spends most of its pre-training on finding out how to copy: which token followed the last time that the two
latest tokens stood together (Olsson et al., "In-context Learning and Induction Heads", 2022). Written into the first
two layers by hand, copying works before the first step, and training is left with what is worth learning.

The residual stream of width 128 is divided: content of the token, one constant, content of the token before, and
content of the token before that. The other heads, layers and all MLPs keep their random weights; all of it is trained.

Gemma 4 differs in four ways. Its embeddings are multiplied by the square root of the width, so lengths in the stream
are measured in that unit. What a block adds is brought to unit mean square and multiplied by a learnt weight: a weight
of ``sqrt(L)`` adds a vector of squared length ``L``, however small the block's output was. Values are normalised as
queries and keys are. And queries are not divided by the square root of the head's width.
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
_PEAK, _MATCH = 7.5, 20.0
"""Attention logits of a hit: by distance, by content."""
_COPY_GAIN = 4.0
"""How much louder the copied token is than the token's own content."""
_FINAL_NORM = 3.0
_FAINT = 0.1
"""The weight behind a block of random weights that makes what it adds as small as in a model without such a weight."""
# Of the rotary frequencies the fastest tell distances apart; those that turn by less than this at the longest prompt
# (in radians) leave a comparison of contents alone.
_DISTANCE_PAIRS = {0: 1.0, 1: 1.0, 2: 0.7, 3: 0.5}
_LONGEST_PROMPT = 250
_STILL = 0.45


def install_copying(model: PreTrainedModel, seed: int) -> None:
    """Overwrite the embeddings and parts of the first two attention layers of a model of width 128.

    Of Llama, Qwen 3 or Gemma 4. The second layer's heads are 64 wide or wider, the first's at least 32.

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
        _quieten(model)
        _embed(model.model.embed_tokens.weight, content / content.norm(dim=1, keepdim=True), random)
        _look_back(first, project)
        _match(second, project, random)
        model.model.norm.weight.fill_(_FINAL_NORM)


@dataclass(frozen=True, slots=True)
class _Attention:
    """The weights of one attention layer, and the width and rotary frequencies (radians a token) of its heads.

    ``after`` is the norm of what it adds, in Gemma 4.
    """

    module: Any
    after: Any
    width: int
    frequencies: tuple[float, ...]

    @classmethod
    def of(cls, model: PreTrainedModel, index: int) -> _Attention:
        layer, rotary = model.model.layers[index], model.model.rotary_emb
        module = layer.self_attn
        # Gemma 4 has frequencies for each type of layer; those of zero turn nothing.
        turns = rotary.inv_freq if hasattr(rotary, "inv_freq") else getattr(rotary, f"{module.layer_type}_inv_freq")
        after = layer.post_attention_layernorm if _normalises_blocks(layer) else None
        return cls(module, after, module.head_dim, tuple(turns.tolist()))

    def scale_of(self, logit: float, parts: float) -> float:
        """The factor of queries and of keys that gives ``logit`` where ``parts`` units agree; sets the norms if any."""
        hit = logit / self.module.scaling
        if not hasattr(self.module, "q_norm"):
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

    def add(self, square: float) -> None:
        """Where what the layer adds is normalised, give it this squared length."""
        if self.after is not None:
            self.after.weight.fill_(math.sqrt(square))


def _normalises_blocks(layer: Any) -> bool:
    """Whether what attention and MLP add is normalised. (Llama calls the norm before its MLP "post attention".)"""
    return hasattr(layer, "pre_feedforward_layernorm")


def _quieten(model: PreTrainedModel) -> None:
    """Where blocks are normalised, let those of random weights add little, and give their attention small logits."""
    for layer in filter(_normalises_blocks, model.model.layers):
        for name in ("post_attention_layernorm", "post_feedforward_layernorm", "post_per_layer_input_norm"):
            getattr(layer, name).weight.fill_(_FAINT)
        # Queries and keys of random directions then have a product of about one.
        layer.self_attn.q_norm.weight.fill_(layer.self_attn.head_dim**-0.5)


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
    attention.add(2.0)


def _match(attention: _Attention, project: Tensor, random: torch.Generator) -> None:
    """Head 0 looks for the present token in the place "one before", and for the last one in the place "two before"."""
    norm = _norm(1.0 + _BIAS**2 + 2.0)
    pairs = len(attention.frequencies)
    still = [pair for pair, each in enumerate(attention.frequencies) if each * _LONGEST_PROMPT < _STILL]
    dimensions = [*still, *(pairs + pair for pair in still)]
    scale = attention.scale_of(_MATCH, 2.0) / norm
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
    output = attention.output(0)
    output[:_CONTENT, :_CONTENT] = _COPY_GAIN * torch.eye(_CONTENT)
    if attention.after is not None:
        # The constant goes along, so that a mean of many contents, where nothing matches, is not made as loud as a hit.
        value[_CONTENT, _CONTENT] = 1.0 / (_BIAS * norm)
        output[_CONTENT, _CONTENT] = _COPY_GAIN
    attention.add(2.0 * _COPY_GAIN**2)


def _norm(square: float) -> float:
    """The factor by which the layer's norm multiplies a residual of that squared length."""
    return math.sqrt((_SECOND + _PART) / square)
