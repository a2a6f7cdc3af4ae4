"""Made conversations: functions of their seed, sound, and with nothing to guess."""

from __future__ import annotations

import json
import re
from functools import cache

from distill.environments.schema import argument_problem
from distill.standins.talks import talk_exercises
from distill.trajectories.turns import calls_in, user_turns
from distill.trajectories.types import JsonValue, Message, Trajectory


@cache
def talks() -> list[Trajectory]:
    return [talk for seed in range(300) for talk in talk_exercises(seed, (2, 3), 5)]


def says(text: str, value: JsonValue) -> bool:
    # A value may begin a sentence, or stand behind a joint.
    return re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", text, re.IGNORECASE) is not None


def steps(talk: Trajectory) -> list[list[int]]:
    """Calls of each assistant turn, by user turn."""
    turns = user_turns(talk.messages)
    return [[len(each.tool_calls) for each in turn if each.role == "assistant"] for turn in turns]


def failed(message: Message) -> bool:
    return message.role == "tool" and "failed" in json.loads(message.content)


def test_they_are_functions_of_their_seed() -> None:
    assert talk_exercises(5, (2, 3), 6) == talk_exercises(5, (2, 3), 6) != talk_exercises(6, (2, 3), 6)
    assert talk_exercises(5, (2, 3), 6)[:2] == talk_exercises(5, (2, 3), 2)
    assert len({talk.id for talk in talks()}) == len(talks())


def test_every_kind_of_conversation_is_made() -> None:
    shapes = {str(steps(talk)) for talk in talks()}
    assert shapes == {
        *("[[2, 0]]", "[[3, 0]]"),  # several at once
        "[[1, 1, 0]]",  # one after the other, or again
        "[[1, 0], [1, 0]]",  # a user who comes back
        "[[0], [1, 0]]",  # something to ask for
    }
    assert any(failed(message) for talk in talks() for message in talk.messages)
    assert {len(talk.tools) for talk in talks()} == {2, 3}


def test_calls_fit_the_tools_on_offer_and_have_their_results_in_order() -> None:
    for talk in talks():
        offered = {tool.name: tool for tool in talk.tools}
        for call in calls_in(talk.messages):
            assert argument_problem(offered[call.name], call.arguments) is None
        for index, message in enumerate(talk.messages):
            results = talk.messages[index + 1 : index + 1 + len(message.tool_calls)]
            assert [each.name for each in results] == [call.name for call in message.tool_calls]
            assert all(isinstance(json.loads(each.content), dict) for each in results)
        assert talk.messages[-1].role == "assistant"
        assert not talk.messages[-1].tool_calls


def test_every_argument_has_been_read_before_it_is_written() -> None:
    for talk in talks():
        read = ""
        for message in talk.messages:
            for call in message.tool_calls:
                for value in call.arguments.values():
                    assert says(read, value), (talk.id, value, read)
            read += f"\n{message.content}" if message.role in ("user", "tool") else ""


def test_what_is_asked_for_was_not_said_and_then_is() -> None:
    asking = [talk for talk in talks() if steps(talk) == [[0], [1, 0]]]
    unsaid = 0
    for talk in asking:
        request, question, reply = (message.content for message in talk.messages[:3])
        assert question
        (call,) = calls_in(talk.messages)
        given = [value for value in call.arguments.values() if says(reply, value)]
        assert given
        unsaid += any(not says(request, value) for value in given)
    # Where an argument has three options, the request may hold the word by chance.
    assert unsaid > 0.95 * len(asking) > 50


def test_a_failed_call_is_made_again_as_the_failure_says() -> None:
    same = 0
    again = [talk for talk in talks() if any(map(failed, talk.messages))]
    for talk in again:
        first, second = calls_in(talk.messages)
        assert first.name == second.name
        (failure,) = (message.content for message in talk.messages if failed(message))
        changed = [value for name, value in second.arguments.items() if value != first.arguments[name]]
        assert len(changed) <= 1
        assert all(says(failure, value) for value in changed)
        same += not changed
    assert 0.3 < same / len(again) < 0.8


def test_in_a_chain_only_the_first_result_knows_the_id_of_the_second_call() -> None:
    chains = [talk for talk in talks() if steps(talk) == [[1, 1, 0]] and not any(map(failed, talk.messages))]
    assert len(chains) > 50
    for talk in chains:
        second = calls_in(talk.messages)[1]
        unsaid = [name for name, value in second.arguments.items() if not says(talk.messages[0].content, value)]
        assert len(unsaid) == 1
        assert unsaid[0].endswith("_id")
        assert says(talk.messages[2].content, second.arguments[unsaid[0]])


def test_users_who_come_back_often_mean_the_thing_of_before() -> None:
    returning = [talk for talk in talks() if steps(talk) == [[1, 0], [1, 0]]]
    meant = 0
    for talk in returning:
        message, call = user_turns(talk.messages)[1][0], calls_in(talk.messages)[1]
        meant += any(not says(message.content, value) for value in call.arguments.values())
    assert meant > 0.1 * len(returning) > 10
