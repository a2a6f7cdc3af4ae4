"""Make a stand-in from nothing: ``python -m distill.standins.build --family qwen3 --output DIR``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from distill.families import family_named
from distill.families.base import rows_of
from distill.standins.corpus import call_exercise
from distill.standins.pretrain import Curriculum, pretrain
from distill.standins.tokenizer import build as build_tokenizer
from distill.trajectories.types import Trajectory

MARK = "spiritsafe_stand_in"
EXERCISES = 24_000
_VOCABULARY = 1280
_MAX_LENGTH = 1024
# NF4 blocks and bitsandbytes' CPU kernels want every width to be a multiple of 64.
_SHAPE = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What differs between stand-ins. ``specials`` starts with the padding token; ``tools`` as in ``call_exercise``."""

    specials: tuple[str, ...]
    begin: str | None
    tools: tuple[int, ...]
    curriculum: Curriculum
    note: str


RECIPES: Mapping[str, Recipe] = {
    "xlam": Recipe(
        specials=("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", "<|EOT|>"),  # noqa: RUF001 - spelt so
        begin="<｜begin▁of▁sentence｜>",  # noqa: RUF001 - spelt so
        tools=(1, 2, 3),
        curriculum=Curriculum(seed=7),
        note="It has seen up to three made-up tools at a time and always calls one.",
    ),
    "qwen3": Recipe(
        specials=(
            *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"),
            *("<tool_response>", "</tool_response>", "<think>", "</think>"),
        ),
        begin=None,
        tools=(1,),
        curriculum=Curriculum(seed=3),
        note="It has only ever seen one made-up tool at a time and always calls it: nothing has taught it to choose "
        "between tools or to call none.",
    ),
}


def exercises(family: str, count: int) -> list[Trajectory]:
    """The first ``count`` exercises of a family's pre-training."""
    return [call_exercise(seed, RECIPES[family].tools) for seed in range(count)]


def build(family_name: str, output: Path) -> None:
    """Train tokenizer and model and write the checkpoint to ``output``."""
    started = time.monotonic()
    torch.set_num_threads(2)
    family, recipe = family_named(family_name), RECIPES[family_name]
    corpus = exercises(family_name, EXERCISES)
    tokenizer = build_tokenizer(family, corpus[:4000], recipe.specials, _VOCABULARY)
    tokenizer.bos_token, tokenizer.eos_token = recipe.begin, family.stop_tokens[0]
    tokenizer.pad_token = recipe.specials[0]
    tokenizer.chat_template = (Path(__file__).parent / "templates" / f"{family_name}.jinja").read_text()
    torch.manual_seed(recipe.curriculum.seed)
    model = _new_model(family_name, tokenizer)
    for progress in pretrain(model, rows_of(family, corpus, tokenizer, _MAX_LENGTH), recipe.curriculum):
        if progress.step % 100 == 0:
            print(f"{progress.step:5d} loss {progress.loss:.4f} {time.monotonic() - started:.0f} s", flush=True)
    _save(model, tokenizer, family_name, output, time.monotonic() - started)


def _new_model(family_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if family_name == "xlam":
        return LlamaForCausalLM(LlamaConfig(**_SHAPE, **ids))
    return Qwen3ForCausalLM(Qwen3Config(**_SHAPE, **ids))


def _save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, family_name: str, output: Path, seconds: float
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    config = model.config
    config.architectures = [type(model).__name__]
    config.dtype = "bfloat16"
    setattr(config, MARK, True)
    config.save_pretrained(output)
    GenerationConfig(
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        do_sample=False,
    ).save_pretrained(output)
    tied = {"lm_head.weight"}
    tensors = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items() if name not in tied}
    save_file(tensors, output / "model.safetensors", metadata={"format": "pt", MARK: "true"})
    tokenizer.save_pretrained(output, save_jinja_files=False)
    (output / "README.md").write_text(_readme(model, family_name, seconds))


def _readme(model: PreTrainedModel, family_name: str, seconds: float) -> str:
    recipe = RECIPES[family_name]
    return f"""# STAND-IN, not a model of any publisher

A checkpoint of {model.num_parameters():,} parameters with the architecture class `{type(model).__name__}` and the prompt
format of the family `{family_name}`, for machines without weights. `config.json` and the metadata of the safetensors file
carry `"{MARK}": true`. It is good for nothing but demonstrations and tests.

Pre-trained from random weights on {EXERCISES:,} calls of randomly made tools and on random copy exercises
(`distill/standins/corpus.py`), {recipe.curriculum.steps} steps of {recipe.curriculum.batch} rows. {recipe.note}
No tool name, argument name or sentence of a built-in environment is in its data.

Made in {seconds:.0f} s on two CPU cores by

    python -m distill.standins.build --family {family_name} --output {family_name}

The same machine and library versions give the same bytes, but for the seconds in this text.
"""


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(RECIPES), required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    build(arguments.family, arguments.output)


if __name__ == "__main__":
    main()
