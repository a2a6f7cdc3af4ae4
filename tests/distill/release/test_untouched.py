"""Merging into a base of which only a part was trained."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Gemma4ForConditionalGeneration

from distill.families import family_named
from distill.release.merge import merge
from distill.release.untouched import add_untouched
from distill.training.qlora import attach_lora
from distill.trajectories.types import Message, Trajectory
from tests.distill.families.tiny_gemma4 import tiny_multimodal_model
from tests.distill.families.tiny_tokenizers import tokenizer_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
GEMMA4 = family_named("gemma4")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_multimodal_model().save_pretrained(folder)
    tokenizer_of("gemma4").save_pretrained(folder)
    return folder


def test_a_merge_keeps_the_towers_of_a_multimodal_base(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach_lora(GEMMA4, GEMMA4.load(str(base), dtype=torch.float32), rank=2, alpha=4, seed=0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # an adapter that changes something
            torch.nn.init.normal_(parameter, std=0.02)
    model.save_pretrained(str(tmp_path / "adapter"))
    # What random weights predict is nobody's business here.
    monkeypatch.setattr("distill.release.merge.LEAST_TOP1", 0.0)
    held_out = [Trajectory("one", (), (Message("user", "Go"), Message("assistant", "Gone")))]
    merged = merge(str(base), tmp_path / "adapter", GEMMA4, tmp_path / "merged", held_out).folder
    assert (merged / "config.json").read_bytes() == (base / "config.json").read_bytes()
    whole: Any
    found: dict[str, Any]
    whole, found = Gemma4ForConditionalGeneration.from_pretrained(merged, output_loading_info=True)  # type: ignore[misc]
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    before, after = load_file(base / "model.safetensors"), whole.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {
        f"{name.replace('model.', 'model.language_model.', 1)}.weight"
        for name in GEMMA4.lora_targets(GEMMA4.load(str(base)))
    }


def test_where_nothing_is_missing_nothing_is_written(base: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes())
    assert add_untouched(base, tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_shards_keep_their_names_in_the_index(base: Path, tmp_path: Path) -> None:
    model = GEMMA4.load(str(base))
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    shards = {path.name for path in tmp_path.glob("*.safetensors")}
    assert len(shards) > 1
    copied = add_untouched(base, tmp_path)
    assert copied
    assert all("language_model" not in name for name in copied)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(index.values()) == shards | {"model-untouched.safetensors"}
    assert index.keys() == load_file(base / "model.safetensors").keys()
