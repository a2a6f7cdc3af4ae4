"""What a stage's process is told, and what it leaves behind. Both are small JSON files; data stays in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from distill.recipe import BASE_OF, Checkpoint, Recipe, Stage, digest, from_json, to_json
from distill.runs import layout
from distill.runs.checkpoints import Source
from spiritsafe.publish import folder_manifest

# Of the figures, what is no part of the output: a resumed training makes what an undisturbed one makes.
ATTEMPT = "attempt"


class Report(Protocol):
    """Tells how far a stage is. ``loss`` in nats per supervised token, ``eta_seconds`` to the end of the stage."""

    def __call__(
        self, done: int, total: int, *, loss: float | None = None, eta_seconds: float | None = None, message: str = ""
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage as one run wants it. ``upstream`` names the folders of the stages whose output it reads."""

    run: str
    stage: Stage
    folder: Path
    input_digest: str
    recipe: Recipe
    sources: Mapping[str, Source]
    upstream: Mapping[str, Path]

    @property
    def base(self) -> Checkpoint | None:
        """The weights that the stage starts from, if it loads any."""
        bases = {"teacher": self.recipe.teacher.base, "student": self.recipe.student.base}
        return bases[BASE_OF[self.stage]] if self.stage in BASE_OF else None

    @property
    def output(self) -> Path:
        """Where the stage's files go."""
        return self.folder / layout.OUTPUT

    def upstream_output(self, stage: Stage) -> Path:
        """Where an earlier stage's files are."""
        return self.upstream[stage] / layout.OUTPUT

    def write(self) -> Path:
        """Writes ``spec.json`` into the folder and returns its path."""
        values = {
            "run": self.run,
            "stage": self.stage,
            "input_digest": self.input_digest,
            "recipe": to_json(self.recipe),
            "sources": {name: asdict(source) for name, source in self.sources.items()},
            "upstream": {name: str(folder) for name, folder in self.upstream.items()},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / layout.SPEC
        write_json(path, values)
        return path

    @classmethod
    def read(cls, path: Path) -> StageSpec:
        """Reads what ``write`` wrote."""
        values = json.loads(path.read_text())
        return cls(
            run=values["run"],
            stage=values["stage"],
            folder=path.parent,
            input_digest=values["input_digest"],
            recipe=from_json(values["recipe"]),
            sources={name: Source(**source) for name, source in values["sources"].items()},
            upstream={name: Path(folder) for name, folder in values["upstream"].items()},
        )


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a finished stage left: the digest of its output, figures for the run, and its wall-clock seconds.

    ``run`` made it. ``figures`` may hold, under ``attempt``, what only tells how the making went; all others are
    output, like the files.
    """

    run: str
    input_digest: str
    output_digest: str
    figures: Mapping[str, Any]
    seconds: float


def read_result(folder: Path) -> StageResult | None:
    """The result in a stage's folder; None when the stage has not finished, or its files are no longer all there."""
    try:
        values = json.loads((folder / layout.RESULT).read_text())
    except FileNotFoundError:
        return None
    output = folder / layout.OUTPUT
    whole = all(_has_size(output / path, size) for path, size, _ in values.pop("files"))
    return StageResult(**values) if whole else None


def write_result(spec: StageSpec, figures: Mapping[str, Any], seconds: float) -> StageResult:
    """Writes ``result.json``: the last thing that a stage does, and all or nothing."""
    spec.output.mkdir(exist_ok=True)
    listed = folder_manifest(spec.output) if any(spec.output.rglob("*")) else []
    files = [[one.path, one.size_bytes, one.sha256] for one in listed]
    output = {"files": files, "figures": {name: value for name, value in figures.items() if name != ATTEMPT}}
    result = StageResult(spec.run, spec.input_digest, digest(output), figures, seconds)
    write_json(spec.folder / layout.RESULT, {**asdict(result), "files": files})
    return result


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replaces ``path`` in one step, so that a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w") as file:
        json.dump(values, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
