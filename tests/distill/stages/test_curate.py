"""The stage that makes a dataset of verified trajectories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.curation.settings import CurationSettings
from distill.datasets.write import registration
from distill.environments.gold import gold_trajectories
from distill.recipe_parts import Curation
from distill.runs.checkpoints import Source
from distill.stages import curate, verify
from distill.stages.inputs import heldout_scenarios, rollout_scenarios
from distill.stages.spec import StageSpec, write_result
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.types import Message, Trajectory
from spiritsafe.errors import FailedPrecondition
from spiritsafe.publish import file_digest
from tests.distill.recipes import tiny_recipe

RECIPE = tiny_recipe()
GOLD = gold_trajectories(rollout_scenarios(RECIPE))
COUNTS = {"tried": 50, "accepted": 48, "rejected": {"format": {"malformed": 2}, "execution": {}, "semantic": {}}}
GENERAL = [
    Trajectory(f"general-{number}", (), (Message("user", f"What is {number} squared?"), Message("assistant", "A lot.")))
    for number in range(20)
]


def stage(folder: Path, rows: Sequence[Trajectory], curation: Curation | None = None, **files: Path) -> StageSpec:
    """The stage behind a verification that kept these rows."""
    verified = StageSpec("one", "verify", folder / "verify", "d" * 64, RECIPE, {}, {})
    (verified.output / verify.TRACES).mkdir(parents=True)
    write_trajectories(verified.output / verify.TRACES / verify.ROWS, rows)
    write_result(verified, {"verification": COUNTS, "judges": ["acme/judge"]}, 1.0)
    recipe = replace(RECIPE, curation=curation or RECIPE.curation)
    sources = {name: Source(str(path), file_digest(path)) for name, path in files.items()}
    one = StageSpec("one", "curate", folder / "curate", "d" * 64, recipe, sources, {"verify": verified.folder})
    one.output.mkdir(parents=True)
    return one


def silent(*_: object, **__: object) -> None:
    """Reports to nobody."""


def run(one: StageSpec) -> dict[str, Any]:
    return curate.run(one, silent)


def test_rows_become_a_dataset_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    heldout = gold_trajectories(heldout_scenarios(RECIPE)[:1])
    one = stage(tmp_path, [*GOLD, replace(GOLD[0], id="again"), *heldout])
    figures = run(one)
    assert figures["run"] == {
        "dataset_rows": len(GOLD),
        "replayed_rows": 0,
        "dropped": [
            {"stage": "curate", "reason": "copy", "rows": 1},
            {"stage": "curate", "reason": "evaluation_words", "rows": 1},
        ],
    }
    assert curate.read_dataset(one.output / curate.DATASET) == GOLD
    dropped = [json.loads(line) for line in (one.output / curate.DROPPED).read_text().splitlines()]
    assert [(row["id"], row["reason"]) for row in dropped] == [("again", "copy"), (heldout[0].id, "evaluation_words")]
    made = registration(one.output / curate.DATASET)
    assert made.content_sha256 == figures["content_sha256"]
    assert made.statistics["verification"] == COUNTS
    assert "acme/judge" in made.card
    assert "Stand-in" in made.card


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        one = stage(tmp_path / name, GOLD)
        digests.append(write_result(one, run(one), 1.0).output_digest)
    assert digests[0] == digests[1]


def test_replay_is_added_and_foreign_suites_are_kept_out(tmp_path: Path) -> None:
    general, suite = tmp_path / "general.jsonl", tmp_path / "suite.jsonl"
    write_trajectories(general, [*GENERAL, replace(GENERAL[0], id="copy")])
    write_trajectories(suite, [replace(GOLD[0], tools=())])
    settings = CurationSettings(replay=0.1, seed=RECIPE.seed)
    one = stage(tmp_path, GOLD, Curation(settings, str(general), (str(suite),)), replay=general, suite_0=suite)
    figures = run(one)
    kept = len(GOLD) - 1
    replayed = round(kept / 9)
    assert (figures["run"]["dataset_rows"], figures["run"]["replayed_rows"]) == (kept + replayed, replayed)
    assert figures["run"]["dropped"] == [
        {"stage": "curate", "reason": "evaluation_words", "rows": 1},
        {"stage": "curate", "reason": "replay_copy", "rows": 1},
    ]
    rows = curate.read_dataset(one.output / curate.DATASET)
    assert {row.id for row in rows[kept:]} < {row.id for row in GENERAL}
    assert "general.jsonl" in registration(one.output / curate.DATASET).card


def test_a_file_that_changed_since_the_run_took_it_up_is_refused(tmp_path: Path) -> None:
    general = tmp_path / "general.jsonl"
    write_trajectories(general, GENERAL)
    settings = CurationSettings(replay=0.1)
    one = stage(tmp_path, GOLD, Curation(settings, str(general), ()), replay=general)
    write_trajectories(general, GENERAL[1:])
    with pytest.raises(ValueError, match=r"general.jsonl has changed since the run took it up"):
        run(one)


def test_nothing_left_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    heldout = gold_trajectories(heldout_scenarios(RECIPE)[:2])
    with pytest.raises(FailedPrecondition, match="all 2 rows were left out"):
        run(stage(tmp_path, heldout))
