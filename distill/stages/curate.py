"""Curates the verified trajectories and writes the dataset that the student is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.curation.curate import CurationReport, curate
from distill.curation.decontamination import Suite, suite_of, suite_of_scenarios
from distill.datasets.description import Description, VerificationCounts
from distill.datasets.write import DATA, write_dataset
from distill.stages import verify
from distill.stages.inputs import check_unchanged, heldout_scenarios
from distill.stages.spec import Report, StageResult, StageSpec, read_result
from distill.trajectories.jsonl import read_trajectories
from distill.trajectories.reading import iterate_file
from distill.trajectories.rows import write_rows
from distill.trajectories.types import Trajectory

DATASET = "dataset"
DROPPED = "dropped.jsonl"
HELD_OUT = "held-out scenarios"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``dataset``, a folder with rows, card, statistics and plots, and ``dropped.jsonl`` with a reason a line.

    Raises:
        FailedPrecondition: nothing was kept, or there is too little replay.
        ValueError: a file is not what the run took up.
    """
    rows = read_trajectories(spec.upstream_output("verify") / verify.TRACES / verify.ROWS)
    settings = spec.recipe.curation.settings
    curated = curate(rows, settings, list(_suites(spec)), _rows_of(spec, "replay"))
    write_rows(spec.output / DROPPED, (one.to_json() for one in curated.dropped))
    written = write_dataset(spec.output / DATASET, curated, _description(spec))
    report(len(rows), len(rows), message=f"{len(curated.kept)} rows kept")
    return {
        "run": {
            "dataset_rows": len(curated.kept),
            "replayed_rows": curated.replayed,
            "dropped": list(_dropped(curated.report)),
        },
        "content_sha256": written.content_sha256,
    }


def read_dataset(folder: Path) -> list[Trajectory]:
    """The rows of a written dataset, in their order."""
    return [row for shard in sorted((folder / DATA).iterdir()) for row in read_trajectories(shard)]


def _suites(spec: StageSpec) -> Iterator[Suite]:
    yield suite_of_scenarios(HELD_OUT, heldout_scenarios(spec.recipe))
    for name, source in spec.sources.items():
        if name.startswith("suite_"):
            yield suite_of(Path(source.path).name, _rows_of(spec, name), foreign=True)


def _rows_of(spec: StageSpec, name: str) -> list[Trajectory]:
    """The rows of a file of the user's; none where the recipe names no such file."""
    source = spec.sources.get(name)
    if source is None:
        return []
    rows = list(iterate_file(Path(source.path)))
    check_unchanged(source)
    return rows


def _dropped(report: CurationReport) -> Iterator[dict[str, Any]]:
    for step in report.steps:
        # A copy that was on offer as replay is another matter than one that the teacher wrote.
        prefix = "replay_" if step.name.startswith("replay") else ""
        for reason, count in step.dropped.items():
            yield {"stage": "curate", "reason": f"{prefix}{reason}", "rows": count}


def _description(spec: StageSpec) -> Description:
    recipe, verified = spec.recipe, _result(spec)
    replay = recipe.curation.replay_path
    files = {name: source.digest for name, source in spec.sources.items() if name in recipe.curation.files}
    return Description(
        title=recipe.traces_id,
        summary=(
            f"What {recipe.teacher.model_id} did in {recipe.environment.name}: each conversation was executed, and "
            "kept when it did what was asked for."
        ),
        teachers=[recipe.teacher.model_id],
        judges=verified.figures["judges"],
        sampling=recipe.rollout.drawing,
        environments=[recipe.environment.name],
        verification=VerificationCounts.from_json(verified.figures["verification"]),
        replay_sources=[Path(replay).name] if replay else [],
        inputs={"verified": verified.output_digest, **files},
        stand_in=recipe.teacher.base.stand_in,
    )


def _result(spec: StageSpec) -> StageResult:
    result = read_result(spec.upstream["verify"])
    assert result is not None, "an upstream stage has finished"
    return result
