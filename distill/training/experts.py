"""NF4 for the experts of a mixture.

transformers 5 keeps all experts of a layer in two tensors of three dimensions, and its bitsandbytes quantiser replaces
linear layers only: by itself it would load the experts, which are 96 % of Mixtral 8x7B, in full precision without a
word. Here each expert becomes two NF4 layers while the checkpoint is read, one tensor at a time, so that at no time
more than one layer's experts are in memory in full precision.
"""

from __future__ import annotations

from typing import Any

import torch
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedModel
from transformers.models.mixtral.modeling_mixtral import MixtralExperts
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer
from transformers.quantizers.quantizers_utils import get_module_from_name
from transformers.utils.quantization_config import QuantizationMethod

_METHOD = "spiritsafe_nf4"
# What transformers calls the tensors of all experts, and Nf4Experts the layers that they become.
_FUSED = {"gate_up_proj": "gate_up", "down_proj": "down"}


@register_quantization_config(_METHOD)
class Nf4Config(BitsAndBytesConfig):
    """As in QLoRA: linear layers and experts in double-quantised NF4.

    Args:
        compute_dtype: the type in which layers multiply.
    """

    def __init__(self, compute_dtype: torch.dtype, **options: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # transformers does not annotate it
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute_dtype,
            **options,
        )
        self.quant_method = _METHOD  # type: ignore[assignment]  # the name is what finds the quantiser


class Nf4Experts(nn.Module):
    """The experts of one layer, each as two NF4 layers; takes the place of the module that holds them fused."""

    def __init__(self, experts: MixtralExperts, config: BitsAndBytesConfig) -> None:
        super().__init__()
        hidden, inner = experts.hidden_dim, experts.intermediate_dim
        self.gate_up = nn.ModuleList(_layer(hidden, 2 * inner, config) for _ in range(experts.num_experts))
        self.down = nn.ModuleList(_layer(inner, hidden, config) for _ in range(experts.num_experts))
        self.act_fn = experts.act_fn
        for name in _FUSED:
            # So that the loader finds a place for what the checkpoint brings. Gone when everything is read.
            self.register_parameter(name, nn.Parameter(torch.empty(0, device="meta"), requires_grad=False))

    def forward(
        self, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        """What the chosen experts make of each token, weighted.

        Args:
            hidden_states: [tokens, width].
            top_k_index: the numbers of each token's experts, [tokens, k].
            top_k_weights: their weights, [tokens, k].
        """
        output = torch.zeros_like(hidden_states)
        for number, (gate_up, down) in enumerate(zip(self.gate_up, self.down, strict=True)):
            tokens, ranks = torch.where(top_k_index == number)
            if len(tokens):
                gate, up = gate_up(hidden_states[tokens]).chunk(2, dim=-1)
                written = down(self.act_fn(gate) * up) * top_k_weights[tokens, ranks, None]
                output.index_add_(0, tokens, written.to(output.dtype))
        return output


@register_quantizer(_METHOD)
class Nf4Quantizer(Bnb4BitHfQuantizer):
    """The quantiser of transformers, which knows experts as well."""

    def param_needs_quantization(self, model: PreTrainedModel, param_name: str, **kwargs: Any) -> bool:
        """Whether a tensor of the checkpoint is stored in NF4."""
        module, _ = get_module_from_name(model, param_name)
        return isinstance(module, Nf4Experts) or bool(super().param_needs_quantization(model, param_name, **kwargs))

    def get_quantize_ops(self) -> Any:
        """What is done with such a tensor."""
        return _Quantize(super().get_quantize_ops())  # type: ignore[no-untyped-call]  # not annotated there

    def _process_model_before_weight_loading(  # type: ignore[override]  # the two classes above do not agree
        self, model: PreTrainedModel, device_map: Any, **kwargs: Any
    ) -> None:
        super()._process_model_before_weight_loading(model, device_map, **kwargs)
        for name, module in list(model.named_modules()):
            if isinstance(module, MixtralExperts):
                model.set_submodule(name, Nf4Experts(module, self.quantization_config))

    def _process_model_after_weight_loading(self, model: PreTrainedModel, **kwargs: Any) -> Any:
        for module in model.modules():
            if isinstance(module, Nf4Experts):
                for name in _FUSED:
                    delattr(module, name)
        # From here on it is a model of bitsandbytes like any other.
        loaded: Any = super()._process_model_after_weight_loading(model, **kwargs)
        loaded.quantization_method = QuantizationMethod.BITS_AND_BYTES
        return loaded


class _Quantize:
    """Quantises the fused tensors of experts, and leaves linear layers to transformers."""

    def __init__(self, linear: Any) -> None:
        self._linear = linear

    def convert(self, tensors: dict[str, Any], *, model: PreTrainedModel, **context: Any) -> dict[str, torch.Tensor]:
        """The tensors to store, by the full names of their places."""
        ((name, value),) = tensors.items()
        module, fused = get_module_from_name(model, name)
        if not isinstance(module, Nf4Experts):
            quantised: dict[str, torch.Tensor] = self._linear.convert(tensors, model=model, **context)
            return quantised
        whole = value[0] if isinstance(value, list) else value
        place = f"{name.removesuffix(fused)}{_FUSED[fused]}"
        layers: nn.ModuleList = getattr(module, _FUSED[fused])
        stored = {f"{place}.{number}.weight": _quantised(layers[number], one) for number, one in enumerate(whole)}
        return {**stored, name: torch.empty(0)}


def _layer(inputs: int, outputs: int, config: BitsAndBytesConfig) -> Linear4bit:
    layer: Linear4bit = Linear4bit(  # type: ignore[no-untyped-call]  # bitsandbytes does not annotate it
        inputs,
        outputs,
        bias=False,
        compute_dtype=config.bnb_4bit_compute_dtype,
        compress_statistics=config.bnb_4bit_use_double_quant,
        quant_type=config.bnb_4bit_quant_type,
        device="meta",
    )
    return layer.requires_grad_(False)


def _quantised(layer: Any, weight: torch.Tensor) -> torch.Tensor:
    layer._is_hf_initialized = True  # how transformers is told that the weights are there
    stored: torch.Tensor = Params4bit(weight.contiguous(), requires_grad=False, **layer.weight.__dict__)
    return stored.to(weight.device)
