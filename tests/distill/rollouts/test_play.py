"""Playing scenarios with models that write what they are told, in real worlds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args

import pytest

from distill.environments.base import Category, Scenario
from distill.environments.gold import gold_trajectories
from distill.environments.support_desk.scenarios import generate
from distill.environments.support_desk.world import build_world
from distill.errors import SandboxLost
from distill.evaluation.scoring import EvaluationError, score
from distill.families import family_named
from distill.families.base import Prompt
from distill.inference.written import Written
from distill.rollouts.episode import MOST_STEPS, Episode
from distill.rollouts.play import play
from distill.trajectories.calls import ParseFailure
from distill.trajectories.types import Message
from distill.verification.verify import verify_batch
from tests.distill.playing import (
    DONE,
    XLAM,
    about,
    first_scenario,
    gold_played,
    gold_turns,
    look_up,
    one_played,
    played,
    scripted,
    written,
)

CATEGORIES: tuple[Category, ...] = get_args(Category)
EVERY = [one for category in CATEGORIES for one in generate("heldout", category, 8, 2)]
FAMILIES = ("xlam", "qwen3", "llama3", "gemma4")


def unreasoned(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(replace(message, reasoning=None) for message in messages)


@pytest.mark.parametrize("family_name", FAMILIES)
def test_right_turns_play_to_the_gold_conversation_in_every_family(family_name: str) -> None:
    family = family_named(family_name)
    episodes = gold_played(EVERY, family)
    assert {episode.ending for episode in episodes} == {"finished"}
    for episode, gold in zip(episodes, gold_trajectories(EVERY), strict=True):
        expected = family.conversation(gold.messages)
        # Only the teacher's format keeps reasoning.
        assert episode.messages == (expected if family_name == "xlam" else unreasoned(expected))
        assert len(episode.texts) == sum(message.role == "assistant" for message in episode.messages)
    assert score(episodes).misses == (None,) * len(EVERY)
    assert {result.reason for result in verify_batch(episodes)} == {""}


def test_llama_calls_in_turns_of_their_own_and_the_others_at_once() -> None:
    parallel = [one for one in EVERY if one.category == "parallel"]
    turns = {name: {len(one.texts) for one in gold_played(parallel, family_named(name))} for name in FAMILIES}
    assert turns == {"xlam": {2}, "qwen3": {2}, "gemma4": {2}, "llama3": {3}}


def test_the_user_goes_on_only_after_a_turn_without_calls() -> None:
    scenario = first_scenario("multi_turn", lambda one: len(one.turns) == 2)
    first, _, second, _ = gold_turns(scenario)
    script = scripted([[written(XLAM, turn) for turn in (first, first, Message("assistant"), second, DONE)]])
    seen: list[list[Message]] = []

    def respond(prompts: Sequence[Prompt]) -> Sequence[Written]:
        assert prompts[0].tools == scenario.tools
        seen.append(list(prompts[0].messages))
        return script(prompts)

    (episode,) = play([scenario], XLAM, respond)
    roles = [[message.role for message in messages] for messages in seen]
    called = ["assistant", "tool"]
    assert roles == [
        ["user"],
        ["user", *called],
        ["user", *called, *called],
        ["user", *called, *called, "assistant", "user"],
        ["user", *called, *called, "assistant", "user", *called],
    ]
    said = [message.content for message in episode.messages if message.role == "user"]
    assert said == [turn.message for turn in scenario.turns]
    assert seen[-1] == list(episode.messages[:-1])


def test_many_scenarios_are_written_for_at_once_and_keep_their_order() -> None:
    rounds: list[int] = []
    progress: list[tuple[int, int]] = []
    script = scripted(
        [
            [written(XLAM, turn) for turn in gold.messages if turn.role == "assistant"]
            for gold in gold_trajectories(EVERY)
        ]
    )

    def respond(prompts: Sequence[Prompt]) -> Sequence[Written]:
        rounds.append(len(prompts))
        return script(prompts)

    episodes = play(EVERY, XLAM, respond, on_progress=lambda done, total: progress.append((done, total)))
    assert [episode.scenario for episode in episodes] == EVERY
    assert rounds[0] == len(EVERY)
    assert sorted(rounds, reverse=True) == rounds
    assert progress == [(len(EVERY) - left, len(EVERY)) for left in [*rounds[1:], 0]]


def test_nothing_to_play_asks_no_model() -> None:
    assert play([], XLAM, scripted([])) == []


def test_a_model_that_writes_too_little_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        play(EVERY[:2], XLAM, lambda _: [Written("Done.")])


@pytest.mark.parametrize("family_name", FAMILIES)
def test_an_unreadable_turn_ends_an_episode_with_its_place(family_name: str) -> None:
    family = family_named(family_name)
    scenario = first_scenario("recovery")
    first, second, _ = gold_turns(scenario)
    cut = written(family, second)[:-2]
    failure = family.parse(cut)
    assert isinstance(failure, ParseFailure)
    episode = one_played(scenario, first, cut, family=family)
    assert (episode.ending, episode.problem, episode.position) == ("malformed", failure.reason, failure.position)
    assert episode.texts == (written(family, first), cut)
    assert [message.role for message in episode.messages] == ["user", "assistant", "tool"]


def test_a_call_that_cannot_be_shown_again_ends_its_episode_alone() -> None:
    gemma, scenario = family_named("gemma4"), about("cancel_order")
    odd = 'call:cancel_order{order_id:<|"|>O-1 <|tool_call><|"|>}'
    episodes = played([scenario, scenario], [[f"<|tool_call>{odd}<tool_call|>"], gold_turns(scenario)], gemma)
    assert [episode.ending for episode in episodes] == ["malformed", "finished"]
    assert episodes[0].problem.startswith("Gemma 4 cannot write the text 'O-1 <|tool_call>'")
    assert score(episodes).misses == ("malformed", None)


def test_a_model_that_calls_for_ever_is_stopped() -> None:
    scenario = about("list_orders")
    (call,) = scenario.gold_calls
    again = look_up(call.name, **call.arguments)
    episode = one_played(scenario, *[again] * MOST_STEPS)
    assert (episode.ending, episode.problem) == ("too_many_steps", "more than 5 turns with calls for one user message")
    assert len(episode.texts) == MOST_STEPS
    # The last call was not run any more.
    assert [message.role for message in episode.messages] == ["user", *["assistant", "tool"] * 5, "assistant"]
    assert one_played(scenario, *[again] * (MOST_STEPS - 1), DONE).ending == "finished"


def test_each_user_message_has_steps_of_its_own() -> None:
    scenario = first_scenario("multi_turn", lambda one: len(one.turns) == 2)
    first, _, second, _ = gold_turns(scenario)
    most = MOST_STEPS - 1
    assert one_played(scenario, *[first] * most, DONE, *[second] * most, DONE).ending == "finished"


def test_later_calls_find_what_earlier_ones_did() -> None:
    scenario = about("cancel_order")
    order_id = scenario.gold_calls[0].arguments["order_id"]
    look = look_up("get_order_status", order_id=order_id)
    episode = one_played(scenario, look, look_up("cancel_order", order_id=order_id), look, DONE)
    results = [json.loads(message.content) for message in episode.messages if message.role == "tool"]
    assert [result["status"] for result in results] == ["processing", "cancelled", "cancelled"]
    assert [message.name for message in episode.messages if message.role == "tool"] == [
        *("get_order_status", "cancel_order", "get_order_status")
    ]


def test_a_model_reads_why_a_call_failed() -> None:
    episode = one_played(about("cancel_order"), look_up("cancel_order", order_id="O-1"), look_up("fly"), DONE)
    errors = [json.loads(message.content) for message in episode.messages if message.role == "tool"]
    assert [error["error"] for error in errors] == ["not_found", "unknown_tool"]
    assert errors[0]["message"] == "there is no order O-1; check the id"


def test_tools_that_take_too_long_leave_no_episode() -> None:
    single = about("cancel_order")
    with pytest.raises(SandboxLost, match=r"finished 0 of 1 jobs: its time of 0\.001 s was up"):
        played([single], [gold_turns(single)[:1]], time_limit_s=0.001)


def test_a_world_that_cannot_be_built_stops_no_other_episode() -> None:
    scenario = about("cancel_order")
    lost = replace(scenario, environment="moon_base")
    turns = gold_turns(scenario)
    episodes = played([lost, scenario], [turns[:1], turns])
    assert [episode.ending for episode in episodes] == ["not_executed", "finished"]
    assert "no tool environment named 'moon_base'" in episodes[0].problem
    with pytest.raises(EvaluationError, match=f"scenario {lost.id} could not be run: Unknown"):
        score(episodes)
    verdicts = [(result.accepted, result.stage, result.reason) for result in verify_batch(episodes)]
    assert verdicts == [(False, "execution", "not_executed"), (True, "semantic", "")]


def odd_episodes() -> Iterator[Episode]:
    scenario = about("list_orders")
    customer_id = next(iter(build_world(scenario.env_seed).customers))
    look = look_up("list_orders", customer_id=customer_id)
    yield one_played(scenario, look, '{"tool_calls": [')
    yield one_played(scenario, *[look] * MOST_STEPS)
    (lost,) = played([replace(scenario, id="lost", environment="moon_base")], [[look]])
    yield lost


def test_episodes_survive_their_rows() -> None:
    scenarios: dict[str, Scenario] = {}
    rows = []
    episodes = [*gold_played(EVERY), *odd_episodes()]
    for episode in episodes:
        scenarios[episode.scenario.id] = episode.scenario
        rows.append(json.loads(json.dumps(episode.to_json())))
    assert [Episode.from_json(row, scenarios[row["scenario"]]) for row in rows] == episodes
