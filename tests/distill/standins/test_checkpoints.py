"""The committed stand-ins: labelled, small, of the real classes, and with the tokenizers that the script makes."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open
from transformers import AutoTokenizer

from distill.environments.support_desk.tools import TOOLS
from distill.families import family_for, family_named
from distill.families.base import Prompt
from distill.standins import checkpoint
from distill.standins.build import MARK, RECIPES, new_tokenizer
from distill.standins.corpus import call_exercises

CLASSES = {
    "xlam": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "llama3": "LlamaForCausalLM",
    "gemma4": "Gemma4ForCausalLM",
}


@pytest.fixture(params=RECIPES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_stand_in_says_so_everywhere(name: str) -> None:
    folder = checkpoint(name)
    assert json.loads((folder / "config.json").read_text())[MARK] is True
    with safe_open(folder / "model.safetensors", framework="pt") as tensors:
        assert tensors.metadata()[MARK] == "true"
    readme = (folder / "README.md").read_text()
    assert readme.startswith("# STAND-IN")
    assert f"python -m distill.standins.build --family {name} " in readme


def test_a_stand_in_is_small_and_of_the_real_class(name: str) -> None:
    folder = checkpoint(name)
    assert (folder / "model.safetensors").stat().st_size <= 2_000_000
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [CLASSES[name]]
    assert family_for(config, "teacher" if name == "xlam" else "student").name == name
    assert config["hidden_size"] % 64 == config["intermediate_size"] % 64 == 0
    model = family_named(name).load(str(folder))
    assert type(model).__name__ == CLASSES[name]
    assert model.num_parameters() == model.num_parameters(only_trainable=True) < 1_000_000


def test_the_tokenizer_carries_the_familys_special_tokens(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(name))
    for token in RECIPES[name].specials:
        assert tokenizer.tokenize(f"a{token}b") == ["a", token, "b"]
    assert tokenizer.eos_token == family_named(name).stop_tokens[0]
    text = "Größe 1234 – ✓\n\t{}"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer.tokenize("1234") == list("1234")


def test_an_unknown_stand_in_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"'falcon'; there are: {', '.join(sorted(RECIPES))}"):
        checkpoint("falcon")


def test_the_committed_tokenizer_is_the_one_that_the_script_makes(name: str) -> None:
    made = new_tokenizer(name)
    committed = json.loads((checkpoint(name) / "tokenizer.json").read_text())
    assert json.loads(made.backend_tokenizer.to_str())["model"]["vocab"] == committed["model"]["vocab"]


def test_prompts_are_short_enough_for_a_cpu(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(name))
    tools = tuple(tool.spec for tool in TOOLS.values())[:4]
    (exercise,) = call_exercises(1, (1,), 0.0, 1)
    assert len(family_named(name).prompt_ids(Prompt(exercise.messages[:1], tools), tokenizer)) < 400


def test_the_checkpoints_hold_nothing_else(name: str) -> None:
    assert {path.name for path in Path(checkpoint(name)).iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        "README.md",
    }
