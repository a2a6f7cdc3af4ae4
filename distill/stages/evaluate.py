"""Scores untouched and tuned student on held-out scenarios: greedy, unconstrained, exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from distill.evaluation.pairing import pair
from distill.evaluation.scoring import CategoryScore, ScoreReport, score
from distill.rollouts.play import play
from distill.stages.inputs import ADAPTER, family_of, heldout_scenarios, responder
from distill.stages.spec import Report, StageSpec, write_json
from distill.trajectories.rows import write_rows

if TYPE_CHECKING:
    from distill.inference.generate import LoadedModel

DATASET = "dataset"
ROWS = "scenarios.jsonl"


def run(spec: StageSpec, report: Report) -> dict[str, Any]:
    """Writes ``dataset/scenarios.jsonl`` and each subject's episodes; the scores are the run's.

    ``paired`` compares the tuned student with the untouched one, scenario by scenario.
    """
    (spec.output / DATASET).mkdir()
    write_rows(spec.output / DATASET / ROWS, (one.to_json() for one in heldout_scenarios(spec.recipe)))
    scores, reports = score_subjects(spec, _subjects(spec), 2, report)
    paired = pair(heldout_scenarios(spec.recipe), reports["student"], reports["untouched_student"])
    return {"run": {"scores": scores}, "paired": [asdict(one) for one in paired]}


def score_subjects(
    spec: StageSpec, subjects: Iterable[tuple[str, LoadedModel]], count: int, report: Report
) -> tuple[list[dict[str, Any]], dict[str, ScoreReport]]:
    """Writes episodes and scores of each of ``count`` subjects, which are loaded one after the other; gives the scores.

    ``scores-SUBJECT.json`` says besides why episodes were not exact.
    """
    scenarios = heldout_scenarios(spec.recipe)
    reports: dict[str, ScoreReport] = {}
    for number, (subject, model) in enumerate(subjects):

        def on_progress(done: int, total: int, before: int = number, subject: str = subject) -> None:
            report(before * total + done, count * total, message=subject)

        with responder(model) as respond:
            episodes = play(scenarios, model.family, respond, on_progress=on_progress)
        write_rows(spec.output / f"answers-{subject}.jsonl", (episode.to_json() for episode in episodes))
        reports[subject] = score(episodes)
        write_json(spec.output / f"scores-{subject}.json", reports[subject].to_json())
    scores = [
        _score(subject, category, result)
        for subject, found in reports.items()
        for category, result in found.categories.items()
    ]
    return scores, reports


def _subjects(spec: StageSpec) -> Iterator[tuple[str, LoadedModel]]:
    """Each subject ready to answer; the base is loaded once for both."""
    from distill.inference.generate import load, with_adapter

    untouched = load(spec.sources["student"].path, None, family_of(spec, "student"))
    yield "untouched_student", untouched
    yield "student", with_adapter(untouched, spec.upstream_output("train_student") / ADAPTER)


def _score(subject: str, category: str, result: CategoryScore) -> dict[str, Any]:
    low, high = result.interval
    return {
        "subject": subject,
        "category": category,
        "count": result.count,
        "exact": result.exact,
        "low": low,
        "high": high,
    }
