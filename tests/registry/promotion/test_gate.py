"""The gate as a pure function: which failures are for good, and which wait for people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licensing import Verdict
from registry.promotion.gate import DutyFacts, GateFacts, Inventory, OpenDuty, OpenReason, Outcome, run_gate

CLEAN = GateFacts(
    version="student@1",
    kind="full",
    context="commercial",
    ready=True,
    inventory=Inventory(3, ()),
    outbound="openrail-m",
    outbound_known=True,
    stand_ins=(),
    demo=False,
    verdict=Verdict.ALLOWED,
    reasons=(),
    creator="ada",
    approvers=(),
    evaluations=("dataset:held-out@1 against base@1",),
    duties=DutyFacts(3, ()),
)
LIFTABLE = OpenReason("NC_OUTPUT_REACH_CONTESTED", liftable=True)
FIRM = OpenReason("UNKNOWN_LICENSE", liftable=False)
CONTESTED: dict[str, Any] = {"verdict": Verdict.NEEDS_REVIEW, "reasons": (LIFTABLE,)}
CHECKS = [
    "ready",
    "integrity",
    "outbound_license",
    "stand_in",
    "verdict",
    "four_eyes",
    "evaluation",
    "duties",
    "recall",
]
UNEVALUATED: dict[str, Any] = {"evaluations": ()}
TO_ATTEST = OpenDuty("AUP:llama3.2", "for a named person to attest", "spiritsafe license attest")
TO_FILE = OpenDuty("NOTICE_FILE:llama3.2", "no bundle is recorded", "spiritsafe license bundle")
UNMET: dict[str, Any] = {"duties": DutyFacts(1, (TO_ATTEST, TO_FILE))}


def failed(facts: GateFacts) -> list[str]:
    return [check.check for check in run_gate(facts)[1] if not check.passed]


@pytest.mark.parametrize(
    ("changes", "outcome", "failing"),
    [
        ({}, Outcome.PROMOTED, []),
        ({"verdict": Verdict.ALLOWED_WITH_OBLIGATIONS}, Outcome.PROMOTED, []),
        ({"outbound": ""}, Outcome.PROMOTED, []),
        ({"outbound": "house", "outbound_known": False}, Outcome.PROMOTED, []),
        ({"stand_ins": ("tiny@1",), "demo": True}, Outcome.PROMOTED, []),
        ({"approvers": ("rob",)}, Outcome.PROMOTED, []),
        (CONTESTED, Outcome.AWAITING_REVIEW, ["verdict"]),
        (CONTESTED | {"reasons": (LIFTABLE, FIRM)}, Outcome.DENIED, ["verdict"]),
        (CONTESTED | {"inventory": Inventory(3, ("a",))}, Outcome.DENIED, ["integrity", "verdict"]),
        (CONTESTED | {"stand_ins": ("tiny@1",)}, Outcome.DENIED, ["stand_in", "verdict"]),
        ({"verdict": Verdict.DENIED, "reasons": (LIFTABLE, FIRM)}, Outcome.DENIED, ["verdict"]),
        # A verdict of denied stays denied even if every reason shown were liftable.
        ({"verdict": Verdict.DENIED, "reasons": (LIFTABLE,)}, Outcome.DENIED, ["verdict"]),
        ({"ready": False, "verdict": None, "duties": None}, Outcome.DENIED, ["ready", "verdict", "duties"]),
        ({"inventory": Inventory(3, ("model.safetensors",))}, Outcome.DENIED, ["integrity"]),
        ({"inventory": Inventory(0, ())}, Outcome.DENIED, ["integrity"]),
        ({"stand_ins": ("tiny@1",)}, Outcome.DENIED, ["stand_in"]),
        ({"approvers": ("rob", "ada")}, Outcome.DENIED, ["four_eyes"]),
        (UNEVALUATED, Outcome.DENIED, ["evaluation"]),
        # Both things that are missing are shown, and no review replaces an evaluation.
        (UNEVALUATED | CONTESTED, Outcome.DENIED, ["verdict", "evaluation"]),
        (UNEVALUATED | {"verdict": Verdict.DENIED, "reasons": (FIRM,)}, Outcome.DENIED, ["verdict", "evaluation"]),
        (UNEVALUATED | {"kind": "adapter"}, Outcome.DENIED, ["evaluation"]),
        (UNEVALUATED | {"kind": "quantized"}, Outcome.DENIED, ["evaluation"]),
        (UNEVALUATED | {"kind": "base"}, Outcome.PROMOTED, []),
        (UNEVALUATED | {"kind": "trajectories"}, Outcome.PROMOTED, []),
        *[(UNEVALUATED | {"context": each}, Outcome.PROMOTED, []) for each in ("research", "education", "internal")],
        (UNMET, Outcome.DENIED, ["duties"]),
        # No review replaces a duty either.
        (UNMET | CONTESTED, Outcome.DENIED, ["verdict", "duties"]),
        (UNMET | {"kind": "base"}, Outcome.DENIED, ["duties"]),
        *[(UNMET | {"context": each}, Outcome.PROMOTED, []) for each in ("research", "education", "internal")],
    ],
)
def test_outcome_follows_from_the_failing_checks(changes: dict[str, Any], outcome: Outcome, failing: list[str]) -> None:
    facts = replace(CLEAN, **changes)
    assert run_gate(facts)[0] is outcome
    assert failed(facts) == failing


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"outbound": "house", "outbound_known": False}, "outbound_license", "no profile"),
        ({"inventory": Inventory(9, tuple("abcdefg"))}, "integrity", "a, b, c, d, e and 2 more"),
        ({"stand_ins": ("tiny@1",)}, "stand_in", "tiny@1"),
        ({"approvers": ("rob",)}, "four_eyes", "registered by ada, approved by rob"),
        (CONTESTED, "verdict", "needs_review: NC_OUTPUT_REACH_CONTESTED"),
        ({}, "evaluation", "dataset:held-out@1 against base@1"),
        ({}, "duties", "all 3 are met or attested"),
        (UNMET, "duties", "AUP:llama3.2: for a named person to attest; NOTICE_FILE:llama3.2: no bundle is recorded"),
    ],
)
def test_checks_say_what_they_found(changes: dict[str, Any], check: str, words: str) -> None:
    details = {each.check: each.detail for each in run_gate(replace(CLEAN, **changes))[1]}
    assert words in details[check]


@pytest.mark.parametrize(
    ("changes", "check", "reason", "remedy"),
    [
        ({"ready": False}, "ready", "VERSION_NOT_READY", "finalize"),
        ({"inventory": Inventory(0, ())}, "integrity", "NO_FILES", "with its files"),
        ({"inventory": Inventory(3, ("a",))}, "integrity", "FILES_MISSING", "upload"),
        ({"stand_ins": ("tiny@1",)}, "stand_in", "STAND_IN", "real weights"),
        ({"approvers": ("ada",)}, "four_eyes", "FOUR_EYES", "somebody else"),
        (UNEVALUATED, "evaluation", "EVALUATION_MISSING", "spiritsafe model evaluation record student@1 --baseline"),
        (UNMET, "duties", "DUTY_UNMET", "spiritsafe license attest; spiritsafe license bundle"),
        ({"duties": None}, "duties", "VERSION_NOT_READY", "finalize"),
        (CONTESTED, "verdict", "", "reviewed"),
        ({"verdict": Verdict.DENIED, "reasons": (FIRM,)}, "verdict", "", "remedy of each reason"),
    ],
)
def test_failures_have_a_code_and_a_remedy(changes: dict[str, Any], check: str, reason: str, remedy: str) -> None:
    checks = {each.check: each for each in run_gate(replace(CLEAN, **changes))[1]}
    assert checks[check].reason == reason
    assert remedy in checks[check].remedy
    assert all(not each.reason and not each.remedy for each in checks.values() if each.passed)


FACTS = st.builds(
    GateFacts,
    version=st.just("student@1"),
    kind=st.sampled_from(["base", "adapter", "full", "quantized", "trajectories"]),
    context=st.sampled_from(["research", "commercial"]),
    ready=st.booleans(),
    inventory=st.builds(Inventory, st.integers(0, 2), st.lists(st.just("a"), max_size=1)),
    outbound=st.sampled_from(["", "mit"]),
    outbound_known=st.booleans(),
    stand_ins=st.lists(st.just("tiny@1"), max_size=1),
    demo=st.booleans(),
    verdict=st.sampled_from([None, *Verdict]),
    reasons=st.lists(st.sampled_from([LIFTABLE, FIRM]), max_size=2),
    creator=st.just("ada"),
    approvers=st.lists(st.sampled_from(["ada", "rob"]), max_size=2),
    evaluations=st.lists(st.just("dataset:held-out@1 against base@1"), max_size=1),
    duties=st.sampled_from([None, DutyFacts(1, ()), DutyFacts(0, (TO_ATTEST,))]),
)


@given(FACTS)
def test_promotion_is_the_conjunction_of_all_checks(facts: GateFacts) -> None:
    outcome, checks = run_gate(facts)
    assert [check.check for check in checks] == CHECKS
    assert (outcome is Outcome.PROMOTED) == all(check.passed for check in checks)
    if outcome is Outcome.AWAITING_REVIEW:
        assert failed(facts) == ["verdict"]
        assert all(reason.liftable for reason in facts.reasons)
