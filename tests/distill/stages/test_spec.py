"""Specs and results of stages: all or nothing, and found again only while the files are there."""

from __future__ import annotations

from pathlib import Path

from distill.runs.checkpoints import Source
from distill.stages.spec import StageSpec, read_result, write_result
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


def finished(folder: Path, text: str = "rows") -> StageSpec:
    one = spec(folder)
    one.output.mkdir(parents=True)
    (one.output / "rows.jsonl").write_text(text)
    write_result(one, {"run": {"rollouts": 3}}, 1.5)
    return one


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    one = spec(tmp_path / "verify-d")
    assert StageSpec.read(one.write()) == one


def test_a_result_is_found_again(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    result = read_result(tmp_path / "a")
    assert result is not None
    assert (result.input_digest, result.figures, result.seconds) == ("d" * 64, {"run": {"rollouts": 3}}, 1.5)
    assert read_result(tmp_path) is None


def test_a_result_without_its_files_counts_for_nothing(tmp_path: Path) -> None:
    one = finished(tmp_path / "a")
    (one.output / "rows.jsonl").write_text("row")
    assert read_result(one.folder) is None
    (one.output / "rows.jsonl").unlink()
    assert read_result(one.folder) is None


def test_the_output_digest_is_of_the_content(tmp_path: Path) -> None:
    results = [read_result(finished(tmp_path / str(n), text).folder) for n, text in enumerate(("a", "a", "b"))]
    digests = [result.output_digest for result in results if result]
    assert digests[0] == digests[1] != digests[2]
