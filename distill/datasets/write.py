"""Writes a curated dataset as a folder, and says what of it is to be registered.

    data/train-00000-of-00001.jsonl   rows, canonical form
    curation.json                     settings and counts by step and reason
    statistics.json                   figures of the rows
    plots/*.png, plots/*.svg
    README.md                         the card
    manifest.json                     every other file with size and SHA-256, inputs and settings; written last

The same rows, reports and description give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.curation.curate import Curated
from distill.datasets.card import render_dataset_card
from distill.datasets.charts import Chart, charts_of
from distill.datasets.description import Description
from distill.datasets.plots import draw_all
from distill.recipe import digest
from distill.trajectories.jsonl import write_trajectories
from distill.trajectories.statistics import Statistics, statistics_of
from distill.trajectories.types import JsonValue, Trajectory
from spiritsafe.errors import DataLoss, FailedPrecondition
from spiritsafe.publish import folder_manifest

DATA, PLOTS = "data", "plots"
MANIFEST, CARD, STATISTICS, CURATION = "manifest.json", "README.md", "statistics.json", "curation.json"
_SHARD_ROWS = 100_000
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A file of a dataset; ``path`` has forward slashes and begins at the folder."""

    path: str
    size: int
    sha256: str

    def to_json(self) -> dict[str, JsonValue]:
        """As an entry of the manifest."""
        return {"path": self.path, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Registration:
    """What of a dataset is to be registered.

    Attributes:
        files: rows, card, statistics, curation and manifest. Plots are not among them: the registry takes no images.
        card: the text of README.md.
        statistics: what statistics.json holds.
        content_sha256: digest of the rows' files alone: the same rows have the same one, whatever their card says.
    """

    files: tuple[DatasetFile, ...]
    card: str
    statistics: Mapping[str, Any]
    content_sha256: str


def write_dataset(
    folder: Path, curated: Curated, description: Description, shard_rows: int = _SHARD_ROWS
) -> Registration:
    """Writes everything into ``folder``, which must be empty or new.

    Raises:
        FailedPrecondition: the folder holds something, or no row was kept.
    """
    _check(folder, curated)
    _write_shards(folder / DATA, curated.kept, shard_rows)
    statistics = statistics_of(curated.kept)
    charts = charts_of(statistics, curated.report, description.verification)
    (folder / PLOTS).mkdir()
    draw_all(charts, folder / PLOTS)
    # Examples quote evaluations, which must not be published with training data.
    _write_json(folder / CURATION, curated.report.to_json(examples=False))
    _write_json(folder / STATISTICS, _figures(statistics, curated, description))
    (folder / CARD).write_text(_card(folder, curated, description, statistics, charts), "utf-8")
    _write_json(folder / MANIFEST, _manifest(folder, curated, description))
    return registration(folder)


def registration(folder: Path) -> Registration:
    """What of a written dataset is to be registered.

    Raises:
        FailedPrecondition: the folder has no manifest, so writing it never ended.
        DataLoss: a file is not as the manifest says.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError as error:
        raise FailedPrecondition(
            f"{folder} has no {MANIFEST}",
            reason="DATASET_UNFINISHED",
            remedy="write the dataset again, into an empty folder",
        ) from error
    files = _files(folder)
    told = [DatasetFile(**one) for one in manifest["files"]]
    if told != [one for one in files if one.path != MANIFEST]:
        raise DataLoss(
            f"the files of {folder} are not those of its {MANIFEST}",
            reason="DATASET_CHANGED",
            remedy="write the dataset again, into an empty folder",
        )
    return Registration(
        tuple(one for one in files if not one.path.startswith(f"{PLOTS}/")),
        (folder / CARD).read_text("utf-8"),
        json.loads((folder / STATISTICS).read_text("utf-8")),
        manifest["content_sha256"],
    )


def _check(folder: Path, curated: Curated) -> None:
    if not curated.kept:
        raise FailedPrecondition(
            f"all {curated.report.rows_in} rows were left out",
            reason="DATASET_EMPTY",
            remedy="read the reasons in the curation report, and ask for less or bring more rows",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FailedPrecondition(
            f"{folder} is not empty", reason="FOLDER_NOT_EMPTY", remedy="name a new folder for the dataset"
        )


def _write_shards(folder: Path, rows: Sequence[Trajectory], shard_rows: int) -> None:
    folder.mkdir()
    count = math.ceil(len(rows) / shard_rows)
    for number in range(count):
        path = folder / f"train-{number:05}-of-{count:05}.jsonl"
        write_trajectories(path, rows[number * shard_rows : (number + 1) * shard_rows])


def _figures(statistics: Statistics, curated: Curated, description: Description) -> dict[str, JsonValue]:
    verification = description.verification
    return {
        **statistics.to_json(),
        "replayed": curated.replayed,
        "verification": verification.to_json() if verification else None,
    }


def _card(
    folder: Path, curated: Curated, description: Description, statistics: Statistics, charts: Sequence[Chart]
) -> str:
    paths = sorted(path.name for path in folder.iterdir())
    return render_dataset_card(description, statistics, curated.report, curated.replayed, charts, paths)


def _manifest(folder: Path, curated: Curated, description: Description) -> dict[str, JsonValue]:
    files = _files(folder)
    data = [one.to_json() for one in files if one.path.startswith(f"{DATA}/")]
    return {
        "format": _FORMAT,
        "title": description.title,
        "rows": len(curated.kept),
        "replayed": curated.replayed,
        "content_sha256": digest({"files": data}),
        "inputs": dict(sorted(description.inputs.items())),
        "settings": curated.report.settings.to_json(),
        "files": [one.to_json() for one in files],
    }


def _files(folder: Path) -> list[DatasetFile]:
    return [DatasetFile(one.path, one.size_bytes, one.sha256) for one in folder_manifest(folder)]


def _write_json(path: Path, value: Mapping[str, JsonValue]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
