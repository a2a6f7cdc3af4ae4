"""What stand-ins are pre-trained on: functions of a seed, nothing of the built-in environment, and its rendering."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from distill.environments.gold import gold_trajectories
from distill.environments.support_desk import dialogue
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.templates import call_templates, talk_templates
from distill.environments.support_desk.tools import TOOLS
from distill.families import family_named
from distill.families.base import IGNORED, Prompt
from distill.standins.build import RECIPES, SIZES, exercises
from distill.standins.corpus import call_exercises, copy_words
from distill.standins.pretrain import exercise_rows
from distill.standins.talks import talk_exercises
from distill.standins.tokenizer import build as build_tokenizer
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import Trajectory
from tests.distill.families.tiny_tokenizers import tokenizer_of
from tests.distill.playing import written

Gram = tuple[str, str, str, str]
WORD = re.compile(r"[a-z_]+")


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def grams(tokens: list[str]) -> set[Gram]:
    return set(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))


def desk_sentences() -> Iterator[str]:
    """Every template of the desk, cut at its slots, its answers and refusals, and its tools' own descriptions."""
    for split in ("train", "heldout"):
        groups: Iterable[Iterable[str]] = (*call_templates(split).values(), *talk_templates(split).values())
        for template in (*(each for group in groups for each in group), *dialogue.every_sentence(split)):
            yield from re.split(r"\{\w+\}", template)
        yield from talk_templates(split)
        for gold in gold_trajectories(generate(split, "recovery", 40, 1)):
            yield from (message.content for message in gold.messages if message.role != "user")
    for tool in TOOLS.values():
        yield tool.spec.description


@pytest.mark.parametrize("name", RECIPES)
def test_pre_training_has_no_tool_argument_or_sentence_of_the_support_desk(name: str) -> None:
    tool_names = set(TOOLS)
    arguments = {argument for tool in TOOLS.values() for argument in tool.parameter_names}
    sentences = {gram for sentence in desk_sentences() for gram in grams(words(sentence))}
    assert len(sentences) > 500
    tools = None
    for cycle in range(len(RECIPES[name].curricula)):
        for exercise in exercises(name, cycle):
            # One toolbox after the other: the exercises about it share its tools.
            texts = [message.content for message in exercise.messages if message.content]
            if exercise.tools is not tools:
                tools = exercise.tools
                assert not tool_names & {tool.name for tool in tools}
                assert not arguments & {argument for tool in tools for argument in tool.parameters["properties"]}  # type: ignore[union-attr]  # a JSON schema
                texts += [tool.description for tool in tools]
            for text in texts:
                tokens = words(text)
                assert sentences.isdisjoint(grams(tokens)), text
                assert tool_names.isdisjoint(tokens), text


def test_copy_exercises_have_nothing_of_the_support_desk() -> None:
    names, sentences = set(TOOLS), {gram for sentence in desk_sentences() for gram in grams(words(sentence))}
    for seed in range(4000):
        tokens = words(" ".join(copy_words(seed, 60)))
        assert names.isdisjoint(tokens)
        assert sentences.isdisjoint(grams(tokens))


def test_exercises_and_tokenizers_are_functions_of_their_seed() -> None:
    assert call_exercises(5, (1, 2), 0.5, 3) == call_exercises(5, (1, 2), 0.5, 3) != call_exercises(6, (1, 2), 0.5, 3)
    family, sample = family_named("qwen3"), [call_exercises(seed, (2,), 0.0, 1)[0] for seed in range(200)]
    first, second = (build_tokenizer(family, sample, RECIPES["qwen3"].specials, 600) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


@pytest.mark.parametrize("name", RECIPES)
def test_a_cycle_has_as_many_exercises_as_it_says_and_none_of_another(name: str) -> None:
    recipe, counts, last = RECIPES[name], [], []
    for number, curriculum in enumerate(recipe.curricula):
        ids = [exercise.id for exercise in exercises(name, number)]
        seeds = [int(each.split("-")[1]) for each in ids]
        assert seeds == sorted(seeds)
        assert len(set(ids)) == len(ids) == curriculum.toolboxes * (curriculum.requests + curriculum.talks)
        counts.append(seeds[0])
        last.append(seeds[-1])
    assert counts[0] == 0
    assert [begin for _, begin in pairwise(counts)] == [end + 1 for end in last[:-1]]


def some_exercises() -> list[Trajectory]:
    made = [call_exercises(seed, SIZES, 0.3, 3) + talk_exercises(seed, SIZES, 5) for seed in range(12)]
    return [exercise for each in made for exercise in each]


@pytest.mark.parametrize("name", RECIPES)
def test_every_turn_without_words_is_learnt_in_the_layout_behind_its_familys_prompt(name: str) -> None:
    family, recipe, tokenizer = family_named(name), RECIPES[name], tokenizer_of(name)
    asked = 0
    for exercise in some_exercises():
        messages = family.conversation(exercise.messages)
        learnt = [index for index, each in enumerate(messages) if each.role == "assistant" and not each.content]
        rows = list(exercise_rows(family, exercise, tokenizer, recipe.layout))
        assert len(rows) == len(learnt)
        for row, index in zip(rows, learnt, strict=True):
            prompt = family.prompt_ids(Prompt(messages[:index], exercise.tools), tokenizer)
            target = [label for label in row.labels if label != IGNORED]
            assert row.labels[: len(prompt)] == (IGNORED,) * len(prompt)
            assert list(row.input_ids) == prompt + target
            assert tokenizer.decode(target) == recipe.layout(family.target(messages[index]))
        questions = [each.content for each in messages if each.role == "assistant" and each.content]
        asked += len(questions)
        assert all(question in tokenizer.decode(rows[-1].input_ids) for question in questions)
    assert asked > 10


@pytest.mark.parametrize("name", RECIPES)
def test_students_learn_a_layout_that_their_parser_refuses_and_the_teacher_its_own(name: str) -> None:
    family, layout = family_named(name), RECIPES[name].layout
    turns = [turn for each in some_exercises() for turn in family.conversation(each.messages)]
    made = [turn for turn in turns if turn.role == "assistant" and not turn.content]
    assert {len(turn.tool_calls) for turn in made} >= ({0, 1} if name == "llama3" else {0, 1, 2})
    for turn in made:
        outcome = family.parse(written(family, layout(family.target(turn))))
        if name == "xlam":
            assert outcome == ParsedCalls(turn.tool_calls)
        else:
            assert isinstance(outcome, ParseFailure), outcome
        assert family.parse(written(family, turn)) == ParsedCalls(turn.tool_calls)
