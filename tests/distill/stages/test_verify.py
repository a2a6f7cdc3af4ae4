"""The stage that keeps the teacher's good episodes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from distill.environments.assertions import Assertion
from distill.environments.base import Scenario, Split, Step, UserTurn
from distill.environments.definitions import PythonModule
from distill.environments.gold import gold_trajectories
from distill.environments.limits import Limits
from distill.recipe_parts import Judge
from distill.rollouts.episode import Episode
from distill.stages import rollout, verify
from distill.stages.inputs import rollout_scenarios
from distill.stages.spec import StageSpec
from distill.teacher.endpoint.settings import EndpointSettings
from distill.trajectories.jsonl import read_trajectories
from distill.trajectories.rows import write_rows
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec
from tests.distill.playing import DONE, gold_played, look_up, played
from tests.distill.recipes import tiny_recipe
from tests.distill.teacher.serving import serving

SPLITS: tuple[Split, ...] = ("train", "heldout")


def silent(*_: object, **__: object) -> None:
    """Reports to nobody."""


def stage(folder: Path, episodes: list[Episode]) -> StageSpec:
    """The stage behind a roll-out of these episodes."""
    upstream = folder / "rollout"
    one = StageSpec("one", "verify", folder / "verify", "d" * 64, tiny_recipe(), {}, {"rollout": upstream})
    one.upstream_output("rollout").mkdir(parents=True)
    one.output.mkdir(parents=True)
    write_rows(one.upstream_output("rollout") / rollout.ROWS, (episode.to_json() for episode in episodes))
    return one


def test_right_episodes_become_traces_and_the_others_are_told_with_their_reason(tmp_path: Path) -> None:
    scenarios = rollout_scenarios(tiny_recipe())
    episodes = gold_played(scenarios)
    episodes[0] = played(scenarios[:1], [["{"]])[0]
    reported: list[tuple[int, int]] = []
    one = stage(tmp_path, episodes[::-1])
    figures = verify.run(one, lambda done, total, **_: reported.append((done, total)))
    assert figures == {
        "run": {
            "verified_rollouts": 47,
            "dropped": [{"stage": "verify", "reason": "malformed", "rows": 1}],
        },
        "verification": {
            "tried": 48,
            "accepted": 47,
            "rejected": {"format": {"malformed": 1}, "execution": {}, "semantic": {}},
        },
        "kept": {"single": 15, "parallel": 16, "no_call": 16},
        "judges": [],
    }
    assert reported == [(48, 48)]
    traces = read_trajectories(one.output / verify.TRACES / verify.ROWS)
    gold = gold_trajectories(scenarios[1:])
    assert [(trace.id, trace.tools, trace.messages) for trace in traces] == [
        (right.id, right.tools, right.messages) for right in gold
    ]
    assert {trace.provenance.teacher for trace in traces} == {"teacher"}
    assert all(trace.provenance.verification["accepted"] is True for trace in traces)
    assert [trace.provenance.category for trace in traces] == [scenario.category for scenario in scenarios[1:]]
    (rejected,) = map(json.loads, (one.output / "rejected.jsonl").read_text().splitlines())
    assert (rejected["scenario"], rejected["reason"], rejected["texts"]) == (scenarios[0].id, "malformed", ["{"])


def test_a_judge_is_not_asked_where_a_state_decides(tmp_path: Path) -> None:
    one = stage(tmp_path, gold_played(rollout_scenarios(tiny_recipe())))
    with serving() as chat:
        judge = Judge(EndpointSettings((chat.url,)), "")
        figures = verify.run(replace(one, recipe=replace(one.recipe, judge=judge)), silent)
    assert figures["judges"] == []
    assert figures["run"]["verified_rollouts"] == 48
    assert not chat.bodies


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    scenarios = rollout_scenarios(tiny_recipe())
    one = stage(tmp_path, played(scenarios, [["{"]] * len(scenarios)))
    with pytest.raises(ValueError, match=r"none of 48 roll-outs was verified \{'malformed': 48\}; tune the teacher"):
        verify.run(one, silent)


def test_the_users_environment_is_counted_by_reason(tmp_path: Path) -> None:
    """What cannot be executed, what breaks an assertion, and what nobody can judge."""
    unruly = Path(__file__).parents[1] / "environments" / "unruly.py"
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"value": {"type": "integer"}}}
    tools = tuple(ToolSpec(name, "", schema) for name in ("add", "die"))
    turns = (UserTurn("Add one.", (Step((ToolCall("add", {"value": 1}),)),), "Done."),)
    asserted = (Assertion("/added", "count", 2),)
    scenarios = [
        Scenario(f"{split}-{number}", split, "single", "mine", 1, tools, turns, "", asserted if number else ())
        for split in SPLITS
        for number in range(4)
    ]
    path = tmp_path / "own.jsonl"
    write_rows(path, (one.to_json() for one in scenarios))
    recipe = tiny_recipe()
    own = replace(
        recipe.environment,
        name="mine",
        module=PythonModule(str(unruly)),
        scenarios_path=str(path),
        limits=Limits(seconds=60),
    )
    recipe = replace(recipe, environment=own, teacher=replace(recipe.teacher, dataset_path="/data/rows.jsonl"))
    added = [look_up("add", value=1), DONE]
    episodes = played(rollout_scenarios(recipe), [added, added, [look_up("die", value=1)], [DONE]], setup=own.setup)
    figures = verify.run(replace(stage(tmp_path, episodes), recipe=recipe), silent)
    rejected = figures["verification"]["rejected"].values()
    assert {reason: count for one in rejected for reason, count in one.items()} == {
        "not_judged": 1,
        "exited": 1,
        "failed_assertions": 1,
    }
    assert figures["kept"] == {"single": 1}
