"""Lets the teacher play scenarios that it was not tuned on, and keeps its raw text.

Three ways lead there. A teacher behind an endpoint is asked over HTTP. Of one in this process several samples, a
temperature or alternatives are asked for in the same way. The most likely texts alone it writes in waves, on all cores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.environments.base import Scenario
from distill.families.registry import teacher_family_for
from distill.families.teachers import TeacherFamily
from distill.rollouts.asking import AskSettings, OnTokens, ask_all
from distill.rollouts.episode import Episode
from distill.rollouts.journal import Journal
from distill.rollouts.probabilities import put_in_order, storing
from distill.rollouts.waves import play_in_waves
from distill.runs import layout
from distill.runs.checkpoints import read_config
from distill.stages.inputs import ADAPTER, responder, rollout_scenarios
from distill.stages.spec import ATTEMPT, Report, StageSpec
from distill.teacher.endpoint.client import EndpointTeacher
from distill.teacher.logprobs import Header, TokenIds, tokenizer_digest
from distill.teacher.protocol import Teacher
from distill.trajectories.rows import write_rows
from distill.trajectories.turns import calls_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from distill.inference.generate import LoadedModel

ROWS = "rollouts.jsonl"
LOGPROBS = "logprobs"
JOURNAL = "episodes.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``rollouts.jsonl``: one episode a line, with the scenario's id, raw texts and messages.

    And ``logprobs`` where the recipe asks for alternatives: see ``distill.rollouts.probabilities``.
    """
    unfinished = spec.folder / layout.UNFINISHED
    unfinished.mkdir(exist_ok=True)
    scenarios = rollout_scenarios(spec.recipe)
    with Journal(unfinished / JOURNAL) as journal, _player(spec, scenarios, journal, report) as play:
        before = list(journal.read(scenarios).values())
        began = time.monotonic()
        episodes = play()
        seconds = time.monotonic() - began
    write_rows(spec.output / ROWS, (episode.to_json() for episode in episodes))
    if spec.recipe.rollout.top_logprobs:
        put_in_order(unfinished / LOGPROBS, spec.output / LOGPROBS, _header(spec), episodes)
    written = _written(episodes) - _written(before)
    return {
        "run": {"rollouts": len(episodes), "usage": _usage(episodes)},
        ATTEMPT: {"seconds": seconds, "tokens_per_second": written / seconds},
    }


def _usage(episodes: Sequence[Episode]) -> dict[str, int]:
    return {
        "episodes": len(episodes),
        "replies": sum(len(episode.texts) for episode in episodes),
        "calls": sum(len(calls_in(episode.messages)) for episode in episodes),
        "prompt_tokens": sum(episode.prompt_tokens for episode in episodes),
        "completion_tokens": _written(episodes),
    }


def _written(episodes: Sequence[Episode]) -> int:
    return sum(episode.completion_tokens for episode in episodes)


@contextmanager
def _player(
    spec: StageSpec, scenarios: Sequence[Scenario], journal: Journal, report: Report
) -> Iterator[Callable[[], list[Episode]]]:
    """Somebody who is ready to play: weights are loaded."""
    rollout, family, setup = spec.recipe.rollout, _family(spec), spec.recipe.environment.setup
    if spec.recipe.teacher.endpoint is None and rollout.greedy:
        with responder(_load(spec, family), rollout.max_tokens) as respond:
            yield lambda: play_in_waves(scenarios, family, respond, journal, report, setup=setup)
        return
    teacher = _teacher(spec, family, journal.read(scenarios).values())
    how = AskSettings(
        rollout.sampling,
        spec.recipe.seed,
        rollout.samples,
        rollout.conversations,
        setup=setup,
        top_logprobs=rollout.top_logprobs,
    )

    async def ask() -> list[Episode]:
        async with teacher as connected:
            return await ask_all(connected, scenarios, family, how, journal, report, keep)

    with _storing(spec) as keep:
        yield lambda: asyncio.run(ask())


@contextmanager
def _storing(spec: StageSpec) -> Iterator[OnTokens]:
    if not spec.recipe.rollout.top_logprobs:
        yield lambda _episode, _tokens: None
        return
    with storing(spec.folder / layout.UNFINISHED / LOGPROBS, _header(spec), _token_ids(spec)) as keep:
        yield keep


def _header(spec: StageSpec) -> Header:
    return Header(spec.recipe.rollout.top_logprobs, tokenizer_digest(_tokenizer(spec).get_vocab()))


def _token_ids(spec: StageSpec) -> TokenIds:
    """How tokens are told apart: a teacher in this process names their ids, a server perhaps only their texts."""
    if spec.recipe.teacher.endpoint is None:
        return TokenIds({})
    tokenizer = _tokenizer(spec)
    return TokenIds({index: str(tokenizer.decode([index])) for index in tokenizer.get_vocab().values()})


def _tokenizer(spec: StageSpec) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(spec.sources["teacher"].path)
    return tokenizer


def _teacher(spec: StageSpec, family: TeacherFamily, played: Iterable[Episode]) -> AbstractAsyncContextManager[Teacher]:
    """The teacher behind its endpoint, which must serve what it served in ``played``, or the tuned one."""
    if spec.recipe.teacher.endpoint:
        served = next((episode.model for episode in played), "")
        return EndpointTeacher(spec.recipe.teacher.endpoint, served=served)
    from distill.teacher.local import LocalTeacher

    return LocalTeacher(_load(spec, family), spec.recipe.teacher.model_id)


def _load(spec: StageSpec, family: TeacherFamily) -> LoadedModel:
    from distill.inference.generate import load

    return load(spec.sources["teacher"].path, spec.upstream_output("finetune_teacher") / ADAPTER, family)


def _family(spec: StageSpec) -> TeacherFamily:
    return teacher_family_for(read_config(Path(spec.sources["teacher"].path), "teacher"))
