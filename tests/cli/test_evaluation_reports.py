"""``spiritsafe model evaluation``, and what ``promote`` says with and without a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.conftest import Command

COUNTS = {"category": "single", "count": 100, "candidate_exact": 90, "baseline_exact": 12, "gained": 80, "lost": 2}
PROMOTE = ("promote", "tool@1", "commercial/production", "--outbound", "apache-2.0")
JSON = ("--format", "json")


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    file = tmp_path / "held-out" / "figures.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"categories": [COUNTS]}))
    return file


@pytest.fixture
def record(spiritsafe: Command, tmp_path: Path, figures: Path) -> tuple[Any, ...]:
    """The command that records a report on tool@1, which was made from qwen3@1."""
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"no tensors")
    for command in (
        ("model", "create", "qwen3"),
        ("model", "register", "qwen3", weights, "--kind", "base", "--license", "apache-2.0"),
        ("model", "create", "tool"),
        ("model", "register", "tool", weights, "--kind", "full", "--no-license", "--edge", "finetune:qwen3@1"),
        ("dataset", "create", "held-out"),
        ("dataset", "register", "held-out", figures.parent, "--kind", "evaluation", "--no-license"),
    ):
        done = spiritsafe(*command)
        assert done.code == exits.DONE, done.err
    options = ("--baseline", "qwen3@1", "--dataset", "held-out@1", "--file", figures)
    return "model", "evaluation", "record", "tool@1", *options


def test_recorded_listed_and_shown(spiritsafe: Command, record: tuple[Any, ...]) -> None:
    tried = spiritsafe(*record, "--dry-run", *JSON).data
    assert tried["categories"][0]["difference"] == pytest.approx(0.78)
    assert spiritsafe("model", "evaluation", "list", "tool@1", *JSON).data == {"evaluation_reports": []}
    made = spiritsafe(*record, *JSON).data
    assert spiritsafe("model", "evaluation", "list", "tool@1", *JSON).data == {"evaluation_reports": [made]}
    short = f"tool@1/{made['name'].rpartition('/')[2]}"
    for name in (short, made["name"]):
        assert spiritsafe("model", "evaluation", "show", name, *JSON).data == made
    shown = spiritsafe("model", "evaluation", "show", short).out
    for part in (f"evaluation {short}", "on dataset:held-out@1 against qwen3@1", "12 of 100", "+78.0 (+66.8 to +85.0)"):
        assert part in shown
    assert "dataset:held-out@1" in spiritsafe("model", "evaluation", "list", "tool@1").out


def test_what_was_shown_can_be_recorded_again(spiritsafe: Command, record: tuple[Any, ...], figures: Path) -> None:
    made = spiritsafe(*record, *JSON).data
    figures.write_text(json.dumps(made))
    assert spiritsafe(*record, *JSON).data["categories"] == made["categories"]


def test_promotion_asks_for_it_and_shows_it(spiritsafe: Command, record: tuple[Any, ...]) -> None:
    refused = spiritsafe(*PROMOTE)
    assert refused.code == exits.DENIED
    for part in ("fail evaluation", "EVALUATION_MISSING", "spiritsafe model evaluation record tool@1 --baseline"):
        assert part in refused.out
    made = spiritsafe(*record, *JSON).data
    for part in ("fail duties", "DUTY_UNMET", "license bundle tool@1 --context commercial --outbound apache-2.0 --rec"):
        assert part in refused.out
    bundle = ("license", "bundle", "tool@1", "--context", "commercial", "--outbound", "apache-2.0", "--record")
    assert spiritsafe(*bundle).code == exits.DONE
    promoted = spiritsafe(*PROMOTE, "--dry-run")
    assert promoted.code == exits.DONE
    for part in ("pass evaluation", "on dataset:held-out@1 against qwen3@1", "+78.0"):
        assert part in promoted.out
    assert spiritsafe(*PROMOTE, *JSON).data["evaluation_reports"] == [made]


def test_a_file_of_another_form_is_refused(spiritsafe: Command, record: tuple[Any, ...], figures: Path) -> None:
    for text in ("", "[1]", '{"categories": 3}', '{"categories": [{"exact": 3}]}', "\xff"):
        figures.write_text(text, "latin-1")
        done = spiritsafe(*record, *JSON)
        assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "file"), text
    figures.unlink()
    assert spiritsafe(*record, *JSON).code == exits.USAGE


def test_names_and_counts_that_cannot_be(spiritsafe: Command, record: tuple[Any, ...], figures: Path) -> None:
    assert spiritsafe("model", "evaluation", "show", "tool@1", *JSON).code == exits.USAGE
    assert spiritsafe("model", "evaluation", "show", "tool@1/none", *JSON).code == exits.NOT_FOUND
    figures.write_text(json.dumps({"categories": [COUNTS | {"lost": 3}]}))
    done = spiritsafe(*record, *JSON)
    assert (done.code, done.error["reason"]) == (exits.USAGE, "INCONSISTENT_COUNTS")
    assert done.error["remedy"]
