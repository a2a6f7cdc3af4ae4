"""The gate: a conjunction of checks over facts that somebody else gathered. Pure.

Every check is made and shown, whatever the others found. An attempt ends in one of four states:

* *promoted*: all checks pass.
* *awaiting review*: the only failing check is the verdict, and a review can lift each of its open reasons. Nothing but
  people's decisions is missing.
* *awaiting approval*: nothing is missing but approvals that a channel policy asks for.
* *denied*: anything else. Something must be done, or cannot be done, before a decision would help.

So a version that lacks an evaluation, or an answer to a duty, is denied, for no review replaces either; that its
verdict waits for reviews as well is shown beside it, and so is a licence that denies it, which neither cures. The
licence's answer comes first in the list: who reads that it denies will not spend compute on an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.catalog.rules import FILES_EXTERNAL, KINDS, MODELS, mirror_remedy
from registry.licensing import Verdict
from registry.promotion.outcome import Check, Outcome, outcome_of, some
from registry.promotion.requirements import Policy, Standing, required_checks

COMMERCIAL = "commercial"
# An untouched base is what the others are compared with, and a dataset answers nothing.
EVALUATED_KINDS = KINDS[MODELS] - {"base"}


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many files a version has, and the paths of those whose content the store lacks.

    ``external`` are those that were never mirrored from where the version was published.
    """

    files: int
    missing: Sequence[str]
    external: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OpenReason:
    """A reason of a verdict, as far as the gate looks at it."""

    code: str
    liftable: bool


@dataclass(frozen=True, slots=True)
class OpenDuty:
    """A duty that is neither met nor attested, as far as the gate looks at it."""

    code: str
    finding: str
    remedy: str


@dataclass(frozen=True, slots=True)
class DutyFacts:
    """How the duties of a release stand: how many are met or attested, and those that are neither."""

    settled: int
    open: Sequence[OpenDuty]


@dataclass(frozen=True, slots=True)
class GateFacts:
    """All that the gate judges. ``verdict`` is None for a draft, which has none.

    ``version`` is its short name and ``kind`` its kind. ``stand_ins`` names the version and ancestors that are
    stand-ins; ``approvers`` are the reviewers whose approvals the verdict rests on; ``evaluations`` says of each report
    on the version's weights what it was evaluated on. ``duties`` is None where nobody asks for them, and for a draft.
    ``recalled`` names the version and ancestors that are recalled. ``standing`` is what the channel's ``policies`` ask
    about; there is one where there are policies.
    """

    version: str
    kind: str
    context: str
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
    evaluations: Sequence[str]
    duties: DutyFacts | None
    recalled: Sequence[str] = ()
    policies: Sequence[Policy] = ()
    standing: Standing | None = None


def needs_evaluation(kind: str, context: str) -> bool:
    """Whether versions of the kind enter channels of the context with an evaluation report only."""
    return context == COMMERCIAL and kind in EVALUATED_KINDS


def run_gate(facts: GateFacts) -> tuple[Outcome, list[Check]]:
    """Every check, passed or not, and what follows."""
    checks = [
        _ready(facts),
        _integrity(facts),
        _outbound_license(facts),
        _stand_in(facts),
        _verdict(facts),
        _four_eyes(facts),
        _evaluation(facts),
        _duties(facts),
        _recall(facts),
    ]
    if facts.standing is not None:
        checks += required_checks(facts.policies, facts.standing)
    return outcome_of(checks), checks


def _ready(facts: GateFacts) -> Check:
    if facts.ready:
        return Check("ready", True, "finalized")
    return Check("ready", False, "a draft", "VERSION_NOT_READY", "upload the missing files and finalize it")


def _integrity(facts: GateFacts) -> Check:
    files, missing, external = facts.inventory.files, facts.inventory.missing, facts.inventory.external
    if not files:
        # An imported version may leave its bytes where they were published; a channel must be able to serve them.
        return Check("integrity", False, "it has no files here", "NO_FILES", "register a version with its files")
    if missing:
        return Check("integrity", False, f"not in the store: {some(missing)}", "FILES_MISSING", "upload them again")
    if external:
        detail = f"not mirrored yet: {some(external)}"
        return Check("integrity", False, detail, FILES_EXTERNAL, mirror_remedy(facts.version))
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
        return Check("stand_in", True, f"this registry is a demo; stand-ins: {some(facts.stand_ins)}")
    detail = f"stand-ins belong in no channel: {some(facts.stand_ins)}"
    return Check("stand_in", False, detail, "STAND_IN", "repeat the work with real weights")


def _verdict(facts: GateFacts) -> Check:
    if facts.verdict is None:
        return Check("verdict", False, "a draft has no verdict", "VERSION_NOT_READY", "finalize it")
    if facts.verdict in (Verdict.ALLOWED, Verdict.ALLOWED_WITH_OBLIGATIONS):
        return Check("verdict", True, facts.verdict.value)
    codes = some(sorted({reason.code for reason in facts.reasons}))
    curable = facts.verdict is Verdict.NEEDS_REVIEW and all(reason.liftable for reason in facts.reasons)
    remedy = "have its reasons reviewed" if curable else "see the remedy of each reason"
    awaits = Outcome.AWAITING_REVIEW if curable else None
    return Check("verdict", False, f"{facts.verdict.value}: {codes}", remedy=remedy, awaits=awaits)


def _four_eyes(facts: GateFacts) -> Check:
    if not facts.approvers:
        return Check("four_eyes", True, "rests on no approval")
    if facts.creator in facts.approvers:
        detail = f"{facts.creator} registered the version and approved it"
        return Check("four_eyes", False, detail, "FOUR_EYES", "let somebody else decide")
    return Check("four_eyes", True, f"registered by {facts.creator}, approved by {some(sorted(set(facts.approvers)))}")


def _evaluation(facts: GateFacts) -> Check:
    if not needs_evaluation(facts.kind, facts.context):
        return Check("evaluation", True, "asked for where a model other than an untouched base goes commercial")
    if facts.evaluations:
        return Check("evaluation", True, f"on record: {some(facts.evaluations)}")
    options = "--baseline BASE@N --dataset dataset:DATASET@N --file FIGURES.json"
    command = f"spiritsafe model evaluation record {facts.version} {options}"
    return Check(
        "evaluation",
        False,
        "no evaluation of these weights against their untouched base is on record",
        "EVALUATION_MISSING",
        f"evaluate both on held-out scenarios and record the paired counts: {command}",
    )


def _duties(facts: GateFacts) -> Check:
    if facts.context != COMMERCIAL:
        return Check("duties", True, "asked for where something goes commercial")
    if facts.duties is None:
        return Check("duties", False, "a draft has no duties yet", "VERSION_NOT_READY", "finalize it")
    if not facts.duties.open:
        return Check("duties", True, f"all {facts.duties.settled} are met or attested")
    detail = "; ".join(f"{each.code}: {each.finding}" for each in facts.duties.open)
    remedy = "; ".join(dict.fromkeys(each.remedy for each in facts.duties.open))
    return Check("duties", False, detail, "DUTY_UNMET", remedy)


def _recall(facts: GateFacts) -> Check:
    if not facts.recalled:
        return Check("recall", True, "neither it nor an ancestor is recalled")
    remedy = "follow the advice of the recall: spiritsafe recall list"
    return Check("recall", False, f"recalled: {some(facts.recalled)}", "RECALLED", remedy)
