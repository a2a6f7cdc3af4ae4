"""Every class that xLAM teachers are made of, through the real NF4 QLoRA path."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoConfig, MixtralForCausalLM, PreTrainedModel

from distill.families.base import IGNORED, Row
from distill.training.experts import Nf4Experts
from distill.training.overlong import fit_rows
from distill.training.packing import Pack, collate, pack_rows
from distill.training.qlora import attach_lora, load_nf4
from distill.training.sft import TrainProgress, TrainSpec, mask_window, train
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from tests.distill.training.architectures import architectures, tokenizer_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ARCHITECTURES = architectures()
EACH = pytest.mark.parametrize("name", ARCHITECTURES)
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
DENSE = {"gate_proj", "up_proj", "down_proj"}
GATE = ToolSpec("open_gate", "Open.", {"type": "object", "properties": {"gate": {"type": "integer"}}})


def talk(number: int) -> Trajectory:
    """Two user turns, a call in the first, and what was observed."""
    messages = (
        Message("user", f"Open gate {number}."),
        Message("assistant", tool_calls=(ToolCall("open_gate", {"gate": number}),)),
        Message("tool", '{"observed": true}', name="open_gate"),
        Message("assistant", f"Gate {number} is open."),
        Message("user", "And close it?"),
        Message("assistant", "I cannot."),
    )
    return Trajectory(f"talk-{number}", (GATE,), messages)


TALKS = [talk(number) for number in range(10, 12)]


@cache
def rows_of(rendering: str) -> list[Row]:
    family = next(one.family for one in ARCHITECTURES.values() if one.rendering == rendering)
    return fit_rows(family, TALKS, tokenizer_of(rendering), 2048)[0]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: one.save(tmp_path_factory.mktemp(name)) for name, one in ARCHITECTURES.items()}


@EACH
def test_every_matrix_of_the_layers_is_nf4_and_adapters_fit_the_plain_model(
    name: str, bases: dict[str, str], tmp_path: Path
) -> None:
    architecture = ARCHITECTURES[name]
    model = load_nf4(architecture.family, bases[name])
    inner = {key: value for key, value in model.model.layers.named_parameters() if value.ndim > 1}
    plain = {key for key, value in inner.items() if value.is_floating_point()}
    assert plain == {f"{layer}.mlp.gate.weight" for layer in range(2) if name == "mixtral"}
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert all(layer.weight.quant_state.nested and layer.weight.quant_type == "nf4" for layer in layers)
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
    targets = architecture.family.lora_targets(model)
    assert {target.rpartition(".")[2] for target in targets} == ATTENTION | (set() if name == "mixtral" else DENSE)
    attach_lora(architecture.family, model, rank=4, alpha=8, seed=0).save_pretrained(str(tmp_path))
    merged = PeftModel.from_pretrained(architecture.family.load(bases[name]), str(tmp_path)).merge_and_unload()
    assert type(merged) is architecture.model_class


def test_four_bits_are_what_experts_take(bases: dict[str, str]) -> None:
    model = load_nf4(ARCHITECTURES["mixtral"].family, bases["mixtral"])
    experts = [module for module in model.modules() if isinstance(module, Nf4Experts)]
    stored = sum(weight.nbytes for module in experts for weight in module.parameters())
    assert stored * 2 == 2 * 4 * 3 * 128 * 192 == sum(weight.numel() * 2 for m in experts for weight in m.parameters())


def test_quantised_experts_compute_what_fused_ones_do(bases: dict[str, str]) -> None:
    """The same weights, rounded, in the module of transformers: same logits, and same gradients of the input."""
    quantised = load_nf4(ARCHITECTURES["mixtral"].family, bases["mixtral"])
    plain = MixtralForCausalLM.from_pretrained(bases["mixtral"])
    for name, module in quantised.named_modules():
        if isinstance(module, Nf4Experts):
            fused = plain.get_submodule(name)
            fused.gate_up_proj.data = torch.stack([weight_of(one) for one in module.gate_up])
            fused.down_proj.data = torch.stack([weight_of(one) for one in module.down])
        elif isinstance(module, Linear4bit) and ".experts." not in name:
            plain.get_submodule(name).weight.data = weight_of(module)
    ids = torch.randint(0, 1000, (2, 40), generator=torch.Generator().manual_seed(1))
    found = []
    for module in quantised.modules():
        if isinstance(module, Linear4bit):
            module.compute_dtype = torch.float32
    for model in (quantised, plain):
        model.config.output_router_logits = False
        embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
        logits = model(inputs_embeds=embedded).logits
        logits.square().sum().backward()
        found.append((logits.detach(), embedded.grad))
    (logits, gradient), (expected, wanted) = found
    assert torch.allclose(logits, expected, atol=1e-4 * float(expected.abs().max()))
    assert (gradient - wanted).norm() < 1e-4 * wanted.norm()


def weight_of(layer: Linear4bit) -> torch.Tensor:
    weight: torch.Tensor = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return weight.float()


def summed_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="sum")


def apart(model: PreTrainedModel, rows: Sequence[Row]) -> tuple[float, torch.Tensor]:
    """Loss and gradient of rows by themselves, with the mask that the model makes."""
    return backward(model, [loss_of(model, row) for row in rows])


def loss_of(model: PreTrainedModel, row: Row) -> torch.Tensor:
    return summed_loss(model(input_ids=torch.tensor([row.input_ids])).logits, torch.tensor([row.labels]))


def packed(model: PreTrainedModel, packs: Sequence[Pack], window: int | None) -> tuple[float, torch.Tensor]:
    losses = []
    for pack in packs:
        batch = collate([pack], 0, torch.float64, window)
        labels = batch.pop("labels")
        losses.append(summed_loss(model(**batch).logits, labels))
    return backward(model, losses)


def backward(model: PreTrainedModel, losses: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    total = torch.stack(list(losses)).sum()
    total.backward()
    return total.item(), torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


@EACH
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_have_the_gradients_of_rows_apart(name: str, attention: str) -> None:
    model = ARCHITECTURES[name].build().double()
    model.config.output_router_logits = False
    model.set_attn_implementation(attention)
    model.set_experts_implementation("eager")
    system = tuple(range(100, 130))
    rows = [row((*system, *range(first, first + 3 + first % 5)), (first, 8, 9)) for first in range(40, 48)]
    rows += [row((*system, 50, 51, 52, 50, 8, 9, 3), (4, 5)), row((*system, 50, 51, 52, 50, 8, 9, 3, 4, 5, 6), (7,))]
    packs = pack_rows(rows, 80)
    assert len(packs) < len(rows)
    window = mask_window(model.config, rows)
    assert window == (24 if name == "mistral-window" else None)
    (loss, gradient), (loss_apart, gradient_apart) = packed(model, packs, window), apart(model, rows)
    assert loss == pytest.approx(loss_apart, rel=1e-6)
    assert (gradient - gradient_apart).norm() < 1e-6 * gradient_apart.norm()


def row(prompt: Sequence[int], target: Sequence[int]) -> Row:
    return Row((*prompt, *target), (*[IGNORED] * len(prompt), *target))


def spec(base: str, folder: Path) -> TrainSpec:
    return TrainSpec(
        base=base, output_dir=folder, epochs=4, batch_size=6, lora_rank=8, learning_rate=1e-2, save_every=100
    )


@EACH
def test_a_training_starts_at_the_loss_of_the_rows_apart_and_learns(
    name: str, bases: dict[str, str], tmp_path: Path
) -> None:
    """So a mixture adds no loss for the balance of its experts, though its configuration asks for one."""
    architecture = ARCHITECTURES[name]
    rows = rows_of(architecture.rendering)
    untrained = load_nf4(architecture.family, bases[name])
    untrained.config.output_router_logits = False
    with torch.no_grad():
        losses = [loss_of(untrained, row).item() for row in rows]
    targets = sum(label != IGNORED for row in rows for label in row.labels)
    seen: list[TrainProgress] = []
    result = train(spec(bases[name], tmp_path), architecture.family, TALKS, seen.append)
    assert (result.rows, result.steps) == (6, 4)
    assert seen[0].loss == pytest.approx(sum(losses) / targets, rel=0.01)
    assert seen[-1].loss < seen[0].loss - 0.3


@pytest.mark.parametrize("rendering", ["xlam", "qwen3", "llama3"])
def test_only_what_the_assistant_writes_is_learnt(rendering: str) -> None:
    """Neither requests nor tools nor what was observed; each turn and its end is learnt in exactly one row."""
    tokenizer = tokenizer_of(rendering)
    for first in range(0, 6, 3):
        call, answer, refusal = (
            tokenizer.decode([label for label in row.labels if label != IGNORED])
            for row in rows_of(rendering)[first : first + 3]
        )
        assert '"open_gate"' in call
        assert answer.startswith("Gate 1")
        assert refusal.startswith("I cannot.")
        for text in (call, answer, refusal):
            assert "observed" not in text
            assert "close it" not in text
            assert "Open" not in text
    packs = pack_rows(rows_of(rendering))
    learnt = [label for pack in packs for label in collate([pack], 0)["labels"].flatten().tolist() if label != IGNORED]
    assert sorted(learnt) == sorted(label for row in rows_of(rendering) for label in row.labels if label != IGNORED)


def test_a_family_takes_every_class_that_it_names() -> None:
    family = ARCHITECTURES["mistral"].family

    class Several(type(family)):  # type: ignore[misc]  # a class made from an instance's
        architectures = frozenset({"MistralForCausalLM", "MixtralForCausalLM"})

    for name, accepted in (("mistral", True), ("mixtral", True), ("qwen2", False)):
        config = AutoConfig.for_model(**ARCHITECTURES[name].config.to_dict()).to_dict()
        assert Several().accepts({**config, "architectures": [ARCHITECTURES[name].model_class.__name__]}) is accepted
