"""The gate: a conjunction of checks over facts that somebody else gathered. Pure.

An attempt is *denied* when a check fails for good, *awaiting review* when the only failing check is the verdict and
each of its open reasons can be lifted by a review, and *promoted* when all checks pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.licensing import Verdict


class Outcome(StrEnum):
    """The state in which an attempt ends; the names are those of PromotionState."""

    PROMOTED = "promoted"
    AWAITING_REVIEW = "awaiting_review"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of the gate and what was found. ``curable`` marks a failure that reviews alone can lift."""

    check: str
    passed: bool
    detail: str
    curable: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many files a version has, and the paths of those whose content the store lacks."""

    files: int
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class OpenReason:
    """A reason of a verdict, as far as the gate looks at it."""

    code: str
    liftable: bool


@dataclass(frozen=True, slots=True)
class GateFacts:
    """All that the gate judges. ``verdict`` is None for a draft, which has none.

    ``stand_ins`` names the version and ancestors that are
    stand-ins; ``approvers`` are the reviewers whose approvals the verdict rests on.
    """

    ready: bool
    inventory: Inventory
    outbound: str
    outbound_known: bool
    stand_ins: Sequence[str]
    demo: bool
    verdict: Verdict | None
    reasons: Sequence[OpenReason]
    creator: str
    approvers: Sequence[str]


def run_gate(facts: GateFacts) -> tuple[Outcome, list[Check]]:
    """Every check, passed or not, and what follows."""
    checks = [
        _ready(facts),
        _integrity(facts),
        _outbound_license(facts),
        _stand_in(facts),
        _verdict(facts),
        _four_eyes(facts),
    ]
    failed = [check for check in checks if not check.passed]
    if not failed:
        return Outcome.PROMOTED, checks
    return (Outcome.AWAITING_REVIEW if all(check.curable for check in failed) else Outcome.DENIED), checks


def _ready(facts: GateFacts) -> Check:
    detail = "finalized" if facts.ready else "a draft: upload the missing files and finalize it"
    return Check("ready", facts.ready, detail)


def _integrity(facts: GateFacts) -> Check:
    files, missing = facts.inventory.files, facts.inventory.missing
    if not files:
        # An imported base may leave its bytes where they were published; a channel must be able to serve them.
        return Check("integrity", False, "it has no files here; register a version with its files")
    if missing:
        return Check("integrity", False, f"not in the store: {_some(missing)}; upload them again")
    return Check("integrity", True, f"all {files} files are in the store")


def _outbound_license(facts: GateFacts) -> Check:
    """Always passes: that a commercial channel names one is asked before the gate, what it permits is the verdict."""
    if not facts.outbound:
        return Check("outbound_license", True, "none named: the declared licences count")
    note = "" if facts.outbound_known else ", which has no profile: taken as a licence of your own"
    return Check("outbound_license", True, f"released as {facts.outbound}{note}")


def _stand_in(facts: GateFacts) -> Check:
    if not facts.stand_ins:
        return Check("stand_in", True, "no stand-in in the lineage")
    if facts.demo:
        return Check("stand_in", True, f"this registry is a demo; stand-ins: {_some(facts.stand_ins)}")
    detail = f"stand-ins belong in no channel: {_some(facts.stand_ins)}; repeat the work with real weights"
    return Check("stand_in", False, detail)


def _verdict(facts: GateFacts) -> Check:
    if facts.verdict is None:
        return Check("verdict", False, "a draft has no verdict")
    if facts.verdict in (Verdict.ALLOWED, Verdict.ALLOWED_WITH_OBLIGATIONS):
        return Check("verdict", True, facts.verdict.value)
    codes = _some(sorted({reason.code for reason in facts.reasons}))
    curable = facts.verdict is Verdict.NEEDS_REVIEW and all(reason.liftable for reason in facts.reasons)
    return Check("verdict", False, f"{facts.verdict.value}: {codes}", curable)


def _four_eyes(facts: GateFacts) -> Check:
    if not facts.approvers:
        return Check("four_eyes", True, "rests on no approval")
    if facts.creator in facts.approvers:
        return Check("four_eyes", False, f"{facts.creator} registered the version and approved it")
    return Check("four_eyes", True, f"registered by {facts.creator}, approved by {_some(sorted(set(facts.approvers)))}")


def _some(names: Sequence[str], limit: int = 5) -> str:
    """The first few names: a model may have hundreds of files."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(str, names[:limit])) + more
