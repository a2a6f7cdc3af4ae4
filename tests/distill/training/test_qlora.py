"""NF4 loading: what is quantised, and that an evaluation in between leaves gradients alone."""

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from distill.families import family_named
from distill.standins import checkpoint
from distill.training.qlora import attach_lora, load_nf4

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def gradients(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    model.train()
    model(input_ids=ids, labels=ids).loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad and p.grad is not None])


@pytest.mark.parametrize("family_name", ["qwen3", "xlam"])
def test_every_projection_is_double_quantised_nf4_and_adapted(family_name: str) -> None:
    family = family_named(family_name)
    model = load_nf4(family, str(checkpoint(family_name)))
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 7 * model.config.num_hidden_layers == len(family.lora_targets(model))
    assert {layer.weight.quant_type for layer in layers} == {"nf4"}
    assert all(layer.weight.quant_state.nested for layer in layers)
    adapted = attach_lora(family, model, rank=8, alpha=16, seed=0)
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * len(layers)
    assert all("lora_" in name for name in trained)


@pytest.mark.parametrize("family_name", ["qwen3", "xlam"])
def test_gradients_are_the_same_after_an_evaluation(family_name: str) -> None:
    family = family_named(family_name)
    model = attach_lora(family, load_nf4(family, str(checkpoint(family_name))), rank=8, alpha=16, seed=0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # B starts at zero, which would hide a wrong gradient of A
            torch.nn.init.normal_(parameter, std=0.02)
    ids = torch.randint(0, 1000, (2, 40), generator=torch.Generator().manual_seed(1))
    before = gradients(model, ids)
    model.eval()
    with torch.no_grad():
        model(input_ids=ids)
    after = gradients(model, ids)
    assert before.abs().max() > 0
    assert torch.allclose(before, after, rtol=1e-5, atol=1e-7)
