"""Gemma 4's weights: the language model alone, some projections absent, and nothing but the adapter in float32."""

import shutil
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, Gemma4ForCausalLM

from distill.families import family_named
from distill.training.qlora import attach_lora, load_nf4
from distill.training.sft import TrainSpec, train
from distill.trajectories.types import Message, ToolCall, Trajectory
from tests.distill.families.tiny_gemma4 import tiny_multimodal_model, tiny_text_model
from tests.distill.families.tiny_tokenizers import tokenizer_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

GEMMA4 = family_named("gemma4")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    tiny_text_model().bfloat16().save_pretrained(folder)
    return folder


def test_absent_projections_are_tolerated_and_per_layer_embeddings_stay_out(base: Path) -> None:
    targets = GEMMA4.lora_targets(GEMMA4.load(str(base)))
    ends = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    ends += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    absent = {"1.self_attn.v_proj"} | {f"{layer}.self_attn.{kind}_proj" for layer in (2, 3) for kind in "kv"}
    expected = {f"model.layers.{layer}.{end}" for layer in range(4) for end in ends}
    assert set(targets) == expected - {f"model.layers.{name}" for name in absent}
    assert len(targets) == 23
    adapted = attach_lora(GEMMA4, GEMMA4.load(str(base)), rank=2, alpha=4, seed=0)
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert len(trained) == 2 * len(targets)
    assert not any("per_layer" in name or "embed" in name for name in trained)


def test_only_the_adapter_is_float32(base: Path) -> None:
    """PEFT's own preparation would double the memory of the embeddings, and a real table has 262,144 rows."""
    options = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model = GEMMA4.load(str(base), quantization_config=options, dtype=torch.bfloat16)
    adapted = attach_lora(GEMMA4, model, rank=2, alpha=4, seed=0)
    wide = {name for name, parameter in adapted.named_parameters() if parameter.dtype == torch.float32}
    assert wide == {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    tables = [name for name, _ in adapted.named_parameters() if "embed_tokens" in name]
    assert len(tables) == 2


def test_gradients_reach_every_adapted_projection(base: Path) -> None:
    model = attach_lora(GEMMA4, load_nf4(GEMMA4, str(base)), rank=2, alpha=4, seed=0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # B starts at zero, which would hide a missing gradient of A
            torch.nn.init.normal_(parameter, std=0.02)
    assert all(not layer.support_avx512bf16_for_cpu for layer in model.modules() if isinstance(layer, Linear4bit))
    ids = torch.randint(0, 300, (2, 40), generator=torch.Generator().manual_seed(1))
    model.train()
    model(input_ids=ids, labels=ids).loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters() if p.requires_grad)


def test_the_trainer_takes_rows_of_several_turns(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    tokenizer_of("gemma4").save_pretrained(tmp_path / "base")
    call = Message("assistant", tool_calls=(ToolCall("ring", {"times": 2}),))
    messages = (Message("user", "Ring"), call, Message("tool", "ok"), Message("assistant", "Done."))
    spec = TrainSpec(
        base=str(tmp_path / "base"), output_dir=tmp_path, epochs=8, batch_size=2, lora_rank=8, learning_rate=2e-2
    )
    losses: list[float] = []
    result = train(spec, GEMMA4, [Trajectory("t", (), messages)], lambda progress: losses.append(progress.loss))
    assert result.rows == 2
    assert result.final_loss < losses[0] - 0.1


def test_of_a_checkpoint_with_towers_the_language_model_alone_is_loaded(tmp_path: Path) -> None:
    whole = tiny_multimodal_model()
    whole.save_pretrained(tmp_path)
    model = GEMMA4.load(str(tmp_path))
    assert type(model) is Gemma4ForCausalLM
    assert not any("vision" in name for name, _ in model.named_modules())
    theirs = whole.model.language_model.state_dict()
    ours = model.get_submodule("model").state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(GEMMA4.lora_targets(model)) == 23


def test_a_checkpoint_without_all_weights_is_refused(base: Path, tmp_path: Path) -> None:
    """By transformers alone it would begin with random ones."""
    weights = load_file(base / "model.safetensors")
    del weights["model.layers.0.mlp.up_proj.weight"], weights["model.norm.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    shutil.copyfile(base / "config.json", tmp_path / "config.json")
    with pytest.raises(ValueError, match=r"lacks 2 weights of Gemma4ForCausalLM, such as 'model\.layers\.0\.mlp\.up"):
        GEMMA4.load(str(tmp_path))
