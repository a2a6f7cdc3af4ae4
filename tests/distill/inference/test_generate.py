"""Batched greedy generation on a stand-in."""

import pytest
import torch
from transformers import AutoTokenizer

from distill.families import family_named
from distill.families.base import Prompt
from distill.inference.generate import LoadedModel, generate, left_padded, load
from distill.standins import checkpoint
from distill.standins.corpus import call_exercises


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(str(checkpoint("xlam")), None, family_named("xlam"))


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    exercises = [call_exercises(seed, (1, 2, 3), 0.2, 1)[0] for seed in range(900_000, 900_013)]
    return [Prompt(exercise.messages[:1], exercise.tools) for exercise in exercises]


def greedy(loaded: LoadedModel, prompt: Prompt, limit: int) -> str:
    """The definition: no cache, no padding, no batch, the most likely token each time."""
    ids = loaded.family.prompt_ids(prompt, loaded.tokenizer)
    stops, written = loaded.family.stop_ids(loaded.tokenizer), []
    for _ in range(limit):
        with torch.inference_mode():
            best = int(loaded.model(input_ids=torch.tensor([ids + written])).logits[0, -1].argmax())
        if best in stops:
            break
        written.append(best)
    return str(loaded.tokenizer.decode(written))


def test_batches_write_what_one_at_a_time_without_cache_writes(loaded: LoadedModel, prompts: list[Prompt]) -> None:
    written = generate(loaded, prompts, max_new_tokens=40, batch_size=5)
    assert written == [greedy(loaded, prompt, 40) for prompt in prompts]
    assert len(set(written)) > 8


def test_special_tokens_of_the_call_syntax_are_kept() -> None:
    family = family_named("qwen3")
    loaded = load(str(checkpoint("qwen3")), None, family)
    (exercise,) = call_exercises(900_001, (2,), 0.0, 1)
    (text,) = generate(loaded, [Prompt(exercise.messages[:1], exercise.tools)], max_new_tokens=60)
    assert text.startswith("<tool_call>\n")
    assert text.endswith("</tool_call>")


def test_padding_is_on_the_left_and_masked() -> None:
    ids, mask = left_padded([[5, 6, 7], [8]], pad=0, device=torch.device("cpu"))
    assert ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_a_base_of_another_family_is_refused() -> None:
    loaded = load(str(checkpoint("xlam")), None, family_named("xlam"))
    stranger = LoadedModel(loaded.model, AutoTokenizer.from_pretrained(checkpoint("qwen3")), loaded.family)
    with pytest.raises(ValueError, match="does not belong to family 'xlam'"):
        generate(stranger, [Prompt(call_exercises(1, (1,), 0.0, 1)[0].messages[:1], ())], max_new_tokens=2)
