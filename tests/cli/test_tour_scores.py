"""What of the demo is pure: which students it tells of, its bars, and what its JSON says of a run."""

from __future__ import annotations

import pytest

from cli.tour import distillation, scores
from cli.tour.scores import CATEGORIES, SUBJECTS, Bar, BarsMissed
from cli.tour.students import STUDENTS, read_students
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import InvalidArgument

# Exact scenarios of 100 that just reach every bar.
REACHED = {
    "untouched_student": dict.fromkeys(CATEGORIES, 20) | {"no_call": 100},
    "student": dict.fromkeys(CATEGORIES, 60) | {"single": 80, "no_call": 80},
    "teacher": dict.fromkeys(CATEGORIES, 75) | {"single": 90, "no_call": 90},
}


def scored(subject: str, category: str, exact: int) -> run_pb2.Score:
    return run_pb2.Score(subject=subject, category=category, count=100, exact=exact, low=0.5, high=0.75)


def found(*changed: run_pb2.Score) -> list[run_pb2.Score]:
    """Scores that reach every bar, the teacher's first and categories backwards; ``changed`` replace some."""
    replaced = {(one.subject, one.category): one for one in changed}
    return [
        replaced.get((subject, category)) or scored(subject, category, REACHED[subject][category])
        for subject in reversed(SUBJECTS)
        for category in reversed(CATEGORIES)
    ]


class TestStudents:
    def test_all_are_three_families_in_the_order_of_the_story(self) -> None:
        assert [one.family for one in read_students("all")] == ["qwen3", "gemma4", "llama3"]
        assert read_students("llama3,all") == read_students("all")

    def test_a_list_keeps_its_order_and_names_each_once(self) -> None:
        assert read_students(" llama3, qwen3,llama3,") == [STUDENTS["llama3"], STUDENTS["qwen3"]]

    @pytest.mark.parametrize("text", ["gpt", "qwen3,gpt", "", ","])
    def test_others_are_refused_with_the_known_ones(self, text: str) -> None:
        with pytest.raises(InvalidArgument) as caught:
            read_students(text)
        assert caught.value.remedy == "choose from all, qwen3, gemma4, llama3"

    @pytest.mark.parametrize("family", STUDENTS)
    def test_runs_differ_in_the_student_alone(self, family: str) -> None:
        student, recipe = STUDENTS[family], distillation.recipe(STUDENTS[family])
        assert (recipe.student.base.stand_in, recipe.student.base.catalog_entry) == (family, student.base)
        assert recipe.student.display_name == f"acme/support-{family}"
        first = distillation.recipe(STUDENTS["qwen3"])
        for each in (recipe, first):
            each.ClearField("student")
        assert recipe == first


class TestBars:
    @pytest.mark.parametrize(
        ("subject", "category", "expected"),
        [
            ("untouched_student", "single", Bar(0.0, 0.2)),
            ("untouched_student", "missing_parameter", Bar(0.0, 0.2)),
            ("untouched_student", "no_call", Bar(0.0, 1.0)),
            ("student", "no_call", Bar(0.8, 1.0)),
            ("student", "recovery", Bar(0.6, 1.0)),
            ("teacher", "single", Bar(0.9, 1.0)),
            ("teacher", "reasoning", Bar(0.0, 1.0)),
        ],
    )
    def test_by_subject_and_category(self, subject: str, category: str, expected: Bar) -> None:
        assert scores.bar(subject, category) == expected

    def test_reached_with_both_ends_included(self) -> None:
        assert scores.missed(found(), "qwen3") == []

    def test_every_missed_one_is_named_in_the_order_of_the_table(self) -> None:
        changed = found(
            scored("teacher", "parallel", 74),
            scored("student", "single", 79),
            scored("untouched_student", "recovery", 21),
        )
        assert scores.missed(changed, "gemma4") == [
            "gemma4 untouched student, recovery: 21.0% exact, should be at most 20%",
            "gemma4 student, single: 79.0% exact, should be at least 80%",
            "teacher, parallel: 74.0% exact, should be at least 75%",
        ]

    def test_a_category_that_nobody_scored_is_missed(self) -> None:
        without = [one for one in found() if (one.subject, one.category) != ("teacher", "reasoning")]
        assert scores.missed(without, "qwen3") == ["teacher, reasoning: not scored"]
        empty = run_pb2.Score(subject="teacher", category="reasoning")
        assert scores.missed([*without, empty], "qwen3") == ["teacher, reasoning: not scored"]

    def test_the_error_names_all_of_them(self) -> None:
        scores.require_none([])
        with pytest.raises(BarsMissed, match=r"2 scores are not .*: a; b") as caught:
            scores.require_none(["a", "b"])
        assert caught.value.reason == "BARS_MISSED"


def test_the_table_has_the_story_s_order() -> None:
    rows = scores.rows(found())
    assert [row["category"] for row in rows] == list(CATEGORIES)
    assert rows[0]["student"] == "80 of 100 (50% to 75%)"


def test_the_json_of_a_run() -> None:
    stages = [run_pb2.Stage(name="rollout", seconds=12.34, reused=True), run_pb2.Stage(name="merge", seconds=1.0)]
    without = [one for one in found() if (one.subject, one.category) != ("teacher", "reasoning")]
    summary = distillation.summary(run_pb2.Run(scores=without, stages=stages, stand_in=True))
    assert list(summary["categories"]) == list(CATEGORIES)
    assert summary["categories"]["single"] == {"before": 0.2, "after": 0.8, "teacher": 0.9}
    assert summary["categories"]["reasoning"] == {"before": 0.2, "after": 0.6, "teacher": None}
    assert (summary["stand_in"], summary["seconds"]) == (True, {"rollout": 12.3, "merge": 1.0})
    assert summary["reused"] == ["rollout"]
