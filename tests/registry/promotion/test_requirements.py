"""What channel policies require, as pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.promotion.freezes import OnceFrozen, weekly
from registry.promotion.outcome import Check, Outcome, outcome_of
from registry.promotion.requirements import Approvals, Decision, EarlierStage, Policy, Standing, required_checks

HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000  # 2027-01-15 08:00 UTC, a Friday
CLEAN = Standing(
    creator="ada",
    promoter="rita",
    at=NOW,
    reports=[{"single": 90.0, "parallel": 80.0}, {"single": 95.0}],
    signed_by=frozenset({"k1"}),
    has_bundle=True,
    decisions=[Decision("bob", True), Decision("eve", True)],
    entered={"staging": NOW - 30 * HOUR},
)
STRICT = Policy(
    name="strict@1",
    channels=["commercial/production"],
    evaluation=True,
    minimums={"single": 90.0, "parallel": 80.0},
    signers=frozenset({"k1", "k2"}),
    bundle=True,
    four_eyes=True,
    approvals=Approvals(2),
    earlier=EarlierStage("staging", 24 * HOUR),
    freezes=[OnceFrozen("year's end", NOW + HOUR, NOW + 2 * HOUR), weekly("weekend", "fri 16:00 - mon 08:00")],
)


def failed(standing: Standing, *policies: Policy) -> dict[str, str]:
    """Reasons by check."""
    return {each.check: each.reason for each in required_checks(policies or [STRICT], standing) if not each.passed}


def outcome(standing: Standing, *policies: Policy) -> Outcome:
    return outcome_of(required_checks(policies or [STRICT], standing))


def test_what_meets_everything_passes() -> None:
    checks = required_checks([STRICT], CLEAN)
    assert [each.check for each in checks] == [
        *("policy_evaluation", "signature", "bundle", "other_promoter", "approvals", "earlier_stage", "freeze")
    ]
    assert outcome_of(checks) is Outcome.PROMOTED
    assert all(each.detail.startswith("strict@1: ") for each in checks)


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"reports": []}, {"policy_evaluation": "EVALUATION_MISSING"}),
        ({"reports": [{"single": 89.9, "parallel": 100.0}]}, {"policy_evaluation": "EVALUATION_TOO_LOW"}),
        ({"reports": [{"single": 99.0}]}, {"policy_evaluation": "EVALUATION_TOO_LOW"}),
        ({"reports": None}, {}),
        ({"signed_by": frozenset({"k3"})}, {"signature": "SIGNATURE_MISSING"}),
        ({"signed_by": frozenset()}, {"signature": "SIGNATURE_MISSING"}),
        ({"has_bundle": False}, {"bundle": "BUNDLE_MISSING"}),
        ({"promoter": "ada"}, {"other_promoter": "FOUR_EYES"}),
        ({"decisions": [Decision("bob", True)]}, {"approvals": "APPROVALS_MISSING"}),
        ({"promoter": "eve"}, {"approvals": "APPROVALS_MISSING"}),
        ({"decisions": [Decision("ada", True), Decision("bob", True)]}, {"approvals": "APPROVALS_MISSING"}),
        ({"decisions": [*CLEAN.decisions, Decision("dan", False)]}, {"approvals": "REJECTED"}),
        ({"decisions": [], "rollback": True}, {}),
        ({"decisions": [Decision("dan", False)], "rollback": True}, {"approvals": "REJECTED"}),
        ({"entered": {}}, {"earlier_stage": "STAGE_SKIPPED"}),
        ({"entered": {"staging": NOW - 23 * HOUR}}, {"earlier_stage": "SOAKING"}),
        ({"at": NOW + HOUR}, {"freeze": "FROZEN"}),
        ({"at": NOW + 8 * HOUR}, {"freeze": "FROZEN"}),
        ({"at": NOW + 8 * HOUR, "break_glass": "outage"}, {}),
    ],
)
def test_each_requirement_decides_alone(changes: dict[str, Any], failing: dict[str, str]) -> None:
    standing = replace(CLEAN, **changes)
    assert failed(standing) == failing
    alone = [each for each in required_checks([STRICT], standing) if not each.passed]
    assert all(each.remedy for each in alone)
    waits = {"approvals": "APPROVALS_MISSING"}
    expected = Outcome.AWAITING_APPROVAL if failing == waits else Outcome.DENIED if failing else Outcome.PROMOTED
    assert outcome(standing) is expected


def test_named_approvers_are_the_only_ones_that_count() -> None:
    policy = replace(STRICT, approvals=Approvals(1, frozenset({"zoe"})))
    assert failed(CLEAN, policy) == {"approvals": "APPROVALS_MISSING"}
    # Others cannot stand in the way either.
    decisions = [Decision("zoe", True), Decision("bob", False)]
    assert failed(replace(CLEAN, decisions=decisions), policy) == {}


def test_reviews_come_before_approvals() -> None:
    review = Check("verdict", False, "", awaits=Outcome.AWAITING_REVIEW)
    approval = Check("approvals", False, "", awaits=Outcome.AWAITING_APPROVAL)
    assert outcome_of([review, approval]) is Outcome.AWAITING_REVIEW
    assert outcome_of([approval]) is Outcome.AWAITING_APPROVAL
    assert outcome_of([approval, Check("bundle", False, "")]) is Outcome.DENIED
    assert outcome_of([Check("ready", True, "")]) is Outcome.PROMOTED


@pytest.mark.parametrize(
    ("channels", "models", "matches"),
    [
        (["commercial/production"], [], True),
        (["commercial/*"], [], True),
        (["*/production"], [], True),
        (["*/*"], [], True),
        (["commercial/staging", "research/*"], [], False),
        (["*/*"], ["tool"], True),
        (["*/*"], ["to*"], True),
        (["*/*"], ["too"], False),
    ],
)
def test_patterns(channels: list[str], models: list[str], matches: bool) -> None:
    assert Policy("p@1", channels, models).matches("tool", "commercial", "production") is matches


_PEOPLE = st.sampled_from(["ada", "rita", "bob", "eve", "dan"])
_STANDINGS = st.builds(
    replace,
    st.just(CLEAN),
    at=st.integers(NOW - 100 * HOUR, NOW + 100 * HOUR),
    reports=st.none() | st.lists(st.dictionaries(st.sampled_from(["single", "parallel"]), st.floats(0, 100))),
    signed_by=st.frozensets(st.sampled_from(["k1", "k3"])),
    has_bundle=st.booleans(),
    promoter=_PEOPLE,
    decisions=st.dictionaries(_PEOPLE, st.booleans()).map(lambda each: [Decision(*item) for item in each.items()]),
    entered=st.dictionaries(st.sampled_from(["staging", "canary"]), st.integers(NOW - 100 * HOUR, NOW)),
)
_POLICIES = st.builds(
    replace,
    st.just(STRICT),
    minimums=st.dictionaries(st.sampled_from(["single", "parallel"]), st.floats(0, 100)),
    signers=st.frozensets(st.sampled_from(["k1", "k2"])),
    bundle=st.booleans(),
    four_eyes=st.booleans(),
    approvals=st.none() | st.builds(Approvals, st.integers(1, 3), st.frozensets(_PEOPLE, max_size=2)),
    earlier=st.none() | st.builds(EarlierStage, st.just("staging"), st.integers(0, 100 * HOUR)),
)


@given(_STANDINGS, _POLICIES, _POLICIES)
def test_another_policy_never_lets_more_pass(standing: Standing, one: Policy, other: Policy) -> None:
    if outcome(standing, one) is not Outcome.PROMOTED:
        assert outcome(standing, one, other) is not Outcome.PROMOTED


@given(_STANDINGS, _POLICIES, _PEOPLE)
def test_another_approval_never_stops_a_release(standing: Standing, policy: Policy, person: str) -> None:
    others = [each for each in standing.decisions if each.approver != person]
    approved = replace(standing, decisions=[*others, Decision(person, True)])
    if outcome(standing, policy) is Outcome.PROMOTED:
        assert outcome(approved, policy) is Outcome.PROMOTED


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("window", "at", "until"),
    [
        ("fri 16:00 - mon 08:00", "2026-11-27T15:59:59", None),
        ("fri 16:00 - mon 08:00", "2026-11-27T16:00:00", "2026-11-30T08:00:00"),
        ("fri 16:00 - mon 08:00", "2026-11-29T23:59:59", "2026-11-30T08:00:00"),
        ("fri 16:00 - mon 08:00", "2026-11-30T07:59:30", "2026-11-30T08:00:00"),
        ("fri 16:00 - mon 08:00", "2026-11-30T08:00:00", None),
        ("tue 01:30 - tue 02:00", "2026-11-24T01:45:10", "2026-11-24T02:00:00"),
        ("tue 02:00 - tue 01:30", "2026-11-24T01:45:10", None),
        ("tue 02:00 - tue 01:30", "2026-11-24T02:00:00", "2026-12-01T01:30:00"),
    ],
)
def test_weekly_windows(window: str, at: str, until: str | None) -> None:
    assert weekly("", window).until(micros(at)) == (micros(until) if until else None)


@pytest.mark.parametrize(
    "text", ["", "fri - mon", "fri 24:00 - mon 08:00", "mon 08:00 - mon 08:00", "fre 16:00 - mon 08:00"]
)
def test_other_windows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not of the form|begins where it ends"):
        weekly("", text)


def test_a_single_window_holds_its_beginning_and_not_its_end() -> None:
    window = OnceFrozen("", 10, 20)
    covers: Callable[[int], bool] = lambda at: window.until(at) is not None  # noqa: E731 - one line
    assert [covers(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
