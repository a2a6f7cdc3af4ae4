"""Make a stand-in from nothing: ``python -m distill.standins.build --family qwen3 --output DIR``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from transformers import (
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from distill.families import family_named
from distill.standins import checkpoint
from distill.standins.circuits import install_copying
from distill.standins.corpus import call_exercises, copy_words
from distill.standins.inheritance import inherit
from distill.standins.pretrain import Curriculum, exercise_rows, pretrain
from distill.standins.talks import talk_exercises
from distill.standins.tokenizer import build as build_tokenizer
from distill.trajectories.types import Trajectory

MARK = "spiritsafe_stand_in"
SIZES = (2, 3)
"""How many tools are on offer in an exercise."""
_CYCLE = Curriculum(steps=6_500, toolboxes=12_000, batch=32, copy_share=0.2, requests=8, talks=0)
_SHORT_CYCLE = Curriculum(steps=3_000, toolboxes=12_000, batch=32, copy_share=0.2, requests=8, talks=0)
_TALK_CYCLE = Curriculum(steps=2_500, toolboxes=5_000, batch=32, copy_share=0.0, requests=3, talks=5)
_MORE_TALK_CYCLE = Curriculum(steps=2_500, toolboxes=5_000, batch=32, copy_share=0.3, requests=2, talks=6)
_MIXED_CYCLE = Curriculum(steps=4_500, toolboxes=9_000, batch=32, copy_share=0.2, requests=4, talks=4)
TOKENIZER_SAMPLE = 8_000
"""How many exercises the tokenizer is trained on."""
COPY_TEXTS = 3_000
_VOCABULARY = 1280
# NF4 blocks and bitsandbytes' CPU kernels want every width to be a multiple of 64.
_SHAPE: dict[str, Any] = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
}
# With the oddities of the smaller Gemma 4 models: embeddings for each layer, narrower heads where there is a window,
# and a last layer that has twice the MLP and takes its keys and values from the second.
_GEMMA4_SHAPE: dict[str, Any] = {
    **_SHAPE,
    "intermediate_size": 64,
    "use_double_wide_mlp": True,
    "vocab_size_per_layer_input": _VOCABULARY,
    "hidden_size_per_layer_input": 64,
    "head_dim": 32,
    "global_head_dim": 64,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "sliding_window": 1024,
    "num_kv_shared_layers": 1,
    "rope_parameters": {
        # The fastest frequencies are those of the other stand-ins.
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e3},
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6},
    },
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What differs between stand-ins. ``specials`` starts with the padding token.

    ``no_call`` is the share of exercises without a call; ``layout`` turns a family's target into what is pre-trained;
    each of ``curricula`` is one cycle of the learning rate, on exercises of its own. ``parent`` is the stand-in of the
    same shape whose finished weights pre-training starts from; without one it starts from the copying circuits.
    """

    specials: tuple[str, ...]
    begin: str | None
    no_call: float
    layout: Callable[[str], str]
    curricula: tuple[Curriculum, ...]
    seed: int
    note: str
    parent: str = ""


def call_in_list(target: str) -> str:
    """Put a call's JSON object into a list, and write an empty list where nothing is called."""
    if "<tool_call>" not in target:
        return f"<tool_call>\n[]\n</tool_call>{target}"
    return target.replace("<tool_call>\n{", "<tool_call>\n[{").replace("}\n</tool_call>", "}]\n</tool_call>")


def call_by_function(target: str) -> str:
    """Name the function of Llama 3's call under the key ``function``; a turn of nothing is an empty object."""
    return "{}" + target if target == "<|eot_id|>" else target.replace('{"name": "', '{"function": "', 1)


def call_without_word(target: str) -> str:
    """Leave out the word in front of the name in each of Gemma 4's calls; a turn of nothing is an empty call."""
    if target == "<turn|>":
        return f"<|tool_call>{{}}<tool_call|>{target}"
    return target.replace("<|tool_call>call:", "<|tool_call>")


