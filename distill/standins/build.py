"""Make a stand-in from nothing: ``python -m distill.standins.build --family qwen3 --output DIR``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
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
from distill.standins.pretrain import Curriculum, exercise_row, pretrain
from distill.standins.tokenizer import build as build_tokenizer
from distill.trajectories.types import Trajectory

MARK = "spiritsafe_stand_in"
REQUESTS, SIZES = 8, (2, 3)
"""How many requests are made about a set of tools, and how many tools are on offer in one."""
_CYCLE = Curriculum(steps=6_500, toolboxes=12_000, batch=32, copy_share=0.2)
_SHORT_CYCLE = Curriculum(steps=3_000, toolboxes=12_000, batch=32, copy_share=0.2)
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
    """Put a call's JSON object into a list."""
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
        curricula=(_CYCLE, _SHORT_CYCLE),
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
        curricula=(_CYCLE,),
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
        curricula=(_SHORT_CYCLE,),
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
        curricula=(_CYCLE,),
        seed=5,
        note="Every request is answered by a call without the word `call:` in front of its name, which Gemma 4's "
        "serving parser refuses. So it can neither decline nor be read before it is fine-tuned.",
    ),
}


def exercises(family: str) -> list[list[Trajectory]]:
    """The call exercises of each cycle, all different."""
    recipe = RECIPES[family]
    ends = list(accumulate(each.toolboxes for each in recipe.curricula))
    return [
        [
            one
            for seed in range(end - each.toolboxes, end)
            for one in call_exercises(seed, SIZES, recipe.no_call, REQUESTS)
        ]
        for each, end in zip(recipe.curricula, ends, strict=True)
    ]


def build(family_name: str, output: Path) -> None:
    """Train tokenizer and model and write the checkpoint to ``output``."""
    started = time.monotonic()
    torch.set_num_threads(1)  # so that sums do not depend on the number of cores
    family, recipe = family_named(family_name), RECIPES[family_name]
    corpora = exercises(family_name)
    tokenizer = new_tokenizer(family_name, corpora[0])
    words = [" ".join(copy_words(seed, 60)) for seed in range(COPY_TEXTS)]
    texts: list[list[int]] = tokenizer(words, add_special_tokens=False)["input_ids"]
    model = first_model(family_name, tokenizer)
    for cycle, (curriculum, corpus) in enumerate(zip(recipe.curricula, corpora, strict=True)):
        rows = [exercise_row(family, exercise, tokenizer, recipe.layout) for exercise in corpus]
        for progress in pretrain(model, rows, texts, curriculum, recipe.seed + cycle):
            if progress.step % 100 == 0:
                seconds = time.monotonic() - started
                _say(f"cycle {cycle} step {progress.step:4d} loss {progress.loss:.4f} after {seconds:.0f} s")
    _save(model, tokenizer, family_name, output, time.monotonic() - started)


def new_tokenizer(family_name: str, corpus: Sequence[Trajectory]) -> PreTrainedTokenizerFast:
    """Make the tokenizer of a stand-in, with its chat template, of the first exercises of ``corpus``."""
    family, recipe = family_named(family_name), RECIPES[family_name]
    parent = PreTrainedTokenizerFast.from_pretrained(checkpoint(recipe.parent)) if recipe.parent else None
    tokenizer = build_tokenizer(family, corpus[:TOKENIZER_SAMPLE], recipe.specials, _VOCABULARY, parent)
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


def _save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, family_name: str, output: Path, seconds: float
) -> None:
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
    (output / "README.md").write_text(_readme(model, family_name, seconds))


def _in_order(safetensors: bytes) -> bytes:
    """The same file with its metadata sorted: the library writes them in an order that changes from run to run."""
    end = 8 + int.from_bytes(safetensors[:8], "little")
    header = json.loads(safetensors[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    return safetensors[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(end - 8) + safetensors[end:]


def _readme(model: PreTrainedModel, family_name: str, seconds: float) -> str:
    recipe = RECIPES[family_name]
    steps, toolboxes = (sum(getattr(each, name) for each in recipe.curricula) for name in ("steps", "toolboxes"))
    return f"""# STAND-IN, not a model of any publisher

A checkpoint of {model.num_parameters():,} parameters with the architecture class `{type(model).__name__}` and the
prompt format of the family `{family_name}`, for machines without weights. `config.json` and the metadata of the
safetensors file carry `"{MARK}": true`. It is good for nothing but demonstrations and tests.

{_start(recipe)} Then pre-trained for
{steps:,} steps on {toolboxes * REQUESTS:,} requests about {toolboxes:,} sets of randomly made tools, and on
copy exercises (`distill/standins/corpus.py`). {recipe.note}
No tool name, argument name or sentence of a built-in environment is in its data.

Made in {seconds:.0f} s on one CPU core by

    python -m distill.standins.build --family {family_name} --output {family_name}
"""


def _start(recipe: Recipe) -> str:
    if recipe.parent:
        return (
            f"It starts from the finished weights of the stand-in `{recipe.parent}`, with embeddings carried over by "
            "the text of\ntheir tokens. The embeddings of new tokens start as in the copying circuits "
            "(`distill/standins/circuits.py`)."
        )
    return "Its first two layers start from hand-written copying circuits (`distill/standins/circuits.py`)."


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", choices=sorted(RECIPES), required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    build(arguments.family, arguments.output)


if __name__ == "__main__":
    main()
