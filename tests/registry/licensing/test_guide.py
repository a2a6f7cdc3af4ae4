"""The guide for reviewers names every code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.licensing import Context, EdgeType, Policy, ReasonCode, Verdict
from registry.licensing.profiles import CONFIDENCES
from registry.licensing.scenario import FACTS
from registry.licensing.verdict import RECORDED_APPROVAL
from registry.licensing.vocabulary import LIFTABLE_CODES, ReachKey, TermCode

GUIDE = (Path(__file__).parents[3] / "docs/licensing/README.md").read_text("utf-8")
ROWS = {row[0]: row for row in re.findall(r"^\| `([A-Z_]+)` \|(.+?)\|(.+?)\|(.+?)\|$", GUIDE, re.MULTILINE)}
NAMED = set(re.findall(r"`([A-Za-z_]+)`", GUIDE))


@pytest.mark.parametrize(
    "words", [ReasonCode, TermCode, Context, Verdict, ReachKey, EdgeType], ids=lambda e: e.__name__
)
def test_every_word_of_the_vocabulary_is_named(words: type[ReasonCode]) -> None:
    assert {word.value for word in words} <= NAMED


def test_every_setting_fact_and_confidence_is_named() -> None:
    assert {*Policy().to_mapping(), *FACTS - {"policy", "outbound_license"}, *CONFIDENCES[:-1]} <= NAMED
    assert RECORDED_APPROVAL in NAMED


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_has_meaning_remedy_and_whether_a_review_lifts_it(code: ReasonCode) -> None:
    _, meaning, remedy, lifted = (cell.strip() for cell in ROWS[code.value])
    assert meaning
    assert remedy
    assert lifted.startswith("no") is (code not in LIFTABLE_CODES)
