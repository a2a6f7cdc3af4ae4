"""The committed stand-ins: labelled, small, of the real classes, and made from nothing of the built-in environment."""

import json
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import pytest
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import TOOLS
from distill.families import family_for, family_named
from distill.families.base import Prompt
from distill.standins import checkpoint
from distill.standins.build import MARK, RECIPES, exercises, new_tokenizer
from distill.standins.corpus import call_exercises, copy_words
from distill.standins.tokenizer import build as build_tokenizer

FAMILIES = {"xlam": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}


@pytest.fixture(params=FAMILIES)
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
    assert config["architectures"] == [FAMILIES[name]]
    assert family_for(config, "teacher" if name == "xlam" else "student").name == name
    assert config["hidden_size"] % 64 == config["intermediate_size"] % 64 == 0
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert type(model).__name__ == FAMILIES[name]
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
    with pytest.raises(ValueError, match="'falcon'; there are: qwen3, xlam"):
        checkpoint("falcon")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z_]+", text.lower())


def grams(text: str, size: int = 4) -> set[tuple[str, ...]]:
    tokens = words(text)
    return {tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)}


def desk_sentences() -> Iterable[str]:
    """Every template of the desk, cut at its slots, and its tools' own descriptions."""
    for split in ("train", "heldout"):
        for group in (*call_templates(split).values(), *talk_templates(split).values()):
            for template in group:
                yield from re.split(r"\{\w+\}", template)
        yield from talk_templates(split)
    for tool in TOOLS.values():
        yield tool.spec.description


def test_pre_training_has_no_tool_argument_or_sentence_of_the_support_desk(name: str) -> None:
    tool_names = set(TOOLS)
    arguments = {argument for tool in TOOLS.values() for argument in tool.spec.parameters["properties"]}  # type: ignore[union-attr]  # a JSON schema
    sentences = {gram for sentence in desk_sentences() for gram in grams(sentence)}
    assert len(sentences) > 150
    for exercise in chain.from_iterable(exercises(name)):
        assert not tool_names & {tool.name for tool in exercise.tools}
        for tool in exercise.tools:
            assert not arguments & set(tool.parameters["properties"])  # type: ignore[arg-type]  # a JSON schema
        for text in (exercise.messages[0].content, *(tool.description for tool in exercise.tools)):
            assert not sentences & grams(text), text
            assert not tool_names & set(words(text)), text
    for seed in range(4000):
        text = " ".join(copy_words(seed, 60))
        assert not (tool_names | sentences) & (set(words(text)) | grams(text))


def test_exercises_and_tokenizers_are_functions_of_their_seed() -> None:
    assert call_exercises(5, (1, 2), 0.5, 3) == call_exercises(5, (1, 2), 0.5, 3) != call_exercises(6, (1, 2), 0.5, 3)
    family, sample = family_named("qwen3"), [call_exercises(seed, (2,), 0.0, 1)[0] for seed in range(200)]
    first, second = (build_tokenizer(family, sample, RECIPES["qwen3"].specials, 600) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


def test_the_committed_tokenizer_is_the_one_that_the_script_makes(name: str) -> None:
    made = new_tokenizer(name, exercises(name)[0])
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
