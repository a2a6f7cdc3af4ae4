"""What the evaluating stages share: a model plays the held-out scenarios, greedily and unconstrained, and is scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.environments.base import Scenario
from distill.evaluation.scoring import ScoreReport, score
from distill.rollouts.episode import Episode
from distill.rollouts.play import play
from distill.stages.inputs import heldout_scenarios, responder
from distill.stages.spec import Report, StageSpec, write_json
from distill.trajectories.rows import write_rows

if TYPE_CHECKING:
    from distill.inference.generate import LoadedModel


def score_subject(spec: StageSpec, subject: str, model: LoadedModel, report: Report) -> ScoreReport:
    """Writes the subject's episodes, and ``scores-SUBJECT.json``: why episodes were not exact."""
    with responder(model) as respond:
        episodes = play(
            heldout_scenarios(spec.recipe),
            model.family,
            respond,
            on_progress=partial(report, message=subject),
            setup=spec.recipe.environment.setup,
        )
    write_rows(_answers(spec.output, subject), (episode.to_json() for episode in episodes))
    found = score(episodes, setup=spec.recipe.environment.setup)
    write_json(spec.output / f"scores-{subject}.json", found.to_json())
    return found


def score_again(spec: StageSpec, subject: str, folder: Path) -> ScoreReport:
    """The scores of the episodes that ``score_subject`` wrote into another stage's output."""
    episodes = read_episodes(_answers(folder, subject), heldout_scenarios(spec.recipe))
    return score(episodes, setup=spec.recipe.environment.setup)


def read_episodes(path: Path, scenarios: Sequence[Scenario], samples: int = 1) -> list[Episode]:
    """The episodes of a file, in the order of their scenarios, with so many samples of each."""
    with path.open(encoding="utf-8") as lines:
        rows = {(row["scenario"], row["sample"]): row for row in map(json.loads, lines)}
    return [
        Episode.from_json(rows[scenario.id, sample], scenario) for scenario in scenarios for sample in range(samples)
    ]


def run_scores(subject: str, report: ScoreReport) -> dict[str, Any]:
    """The figures of a report as fields of the run."""
    return {"scores": list(_scores(subject, report))}


def _scores(subject: str, report: ScoreReport) -> Iterator[dict[str, Any]]:
    for category, result in report.categories.items():
        low, high = result.interval
        yield {
            "subject": subject,
            "category": category,
            "count": result.count,
            "exact": result.exact,
            "low": low,
            "high": high,
        }


def _answers(folder: Path, subject: str) -> Path:
    return folder / f"answers-{subject}.jsonl"
