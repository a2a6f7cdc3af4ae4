"""The stage in which the teacher plays: behind an endpoint, sampled in this process, or greedily in waves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer

from distill.errors import TeacherChanged
from distill.inference.generate import load_weights
from distill.recipe import Recipe
from distill.rollouts.episode import Episode
from distill.rollouts.probabilities import turn_id
from distill.runs.checkpoints import Source
from distill.stages import rollout, verify
from distill.stages.inputs import ADAPTER, rollout_scenarios
from distill.stages.scoring import read_episodes
from distill.stages.spec import ATTEMPT, StageSpec
from distill.standins import checkpoint
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.logprobs import Logprobs, tokenizer_digest
from distill.trajectories.jsonl import read_trajectories
from tests.distill.recipes import tiny_recipe
from tests.distill.teacher.knowing import FAMILY, Knowing
from tests.distill.teacher.serving import Chat, serving


def small(**fields: Any) -> Recipe:
    """A recipe of few scenarios; ``fields`` are of its roll-out."""
    recipe = tiny_recipe()
    environment = replace(recipe.environment, categories=("single", "no_call"), rollout_scenarios=3)
    return replace(recipe, environment=environment, rollout=replace(recipe.rollout, **fields))


def at(recipe: Recipe, *urls: str) -> Recipe:
    endpoint = EndpointSettings(urls, attempts=1)
    return replace(recipe, teacher=replace(recipe.teacher, endpoint=endpoint))


def stage(folder: Path, recipe: Recipe, **upstream: Path) -> StageSpec:
    source = Source(str(checkpoint("xlam")), "t" * 64)
    one = StageSpec("one", "rollout", folder / "rollout", "d" * 64, recipe, {"teacher": source}, upstream)
    one.output.mkdir(parents=True, exist_ok=True)
    return one


def silent(*_: object, **__: object) -> None:
    """Reports to nobody."""


def episodes(one: StageSpec) -> list[Episode]:
    samples = one.recipe.rollout.samples
    return read_episodes(one.output / rollout.ROWS, rollout_scenarios(one.recipe), samples)


def test_a_teacher_behind_an_endpoint_is_asked_in_its_own_dialect(tmp_path: Path) -> None:
    recipe = small(samples=2, temperature=0.7, top_logprobs=3)
    scenarios = rollout_scenarios(recipe)
    with serving(Chat(answer=Knowing(scenarios))) as chat:
        one = stage(tmp_path, at(recipe, chat.url))
        figures = rollout.run(one, silent)
    played = episodes(one)
    replies = sum(len(each.texts) for each in played)
    assert [each.ending for each in played] == ["finished"] * 12
    assert figures["run"] == {
        "rollouts": 12,
        "usage": {
            "episodes": 12,
            "replies": replies,
            "calls": 6,
            "prompt_tokens": 100 * replies,
            "completion_tokens": 10 * replies,
        },
    }
    assert figures[ATTEMPT]["tokens_per_second"] > 0
    assert {(body["temperature"], body["max_tokens"]) for body in chat.bodies} == {(0.7, 128)}
    assert len({body["seed"] for body in chat.bodies}) == replies
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlam"))
    stored = Logprobs(one.output / rollout.LOGPROBS, tokenizer_digest(tokenizer.get_vocab()))
    assert len(stored) == replies
    assert stored[turn_id(scenarios[0].id, 1, 0)].ids.tolist() == [[0, 1, 2]] * 2


def test_traces_say_how_they_were_drawn(tmp_path: Path) -> None:
    recipe = small(samples=2, temperature=0.7)
    with serving(Chat(answer=Knowing(rollout_scenarios(recipe)))) as chat:
        one = stage(tmp_path, at(recipe, chat.url))
        rollout.run(one, silent)
    verified = replace(one, stage="verify", folder=tmp_path / "verify", upstream={"rollout": one.folder})
    verified.output.mkdir(parents=True)
    assert verify.run(verified, silent)["run"]["verified_rollouts"] == 12
    rows = read_trajectories(verified.output / verify.TRACES / verify.ROWS)
    assert len({row.id for row in rows}) == 12
    first, second = (row.provenance.sampling for row in rows[:2])
    assert (first["model"], first["temperature"], first["sample"], second["sample"]) == (chat.model, 0.7, 0, 1)
    assert first["seeds"] != second["seeds"]


def test_another_model_is_a_stop_that_keeps_what_was_done(tmp_path: Path) -> None:
    recipe = small(conversations=1)
    answer = Knowing(rollout_scenarios(recipe))
    kept: list[int] = []
    first, other = Chat(answer=answer), Chat("acme/other", answer)

    def report(done: int, _: int, **__: object) -> None:
        kept.append(done)
        first.model = other.model if done == 2 else first.model

    with serving(first), pytest.raises(TeacherChanged):
        rollout.run(stage(tmp_path, at(recipe, first.url)), report)
    assert kept == [0, 1, 2]
    # Not even a new process may go on with it.
    with serving(other), pytest.raises(TeacherChanged, match="acme/other"):
        rollout.run(stage(tmp_path, at(recipe, other.url)), silent)
    with serving(Chat(answer=answer)) as chat:
        figures = rollout.run(stage(tmp_path, at(recipe, chat.url)), silent)
    assert figures["run"]["rollouts"] == 6
    assert len(chat.bodies) < figures["run"]["usage"]["replies"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stage folder with an adapter that changes nothing."""
    folder = tmp_path_factory.mktemp("finetune_teacher")
    model = load_weights(str(checkpoint("xlam")), None, FAMILY)
    attached = get_peft_model(model, LoraConfig(r=2, target_modules=FAMILY.lora_targets(model)))
    attached.save_pretrained(str(folder / "out" / ADAPTER))
    return folder


def test_a_teacher_in_this_process_is_sampled(tmp_path: Path, tuned: Path) -> None:
    recipe = small(samples=2, temperature=1.0, max_tokens=24, top_logprobs=2)
    texts = []
    for name in ("a", "b"):
        one = stage(tmp_path / name, recipe, finetune_teacher=tuned)
        figures = rollout.run(one, silent)
        texts.append([each.texts for each in episodes(one)])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 3
    usage = figures["run"]["usage"]
    assert (usage["episodes"], usage["replies"]) == (12, sum(map(len, texts[0])))
    assert 0 < usage["completion_tokens"] <= 24 * usage["replies"]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("xlam"))
    stored = Logprobs(one.output / rollout.LOGPROBS, tokenizer_digest(tokenizer.get_vocab()))
    assert len(stored) == usage["replies"]


def test_the_most_likely_texts_are_the_same_either_way(tmp_path: Path, tuned: Path) -> None:
    """In waves, and asked for one by one."""
    texts = []
    for name, top in (("waves", 0), ("asked", 1)):
        one = stage(tmp_path / name, small(max_tokens=24, top_logprobs=top), finetune_teacher=tuned)
        figures = rollout.run(one, silent)
        played = episodes(one)
        texts.append([(each.texts, each.prompt_tokens, each.completion_tokens) for each in played])
        assert figures["run"]["usage"]["prompt_tokens"] > 0
    assert [text for text, *_ in texts[0]] == [text for text, *_ in texts[1]]
    assert texts[0] == texts[1]
