"""Specs and results of stages: all or nothing, and found again only while the files are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.runs.checkpoints import Source
from distill.stages.spec import ATTEMPT, StageSpec, read_result, write_result
from tests.distill.recipes import tiny_recipe


def spec(folder: Path) -> StageSpec:
    return StageSpec(
        run="one",
        stage="verify",
        folder=folder,
        input_digest="d" * 64,
        recipe=tiny_recipe(),
        sources={"teacher": Source("/weights", "t" * 64, "c0ffee")},
        upstream={"rollout": folder.parent / "rollout"},
    )


def finished(folder: Path, text: str = "rows", figures: Mapping[str, Any] | None = None) -> StageSpec:
    one = spec(folder)
    one.output.mkdir(parents=True)
    (one.output / "rows.jsonl").write_text(text)
    write_result(one, figures or {"run": {"rollouts": 3}}, 1.5)
    return one


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    one = spec(tmp_path / "verify-d")
    assert StageSpec.read(one.write()) == one


def test_a_result_is_found_again(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    result = read_result(tmp_path / "a")
    assert result is not None
    assert (result.run, result.input_digest, result.seconds) == ("one", "d" * 64, 1.5)
    assert result.figures == {"run": {"rollouts": 3}}
    assert read_result(tmp_path) is None


def test_a_result_without_its_files_counts_for_nothing(tmp_path: Path) -> None:
    one = finished(tmp_path / "a")
    (one.output / "rows.jsonl").write_text("row")
    assert read_result(one.folder) is None
    (one.output / "rows.jsonl").unlink()
    assert read_result(one.folder) is None


def output_digest(one: StageSpec) -> str:
    result = read_result(one.folder)
    assert result is not None
    return result.output_digest


def test_the_output_digest_is_of_the_content(tmp_path: Path) -> None:
    digests = [output_digest(finished(tmp_path / str(n), text)) for n, text in enumerate(("a", "a", "b"))]
    assert digests[0] == digests[1] != digests[2]


def test_how_an_attempt_went_is_no_part_of_the_output(tmp_path: Path) -> None:
    figures = [
        {"steps": 8},
        {"steps": 8, ATTEMPT: {"resumed_from": 4}},
        {"steps": 9, ATTEMPT: {"resumed_from": 4}},
    ]
    digests = [output_digest(finished(tmp_path / str(n), figures=one)) for n, one in enumerate(figures)]
    assert digests[0] == digests[1] != digests[2]