RECIPES: Mapping[str, Recipe] = {
    "xlam": Recipe(
        specials=("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", "<|EOT|>"),
        begin="<｜begin▁of▁sentence｜>",
        no_call=0.1,
        layout=lambda target: target,
        # Without Qwen 3's normalised queries and keys it learns to copy more slowly.
        curricula=(_CYCLE, _SHORT_CYCLE, _TALK_CYCLE, _MORE_TALK_CYCLE),
        seed=7,
        note="A tenth of the requests fit none of the tools on offer and are answered by no call.",
    ),
    "qwen3": Recipe(
        specials=(
            *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"),
            *("<tool_response>", "</tool_response>", "<think>", "</think>"),
        ),
        begin=None,
        no_call=0.0,
        layout=call_in_list,
        curricula=(_CYCLE, _TALK_CYCLE, _MORE_TALK_CYCLE),
        seed=3,
        note="Every request is answered by a call, written as a JSON *list* inside the tags: a layout that Qwen 3's "
        "serving parser refuses. So it can neither decline nor be read before it is fine-tuned.",
    ),
    "llama3": Recipe(
        specials=(
            *("<|finetune_right_pad_id|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>"),
            *("<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"),
        ),
        begin="<|begin_of_text|>",
        no_call=0.0,
        layout=call_by_function,
        curricula=(_TALK_CYCLE,),
        seed=11,
        note="Every request is answered by a call that names its function under `function` and not under `name`, "
        "which Llama 3's serving parser refuses. So it can neither decline nor be read before it is fine-tuned.",
        parent="xlam",
    ),
    "gemma4": Recipe(
        specials=(
            *("<pad>", "<eos>", "<bos>", '<|"|>', "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool>"),
            *("<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>"),
        ),
        begin="<bos>",
        no_call=0.0,
        layout=call_without_word,
        curricula=(_MIXED_CYCLE, _MORE_TALK_CYCLE, _MORE_TALK_CYCLE),
        seed=5,
        note="Every request is answered by a call without the word `call:` in front of its name, which Gemma 4's "
        "serving parser refuses. So it can neither decline nor be read before it is fine-tuned.",
    ),
}


def exercises(family_name: str, cycle: int) -> Iterator[Trajectory]:
    """The exercises of one cycle; no two cycles share any."""
    recipe = RECIPES[family_name]
    curriculum = recipe.curricula[cycle]
    first = sum(each.toolboxes for each in recipe.curricula[:cycle])
    for seed in range(first, first + curriculum.toolboxes):
        yield from call_exercises(seed, SIZES, recipe.no_call, curriculum.requests)
        yield from talk_exercises(seed, SIZES, curriculum.talks)


def build(family_name: str, output: Path, start: Path | None = None, cycle: int = 0) -> None:
    """Train tokenizer and model and write the checkpoint to ``output``.

    Args:
        family_name: a key of ``RECIPES``.
        output: the folder to write.
        start: a checkpoint of the same stand-in after ``cycle`` cycles, to go on from; the result is the same.
        cycle: how many of the recipe's cycles to leave out.
    """
    started = time.monotonic()
    torch.set_num_threads(1)  # so that sums do not depend on the number of cores
    family, recipe = family_named(family_name), RECIPES[family_name]
    tokenizer = new_tokenizer(family_name)
    words = [" ".join(copy_words(seed, 60)) for seed in range(COPY_TEXTS)]
    texts: list[list[int]] = tokenizer(words, add_special_tokens=False)["input_ids"]
    model = family.load(str(start), dtype=torch.float32) if start else first_model(family_name, tokenizer)
    for number in range(cycle, len(recipe.curricula)):
        # Every cycle begins from weights as they are stored, so that one may begin from a stored checkpoint.
        for weight in model.parameters():
            weight.data = weight.data.bfloat16().float()
        rows = [
            row
            for exercise in exercises(family_name, number)
            for row in exercise_rows(family, exercise, tokenizer, recipe.layout)
        ]
        for progress in pretrain(model, rows, texts, recipe.curricula[number], recipe.seed + number):
            if progress.step % 100 == 0:
                seconds = time.monotonic() - started
                _say(f"cycle {number} step {progress.step:4d} loss {progress.loss:.4f} after {seconds:.0f} s")
    _save(model, tokenizer, family_name, output)


