"""What channel policies ask of a promotion beyond the gate's own checks. Pure.

Every policy that matches a channel holds for it. Each requirement is a check of its own, and is made once for each
policy that has it: a policy more may refuse what was let pass, and never lets pass what was refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from registry.promotion.freezes import Frozen
from registry.promotion.outcome import Check, Outcome, some

ANY = "*"


@dataclass(frozen=True, slots=True)
class Approvals:
    """How many people must approve, and of whom they must be; nobody named means whoever may."""

    count: int
    approvers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EarlierStage:
    """A stage that the version must have been in before, and for how many microseconds it must be known there."""

    stage: str
    soak: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. ``signers`` are ids of keys; ``minimums`` are percent by category."""

    name: str  # with its revision
    channels: Sequence[str]
    models: Sequence[str] = ()
    evaluation: bool = False
    minimums: Mapping[str, float] = field(default_factory=dict)
    signers: frozenset[str] = frozenset()
    bundle: bool = False
    four_eyes: bool = False
    approvals: Approvals | None = None
    earlier: EarlierStage | None = None
    freezes: Sequence[Frozen] = ()

    def matches(self, slug: str, context: str, stage: str) -> bool:
        """Whether it holds for that channel of that model or dataset."""
        pairs = (channel.split("/", 1) for channel in self.channels)
        channel = any(of in (ANY, context) and at in (ANY, stage) for of, at in pairs)
        return channel and (not self.models or any(_fits(slug, model) for model in self.models))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about this very release; the last word of each, and still in force."""

    approver: str
    approves: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about the release that policies ask about.

    ``reports`` hold, for each newest evaluation report, percent answered exactly by category; None where the kind of
    version is not evaluated. ``entered`` says since when (microseconds) a version is known in the other stages of the
    context. ``break_glass`` is the reason for which a freeze is passed over. A ``rollback`` goes to what was there
    before, and needs no approval again.
    """

    creator: str
    promoter: str
    at: int
    reports: Sequence[Mapping[str, float]] | None
    signed_by: frozenset[str]
    has_bundle: bool
    decisions: Sequence[Decision]
    entered: Mapping[str, int]
    break_glass: str = ""
    rollback: bool = False


def required_checks(policies: Iterable[Policy], standing: Standing) -> list[Check]:
    """A check for each requirement of each policy."""
    return [check for policy in policies for check in _checks(policy, standing)]


def _checks(policy: Policy, standing: Standing) -> Iterator[Check]:
    if policy.evaluation or policy.minimums:
        yield _evaluation(policy, standing)
    if policy.signers:
        yield _signature(policy, standing)
    if policy.bundle:
        yield _bundle(policy, standing)
    if policy.four_eyes:
        yield _other_promoter(policy, standing)
    if policy.approvals:
        yield _approvals(policy, policy.approvals, standing)
    if policy.earlier:
        yield _earlier_stage(policy, policy.earlier, standing)
    if policy.freezes:
        yield _freeze(policy, standing)


def _evaluation(policy: Policy, standing: Standing) -> Check:
    if standing.reports is None:
        return Check("policy_evaluation", True, f"{policy.name}: versions of this kind are not evaluated")
    if not standing.reports:
        return _failed(
            "policy_evaluation", policy, "there is no report on these weights", "EVALUATION_MISSING", _RECORD
        )
    low = [
        f"{category} {_reached(category, standing.reports)} of at least {least:g} %"
        for category, least in sorted(policy.minimums.items())
        if not _reaches(category, least, standing.reports)
    ]
    if low:
        return _failed("policy_evaluation", policy, some(low), "EVALUATION_TOO_LOW", "train a better version")
    return Check("policy_evaluation", True, f"{policy.name}: {len(standing.reports)} reports on record")


def _signature(policy: Policy, standing: Standing) -> Check:
    found = sorted(policy.signers & standing.signed_by)
    if found:
        return Check("signature", True, f"{policy.name}: signed with key {found[0][:16]}")
    why = "not signed" if not standing.signed_by else "signed with none of the keys that it names"
    return _failed("signature", policy, why, "SIGNATURE_MISSING", "sign it: spiritsafe version sign --help")


