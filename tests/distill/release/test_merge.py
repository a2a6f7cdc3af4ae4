"""A merged model agrees with the adapter on the quantised base, and keeps the base's own files."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoTokenizer

from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.families import family_named
from distill.families.base import rows_of
from distill.inference.generate import load, load_weights
from distill.release.merge import MergeResult, compare, merge
from distill.standins import checkpoint
from distill.training.qlora import attach_lora

FAMILY = family_named("qwen3")
BASE = str(checkpoint("qwen3"))
HELD_OUT = gold_trajectories(generate("heldout", "single", 6, 1) + generate("heldout", "multi_turn", 6, 1))
ROWS = rows_of(FAMILY, HELD_OUT, AutoTokenizer.from_pretrained(BASE), 1024)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = attach_lora(FAMILY, FAMILY.load(BASE, dtype=torch.float32), rank=8, alpha=16, seed=0)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # an adapter that changes something
            torch.nn.init.normal_(parameter, std=0.04)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def merged(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> MergeResult:
    return merge(BASE, adapter, FAMILY, tmp_path_factory.mktemp("release") / "model", HELD_OUT)


def test_merged_weights_are_base_plus_scaled_product(adapter: Path, merged: MergeResult) -> None:
    lora, base = load_file(adapter / "adapter_model.safetensors"), load_file(Path(BASE) / "model.safetensors")
    result = load_file(merged.folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj"
    update = lora[f"base_model.model.{name}.lora_B.weight"] @ lora[f"base_model.model.{name}.lora_A.weight"]
    expected = base[f"{name}.weight"].float() + 16 / 8 * update
    assert result[f"{name}.weight"].dtype == base[f"{name}.weight"].dtype
    assert torch.allclose(result[f"{name}.weight"].float(), expected, atol=4e-3)
    assert (expected - base[f"{name}.weight"].float()).abs().max() > 0.01


def test_the_merge_agrees_with_the_adapter_on_the_quantised_base(merged: MergeResult) -> None:
    assert merged.agreement.tokens > 300
    assert merged.agreement.top1 > 0.8
    # What NF4 costs a model of a million parameters with a made-up adapter; larger models lose far less.
    assert 0 < merged.agreement.mean_kl < 0.3


def test_the_merge_equals_the_adapter_on_the_full_precision_base(adapter: Path, merged: MergeResult) -> None:
    attached = load_weights(BASE, adapter, FAMILY)
    assert isinstance(attached, PeftModel)
    loaded = load(str(merged.folder), None, FAMILY)
    agreement = compare(attached, loaded.model, ROWS)
    assert agreement.top1 > 0.97
    assert agreement.mean_kl < 0.01  # a fifth of what the next test asks of a model without the adapter


def test_a_comparison_notices_a_wrong_model(merged: MergeResult) -> None:
    loaded = load(str(merged.folder), None, FAMILY)
    agreement = compare(load_weights(BASE, None, FAMILY), loaded.model, ROWS)
    assert agreement.mean_kl > 0.05


def test_the_other_files_are_the_bases_byte_for_byte(merged: MergeResult) -> None:
    names = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in merged.folder.iterdir()} == names | {"model.safetensors"}
    for name in names:
        assert (merged.folder / name).read_bytes() == (Path(BASE) / name).read_bytes()
    assert "quantization_config" not in json.loads((merged.folder / "config.json").read_text())
    with safe_open(merged.folder / "model.safetensors", framework="pt") as tensors:
        assert not any("lora" in name or "absmax" in name for name in tensors.keys())  # noqa: SIM118 - no mapping


def test_nothing_is_overwritten_and_nothing_half_written(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(FileExistsError, match="choose a new folder"):
        merge(BASE, adapter, FAMILY, tmp_path / "model", HELD_OUT)
    with pytest.raises(ValueError, match="no rows to compare on"):
        merge(BASE, adapter, FAMILY, tmp_path / "other", [])
    assert not (tmp_path / "other").exists()
