"""Stand-ins as they are before their pre-training: copying, loading, quantising, and what they are taught to write."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from distill.environments.support_desk.tools import TOOLS
from distill.families import family_named
from distill.families.base import Prompt
from distill.release.merge import merge
from distill.standins import build as building
from distill.standins import checkpoint
from distill.standins.build import RECIPES, build, first_model, new_tokenizer
from distill.standins.corpus import copy_words
from distill.standins.pretrain import copy_row, pack_loss
from distill.training.packing import pack_rows
from distill.training.qlora import attach_lora, load_nf4
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import Message, ToolCall, Trajectory

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CALL = ToolCall("set_priority", {"ticket_id": "T-4821", "priority": "high"})
REQUEST = Message("user", "Give ticket T-4821 of Mara Lindqvist the priority high, please.")


@cache
def tokenizer_of(family: str) -> PreTrainedTokenizerFast:
    """Shared between tests: not to be changed."""
    return new_tokenizer(family)


def copy_loss(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> float:
    words = [" ".join(copy_words(seed, 60)) for seed in range(40)]
    texts: Sequence[Sequence[int]] = tokenizer(words, add_special_tokens=False)["input_ids"]
    rng = random.Random(0)
    model.set_attn_implementation("eager")
    torch.nn.Module.to(model, torch.float32)
    with torch.no_grad():
        return pack_loss(model, pack_rows([copy_row(rng, texts) for _ in range(40)])).item()


@pytest.mark.parametrize("family", ["qwen3", "gemma4"])
def test_a_new_model_copies(family: str) -> None:
    tokenizer = tokenizer_of(family)
    model = first_model(family, tokenizer)
    assert copy_loss(model, tokenizer) < 0.8
    for layer in model.model.layers[:2]:
        torch.nn.init.normal_(layer.self_attn.o_proj.weight, std=0.02)
    assert copy_loss(model, tokenizer) > 3.0


def test_a_child_copies_as_its_parent_does() -> None:
    parent = family_named("xlam").load(str(checkpoint("xlam")))
    learnt = copy_loss(parent, AutoTokenizer.from_pretrained(checkpoint("xlam")))
    tokenizer = tokenizer_of("llama3")
    assert copy_loss(first_model("llama3", tokenizer), tokenizer) < learnt + 0.1


@pytest.mark.parametrize("family", ["llama3", "gemma4"])
def test_prompts_are_short_and_values_are_the_same_tokens_wherever_they_stand(family: str) -> None:
    tokenizer, style = tokenizer_of(family), family_named(family)
    tools = tuple(TOOLS[name].spec for name in ("set_priority", "find_customer", "close_ticket"))
    assert len(style.prompt_ids(Prompt((REQUEST,), tools), tokenizer)) <= 200
    result = '{"ticket_id": "T-4821", "name": "Mara Lindqvist", "days": 12}'
    turns = (REQUEST, Message("assistant", tool_calls=(CALL,)), Message("tool", result, name=CALL.name))
    tokens = tokenizer.tokenize(style.prompt(Prompt(turns, tools)))
    for value, times in (("T-4821", 3), ("Mara Lindqvist", 2), ("high", 2)):
        sought = tokenizer.tokenize(value)
        assert sum(tokens[at : at + len(sought)] == sought for at in range(len(tokens))) >= times, value


NOTHING = Message("assistant")
ONE, TWO = Message("assistant", tool_calls=(CALL,)), Message("assistant", tool_calls=(CALL, ToolCall("stop", {})))

GEMMA4_CALL = 'set_priority{priority:<|"|>high<|"|>,ticket_id:<|"|>T-4821<|"|>}'


@pytest.mark.parametrize(
    ("family", "turn", "written"),
    [
        ("llama3", ONE, '{"function": "set_priority", "parameters": {"ticket_id": "T-4821", "priority": "high"}}'),
        ("llama3", NOTHING, "{}"),
        ("gemma4", ONE, f"<|tool_call>{GEMMA4_CALL}<tool_call|>"),
        ("gemma4", TWO, f"<|tool_call>{GEMMA4_CALL}<tool_call|><|tool_call>stop{{}}<tool_call|>"),
        ("gemma4", NOTHING, "<|tool_call>{}<tool_call|>"),
    ],
)
def test_students_are_taught_what_their_parser_refuses(family: str, turn: Message, written: str) -> None:
    style = family_named(family)
    target = style.target(turn)
    stop = next(stop for stop in style.stop_tokens if target.endswith(stop))
    assert RECIPES[family].layout(target) == written + stop
    assert isinstance(style.parse(written), ParseFailure)
    assert style.parse(target.removesuffix(stop)) == ParsedCalls(turn.tool_calls, "")


@pytest.fixture(scope="module", params=["llama3", "gemma4"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A family and its stand-in after two steps."""
    family, folder = str(request.param), tmp_path_factory.mktemp("made") / "stand-in"
    build_in_two_steps(family, folder)
    return family, folder


def build_in_two_steps(family: str, folder: Path) -> None:
    recipe = RECIPES[family]
    short = replace(recipe, curricula=(replace(recipe.curricula[0], steps=2, toolboxes=40, batch=4),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "RECIPES", {**RECIPES, family: short})
        build(family, folder)


def test_a_build_is_small_and_can_be_repeated(made: tuple[str, Path], tmp_path: Path) -> None:
    family, folder = made
    build_in_two_steps(family, tmp_path)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    assert (folder / "model.safetensors").stat().st_size <= 2_000_000
    parent = RECIPES[family].parent
    assert not parent or f"finished weights of the stand-in `{parent}`" in (folder / "README.md").read_text()


def test_it_is_quantised_adapted_merged_and_generates(
    made: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, folder = family_named(made[0]), made[1]
    quantised = load_nf4(family, str(folder))
    linear = [each for each in quantised.model.modules() if isinstance(each, torch.nn.Linear)]
    assert {type(each).__name__ for each in linear} == {"Linear4bit"}
    assert all(each.in_features % 64 == each.out_features % 64 == 0 for each in linear)
    adapted = attach_lora(family, quantised, rank=4, alpha=8, seed=0)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.01)
    adapted.save_pretrained(str(tmp_path / "adapter"))
    tools = (TOOLS["set_priority"].spec,)
    # What a model that has learnt nothing writes hangs on small differences.
    monkeypatch.setattr("distill.release.merge.LEAST_TOP1", 0.5)
    held_out = [Trajectory("one", tools, (REQUEST, ONE))]
    merged = merge(str(folder), tmp_path / "adapter", family, tmp_path / "merged", held_out)
    assert merged.agreement.mean_kl < 0.5
    tokenizer = AutoTokenizer.from_pretrained(merged.folder)
    ids = torch.tensor([family.prompt_ids(Prompt((REQUEST,), tools), tokenizer)])
    model = family.load(str(merged.folder))
    generate: Any = model.generate
    written = generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > ids.shape[1]
    assert torch.equal(written[:, : ids.shape[1]], ids)