def _bundle(policy: Policy, standing: Standing) -> Check:
    if standing.has_bundle:
        return Check("bundle", True, f"{policy.name}: recorded")
    return _failed(
        "bundle", policy, "no bundle of this release is recorded", "BUNDLE_MISSING", "spiritsafe bundle --record"
    )


def _other_promoter(policy: Policy, standing: Standing) -> Check:
    if standing.promoter != standing.creator:
        return Check("other_promoter", True, f"{policy.name}: {standing.creator} registered it")
    why = f"{standing.creator} registered the version and promotes it"
    return _failed("other_promoter", policy, why, "FOUR_EYES", "let somebody else promote it")


def _approvals(policy: Policy, rule: Approvals, standing: Standing) -> Check:
    counting = [
        decision
        for decision in standing.decisions
        if decision.approver not in (standing.creator, standing.promoter)
        and (not rule.approvers or decision.approver in rule.approvers)
    ]
    rejected = sorted(decision.approver for decision in counting if not decision.approves)
    if rejected:
        remedy = "settle it with them; they can revoke their rejection"
        return _failed("approvals", policy, f"rejected by {some(rejected)}", "REJECTED", remedy)
    if standing.rollback:
        return Check("approvals", True, f"{policy.name}: goes back to what was there before")
    approved = sorted(decision.approver for decision in counting)
    if len(approved) >= rule.count:
        return Check("approvals", True, f"{policy.name}: approved by {some(approved)}")
    whom = some(sorted(rule.approvers)) if rule.approvers else "anybody who may"
    return Check(
        "approvals",
        False,
        f"{policy.name}: {len(approved)} of {rule.count} approvals" + (f", by {some(approved)}" if approved else ""),
        "APPROVALS_MISSING",
        f"ask {whom}: spiritsafe promotion approve --help; not {standing.creator}, nor who promotes it",
        Outcome.AWAITING_APPROVAL,
    )


def _earlier_stage(policy: Policy, earlier: EarlierStage, standing: Standing) -> Check:
    since = standing.entered.get(earlier.stage)
    if since is None:
        remedy = f"promote it to {earlier.stage} first"
        return _failed("earlier_stage", policy, f"never was in {earlier.stage}", "STAGE_SKIPPED", remedy)
    ready = since + earlier.soak
    if standing.at < ready:
        why = f"in {earlier.stage} since {_stamp(since)}"
        return _failed("earlier_stage", policy, why, "SOAKING", f"promote it after {_stamp(ready)}")
    return Check("earlier_stage", True, f"{policy.name}: in {earlier.stage} since {_stamp(since)}")


def _freeze(policy: Policy, standing: Standing) -> Check:
    ends = [(until, freeze.reason) for freeze in policy.freezes if (until := freeze.until(standing.at)) is not None]
    if not ends:
        return Check("freeze", True, f"{policy.name}: not frozen")
    until, reason = max(ends)
    detail = f"frozen until {_stamp(until)}" + (f": {reason}" if reason else "")
    if standing.break_glass:
        return Check("freeze", True, f"{policy.name}: {detail}; glass broken: {standing.break_glass}")
    return _failed("freeze", policy, detail, "FROZEN", f"promote it after {_stamp(until)}")


_RECORD = "evaluate it and record the report: spiritsafe model evaluation record --help"


def _failed(check: str, policy: Policy, detail: str, reason: str, remedy: str) -> Check:
    return Check(check, False, f"{policy.name}: {detail}", reason, remedy)


def _reaches(category: str, least: float, reports: Sequence[Mapping[str, float]]) -> bool:
    """In each report that has the category, and in one at least."""
    found = [report[category] for report in reports if category in report]
    return bool(found) and min(found) >= least


def _reached(category: str, reports: Sequence[Mapping[str, float]]) -> str:
    found = [report[category] for report in reports if category in report]
    return f"{min(found):g} %" if found else "in no report"


def _fits(slug: str, pattern: str) -> bool:
    return slug.startswith(pattern[:-1]) if pattern.endswith(ANY) else slug == pattern


def _stamp(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