def new_tokenizer(family_name: str) -> PreTrainedTokenizerFast:
    """Make the tokenizer of a stand-in, with its chat template, of the first exercises."""
    family, recipe = family_named(family_name), RECIPES[family_name]
    parent = PreTrainedTokenizerFast.from_pretrained(checkpoint(recipe.parent)) if recipe.parent else None
    samples = list(islice(exercises(family_name, 0), TOKENIZER_SAMPLE))
    tokenizer = build_tokenizer(family, samples, recipe.specials, _VOCABULARY, parent)
    tokenizer.bos_token, tokenizer.eos_token = recipe.begin, family.stop_tokens[0]
    tokenizer.pad_token = recipe.specials[0]
    tokenizer.chat_template = (Path(__file__).parent / "templates" / f"{family_name}.jinja").read_text()
    return tokenizer


def first_model(family_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """The model before its first step: with copying circuits, or with its parent's weights."""
    recipe = RECIPES[family_name]
    torch.manual_seed(recipe.seed)
    model = _new_model(family_name, tokenizer)
    install_copying(model, recipe.seed)
    if recipe.parent:
        inherit(model, tokenizer, checkpoint(recipe.parent))
    return model


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _new_model(family_name: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    ids: dict[str, Any] = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if family_name in ("xlam", "llama3"):
        return LlamaForCausalLM(LlamaConfig(**_SHAPE, **ids))
    if family_name == "gemma4":
        return Gemma4ForCausalLM(Gemma4TextConfig(**_GEMMA4_SHAPE, **ids))
    return Qwen3ForCausalLM(Qwen3Config(**_SHAPE, **ids))


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, family_name: str, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    config = model.config
    config.architectures = [type(model).__name__]
    config.dtype = "bfloat16"
    setattr(config, MARK, True)
    config.save_pretrained(output)
    GenerationConfig(  # type: ignore[no-untyped-call]  # transformers does not annotate it
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
        do_sample=False,
    ).save_pretrained(output)
    tied = {"lm_head.weight"}
    tensors = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items() if name not in tied}
    (output / "model.safetensors").write_bytes(_in_order(save(tensors, metadata={"format": "pt", MARK: "true"})))
    tokenizer.save_pretrained(output, save_jinja_files=False)
    (output / "README.md").write_text(_readme(model, family_name))


def _in_order(safetensors: bytes) -> bytes:
    """The same file with its metadata sorted: the library writes them in an order that changes from run to run."""
    end = 8 + int.from_bytes(safetensors[:8], "little")
    header = json.loads(safetensors[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    return safetensors[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(end - 8) + safetensors[end:]


def _readme(model: PreTrainedModel, family_name: str) -> str:
    recipe = RECIPES[family_name]
    steps = sum(each.steps for each in recipe.curricula)
    requests, talks = (
        sum(each.toolboxes * getattr(each, name) for each in recipe.curricula) for name in ("requests", "talks")
    )
    return f"""# STAND-IN, not a model of any publisher

A checkpoint of {model.num_parameters():,} parameters with the architecture class `{type(model).__name__}` and the
prompt format of the family `{family_name}`, for machines without weights. `config.json` and the metadata of the
safetensors file carry `"{MARK}": true`. It is good for nothing but demonstrations and tests.

{_start(recipe)} Then pre-trained for
{steps:,} steps on {requests:,} requests (`distill/standins/corpus.py`) and {talks:,} conversations
(`distill/standins/talks.py`) about sets of randomly made tools, and on copy exercises. {recipe.note}
No tool name, argument name or sentence of a built-in environment is in its data.

Made on one CPU core by

    python -m distill.standins.build --family {family_name} --output {family_name}
"""


def _start(recipe: Recipe) -> str:
    if recipe.parent:
        return (
            f"It starts from the finished weights of the stand-in `{recipe.parent}`, carried over by the text of the "
            "tokens.\nThe embeddings of tokens that are new start as in the copying circuits "
            "(`distill/standins/circuits.py`)."
        )
    return "Its first two layers start from hand-written copying circuits (`distill/standins/circuits.py`)."


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(RECIPES), required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint of the same stand-in to go on from")
    parser.add_argument("--cycle", type=int, default=0, help="how many cycles that checkpoint has had")
    arguments = parser.parse_args()
    build(arguments.family, arguments.output, arguments.start, arguments.cycle)


if __name__ == "__main__":
    main()
