"""What stand-ins are pre-trained on: functions of a seed, nothing of the built-in environment, and its rendering."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

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
from distill.trajectories.types import ToolSpec, Trajectory
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


@pytest.mark.parametrize(
    "name",
    # The shortest stands for the others, whose exercises are of the same makers.
    [name if name == "llama3" else pytest.param(name, marks=pytest.mark.full) for name in RECIPES],
)
def test_pre_training_is_as_long_as_it_says_and_has_nothing_of_the_support_desk(name: str) -> None:
    """Both in one pass: making all exercises takes longer than looking at them."""
    foreign, ranges = Foreign(), []
    for cycle, curriculum in enumerate(RECIPES[name].curricula):
        ids = []
        for exercise in exercises(name, cycle):
            foreign.check(exercise)
            ids.append(exercise.id)
        seeds = [int(each.split("-")[1]) for each in ids]
        assert seeds == sorted(seeds)
        assert len(set(ids)) == len(ids) == curriculum.toolboxes * (curriculum.requests + curriculum.talks)
        ranges.append((seeds[0], seeds[-1]))
    assert ranges[0][0] == 0
    assert [begin for begin, _ in ranges[1:]] == [end + 1 for _, end in ranges[:-1]]


class Foreign:
    """Holds exercises to having no tool, argument or sentence of the support desk."""

    def __init__(self) -> None:
        self._names = set(TOOLS)
        self._arguments = {argument for tool in TOOLS.values() for argument in tool.parameter_names}
        self._sentences = {gram for sentence in desk_sentences() for gram in grams(words(sentence))}
        self._tools: Sequence[ToolSpec] | None = None
        assert len(self._sentences) > 500

    def check(self, exercise: Trajectory) -> None:
        texts = [message.content for message in exercise.messages if message.content]
        # One toolbox after the other: the exercises about it share its tools.
        if exercise.tools is not self._tools:
            self._tools = tools = exercise.tools
            assert not self._names & {tool.name for tool in tools}
            assert not self._arguments & {argument for tool in tools for argument in tool.parameters["properties"]}  # type: ignore[union-attr]  # a JSON schema
            texts += [tool.description for tool in tools]
        for text in texts:
            tokens = words(text)
            assert self._sentences.isdisjoint(grams(tokens)), text
            assert self._names.isdisjoint(tokens), text


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
