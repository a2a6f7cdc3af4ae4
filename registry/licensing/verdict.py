"""From terms to a verdict: the decision table, reviews, and the explanation of every reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from registry.licensing.exposures import Path
from registry.licensing.policy import Policy, PolicyChoice
from registry.licensing.profiles import Catalogue, Condition, Profile
from registry.licensing.terms import Alert, Term, TermSet
from registry.licensing.vocabulary import (
    LIFTABLE_CODES,
    Context,
    EdgeType,
    NodeKind,
    OutboundRelicense,
    ReasonCode,
    ReasonStatus,
    TermCode,
    TermStatus,
    Trigger,
    Verdict,
    is_open_outbound,
    is_permissive_outbound,
)

RECORDED_APPROVAL = "RECORDED_APPROVAL"


@dataclass(frozen=True, slots=True)
class Subject:
    """The node that is judged. `name` is its public name, of which the part after the last `/` counts.

    `declared` are the licences it declares, from which the outbound licence follows when a deployment names none.
    """

    id: str
    kind: NodeKind
    name: str
    declared: tuple[str, ...] = ()
    base_family: str | None = None
    has_weights_parent: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """A recorded review in force. None matches anything (used by what-if files only)."""

    code: str
    license: str | None = None
    origin: str | None = None
    context: Context | None = None

    def covers(self, reason: Reason, context: Context) -> bool:
        """Whether this review speaks of the reason in the context."""
        return (
            self.code == reason.code
            and self.license in (None, *reason.licenses)
            and self.origin in (None, reason.origin)
            and self.context in (None, context)
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """How the subject is to be used: the outbound licences named, and facts about the licensee.

    `outbound` None, and blank ids alone, mean that none is named. `mau_over_threshold` is True for every capped
    licence, or the ids of those whose cap the licensee exceeded at the licence's date. The commercial context always
    counts as distribution.
    """

    outbound: tuple[str, ...] | None = None
    distribute: bool = False
    licensee_in_eu: bool = False
    mau_over_threshold: bool | frozenset[str] = False
    policy: Policy = field(default_factory=Policy)
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is not a plain yes. `policy` names the setting that decided it, if one did."""

    code: str
    status: ReasonStatus
    licenses: tuple[str, ...]
    origin: str
    clause: str
    path: Path
    remedy: str
    policy: str | None = None

    @property
    def liftable(self) -> bool:
        """Whether a recorded review can lift it: an open reason of a contested code."""
        return self.status is ReasonStatus.OPEN and self.code in LIFTABLE_CODES


@dataclass(frozen=True, slots=True)
class Obligation:
    """A duty with what triggers it. `origins` are the nodes whose licence asks for it."""

    code: str
    qualifier: str
    trigger: Trigger
    detail: str
    origins: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`CODE:license`, or `RECORDED_APPROVAL:<reason code>`."""
        return f"{self.code}:{self.qualifier}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict of one subject in one context, with all that led to it.

    `reasons` hold the denials (first) and the open reasons, `lifted` those that an approval lifted. `policy_influence`
    names the settings that were asked, with their values: under other values the outcome might differ.
    """

    context: Context
    verdict: Verdict
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    lifted: tuple[Reason, ...]
    policy_influence: tuple[tuple[str, str], ...]


def evaluate(
    subject: Subject, term_set: TermSet, context: Context, deployment: Deployment, catalogue: Catalogue
) -> Evaluation:
    """Judge a subject in a context. Terms must have been derived under the same policy and catalogue."""
    case = _Case(subject, context, deployment)
    findings: list[_Finding] = [_alert_reason(alert) for alert in term_set.alerts]
    for term in term_set.terms:
        findings.extend(_judge(term, catalogue.get(term.license), case))
    raised = _distinct(each for each in findings if isinstance(each, Reason))
    lifted = tuple(reason for reason in raised if _is_lifted(reason, case))
    reasons = tuple(reason for reason in raised if reason not in lifted)
    duties = [each for each in findings if isinstance(each, Obligation)]
    duties += [
        Obligation(
            RECORDED_APPROVAL, reason.code, Trigger.USE, "keep the recorded review with the release", (reason.origin,)
        )
        for reason in lifted
    ]
    obligations = _merged(duties)
    verdict = _verdict(reasons, obligations)
    return Evaluation(context, verdict, reasons, obligations, lifted, tuple(sorted(case.consulted.items())))


def explain(reason: Reason) -> str:
    """The reason as one plain sentence."""
    head = "Denied" if reason.status is ReasonStatus.DENIAL else "Open for review"
    licenses = " and ".join(reason.licenses) or "no licence"
    clause = f" ({reason.clause})" if reason.clause else ""
    policy = f", as policy {reason.policy} decides" if reason.policy else ""
    cause = f"{licenses} of {reason.origin}{clause} by way of {reason.path}{policy}"
    return f"{head}, {reason.code}: {cause}; {reason.remedy}."


_Finding = Reason | Obligation
_Findings = Iterator[_Finding]


class _Case:
    """Subject, context and deployment, with what the table asks of them; notes which policy settings were asked."""

    def __init__(self, subject: Subject, context: Context, deployment: Deployment) -> None:
        self.subject = subject
        self.context = context
        self.deployment = deployment
        self.distributed = context is Context.COMMERCIAL or deployment.distribute
        # Read leniently: a stray space or capital must not turn a permissive release into one that is not.
        self.outbound = _license_ids(deployment.outbound or ()) or _license_ids(subject.declared)
        self.permissive_release = self.distributed and any(map(is_permissive_outbound, self.outbound))
        self.open_release = self.distributed and any(map(is_open_outbound, self.outbound))
        self.is_model = subject.kind is NodeKind.MODEL
        self.is_dataset = subject.kind is NodeKind.DATASET
        self.consulted: dict[str, str] = {}

    def ask(self, setting: str) -> PolicyChoice:
        """The policy's choice; asking is recorded as influence."""
        choice: PolicyChoice = getattr(self.deployment.policy, setting)
        self.consulted[setting] = choice.value
        return choice

    def starts_with(self, prefix: str) -> bool:
        """Whether the public name begins with a prefix; `-`, `_` and space are one character and case is ignored."""
        return plain_name(self.subject.name.rsplit("/", 1)[-1]).startswith(plain_name(prefix))

    def over_cap(self, license_id: str) -> bool:
        """Whether the licensee exceeded this licence's user cap at its date."""
        over = self.deployment.mau_over_threshold
        return over if isinstance(over, bool) else license_id in over


def _license_ids(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in given if each.strip())


def plain_name(name: str) -> str:
    """A name as naming clauses compare it: case is ignored, and `-`, `_` and space are one character."""
    return name.casefold().replace("-", " ").replace("_", " ")


def _judge(term: Term, profile: Profile, case: _Case) -> _Findings:
    """Every row of the table that applies to one term."""
    if _INVOLVES_ADAPTER & set(term.path.edges):
        case.consulted["adapter_alone_is_derivative"] = str(case.deployment.policy.adapter_alone_is_derivative).lower()
    yield from _relicensing(term, profile, case)
    if term.codes & _NC_CODES:
        yield from (_nc_contested if term.status is TermStatus.CONTESTED else _nc_binding)(term, profile, case)
    for code in sorted(term.codes - _NC_CODES):
        yield from _ROWS.get(code, _plain_duty)(code, term, profile, case)


_INVOLVES_ADAPTER = frozenset({EdgeType.ADAPTER})
_NC_CODES = frozenset({TermCode.NC, TermCode.RESEARCH_ONLY})


def _relicensing(term: Term, profile: Profile, case: _Case) -> _Findings:
    """Own terms, or terms come over weights alone, of a licence that must stay the licence of what it covers."""
    if (
        profile.outbound_relicense is OutboundRelicense.SAME
        and term.status is TermStatus.BINDING
        and term.crossing is None
        and case.is_model
        and case.permissive_release
    ):
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, term, profile.summary)


def _nc_binding(term: Term, profile: Profile, case: _Case) -> _Findings:
    for code in sorted(term.codes & _NC_CODES):
        clause = profile.clause(code)
        if case.context is Context.COMMERCIAL:
            yield _denial(_NC_DENIAL[code], term, clause)
        elif case.context is Context.INTERNAL:
            choice = case.ask("nc_internal_use")
            yield from _by_policy(choice, "nc_internal_use", ReasonCode.NC_INTERNAL_USE_AMBIGUOUS, term, clause)
        elif case.context is Context.EDUCATION and code is TermCode.RESEARCH_ONLY:
            yield _open(ReasonCode.RESEARCH_ONLY_REVIEW, term, clause)
        if case.open_release:
            yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, term, clause)


_NC_DENIAL = {
    TermCode.NC: ReasonCode.NC_LIMITATION,
    TermCode.RESEARCH_ONLY: ReasonCode.RESEARCH_ONLY_LIMITATION,
}


def _nc_contested(term: Term, profile: Profile, case: _Case) -> _Findings:
    by_data = term.crossing is EdgeType.TRAINED_ON and not term.output
    reason = ReasonCode.NC_DATA_TRAINING_CONTESTED if by_data else ReasonCode.NC_OUTPUT_REACH_CONTESTED
    for code in sorted(term.codes & _NC_CODES):
        clause = profile.clause(code)
        if case.context is Context.COMMERCIAL:
            yield from _by_policy(case.ask("nc_output_reach"), "nc_output_reach", reason, term, clause)
        elif case.context is Context.INTERNAL:
            if case.ask("nc_internal_use") is not PolicyChoice.ALLOW:
                yield _open(reason, term, clause)
        elif case.open_release or (case.context is Context.EDUCATION and code is TermCode.RESEARCH_ONLY):
            yield _open(reason, term, clause)


def _use_restrictions(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    yield _duty(code, term, profile, Trigger.USE)
    # Sampled text is free in itself: a dataset of it carries the restrictions as a duty and no more.
    covered = case.is_model or (case.is_dataset and not term.output)
    if term.status is TermStatus.BINDING and covered and case.permissive_release:
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, term, profile.clause(code))


def _name_prefix(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    subject = case.subject
    licensors_own = term.origin == subject.id and subject.base_family is not None and not subject.has_weights_parent
    if not (case.distributed and case.is_model) or licensors_own:
        return
    for condition in _conditions(profile, code):
        if case.starts_with(condition.prefix or ""):
            yield _duty(code, term, profile, condition.trigger)
            continue
        status = ReasonStatus.DENIAL if term.status is TermStatus.BINDING else ReasonStatus.OPEN
        remedy = f"rename it so that the name begins with {condition.prefix}"
        yield replace(_denial(ReasonCode.NAME_PREFIX_MISSING, term, condition.detail), status=status, remedy=remedy)


def _share_alike(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    if not case.distributed:
        return
    if term.status is TermStatus.CONTESTED:
        yield _open(ReasonCode.SHARE_ALIKE_CONTESTED, term, profile.clause(code))
    elif any(each != term.license.lower() for each in case.outbound):
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, term, profile.clause(code))
    else:
        yield _duty(code, term, profile, Trigger.DISTRIBUTE)


def _mau_cap(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    if case.over_cap(term.license):
        yield _denial(ReasonCode.MAU_THRESHOLD_EXCEEDED, term, profile.clause(code))


def _eu_multimodal(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    if case.deployment.licensee_in_eu:
        yield _denial(ReasonCode.EU_MULTIMODAL_EXCLUDED, term, profile.clause(code))


def _output_training(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    if not (term.breach and case.is_model):
        return
    if term.status is TermStatus.BINDING:
        yield _denial(ReasonCode.OUTPUT_TRAINING_PROHIBITED, term, profile.clause(code))
    else:
        yield _open(ReasonCode.OUTPUT_TRAINING_CONTESTED, term, profile.clause(code))


def _competing_model(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    if case.context in (Context.INTERNAL, Context.COMMERCIAL):
        yield _open(ReasonCode.PROVIDER_TERMS_COMPETING_MODEL, term, profile.clause(code))


def _unknown_license(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    choice = case.ask("unknown_license")
    yield from _by_policy(choice, "unknown_license", ReasonCode.UNKNOWN_LICENSE, term, profile.clause(code))


def _plain_duty(code: TermCode, term: Term, profile: Profile, case: _Case) -> _Findings:
    for condition in _conditions(profile, code):
        if condition.trigger is Trigger.USE or case.distributed:
            yield _duty(code, term, profile, condition.trigger)


_Row = Callable[[TermCode, Term, Profile, _Case], _Findings]
_ROWS: dict[TermCode, _Row] = {
    TermCode.USE_RESTRICTIONS: _use_restrictions,
    TermCode.NAME_PREFIX: _name_prefix,
    TermCode.SHARE_ALIKE: _share_alike,
    TermCode.MAU_CAP: _mau_cap,
    TermCode.EU_MULTIMODAL: _eu_multimodal,
    TermCode.OUTPUT_TRAINING_PROHIBITED: _output_training,
    TermCode.COMPETING_MODEL: _competing_model,
    TermCode.UNKNOWN_LICENSE: _unknown_license,
}

_ASK_REVIEW = "ask for a review of this reason, get an agreement with the licensor, or choose another teacher or base"
_GET_AGREEMENT = "get an agreement with the licensor, or choose another teacher or base"
_REMEDIES: dict[ReasonCode, str] = {
    ReasonCode.NC_LIMITATION: _GET_AGREEMENT,
    ReasonCode.RESEARCH_ONLY_LIMITATION: _GET_AGREEMENT,
    ReasonCode.NC_INTERNAL_USE_AMBIGUOUS: _ASK_REVIEW,
    ReasonCode.RESEARCH_ONLY_REVIEW: _ASK_REVIEW,
    ReasonCode.NC_DATA_TRAINING_CONTESTED: "ask for a review of this reason, get an agreement, or train on other data",
    ReasonCode.NC_OUTPUT_REACH_CONTESTED: _ASK_REVIEW,
    ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE: "relabel it: release it under a licence that passes these terms on",
    ReasonCode.NAME_PREFIX_MISSING: "rename it",
    ReasonCode.SHARE_ALIKE_CONTESTED: "ask for a review of this reason, get an agreement, or train on other data",
    ReasonCode.MAU_THRESHOLD_EXCEEDED: _GET_AGREEMENT,
    ReasonCode.EU_MULTIMODAL_EXCLUDED: "get an agreement with the licensor, or choose a text-only base of the family",
    ReasonCode.OUTPUT_TRAINING_PROHIBITED: "train again from another teacher, or get an agreement with the licensor",
    ReasonCode.OUTPUT_TRAINING_CONTESTED: "ask for a review of this reason, or train again with another judge",
    ReasonCode.PROVIDER_TERMS_COMPETING_MODEL: "ask for a review of this reason, or choose another teacher",
    ReasonCode.UNKNOWN_LICENSE: "conclude the licence from its text, or have a profile added for it",
}


def _denial(code: ReasonCode, term: Term, clause: str) -> Reason:
    return Reason(code, ReasonStatus.DENIAL, (term.license,), term.origin, clause, term.path, _REMEDIES[code])


def _open(code: ReasonCode, term: Term, clause: str) -> Reason:
    return replace(_denial(code, term, clause), status=ReasonStatus.OPEN)


def _by_policy(choice: PolicyChoice, setting: str, code: ReasonCode, term: Term, clause: str) -> _Findings:
    if choice is not PolicyChoice.ALLOW:
        reason = _denial(code, term, clause) if choice is PolicyChoice.DENY else _open(code, term, clause)
        yield replace(reason, policy=f"{setting}={choice.value}")


def _alert_reason(alert: Alert) -> Reason:
    remedy = "conclude the alert: check the files and the lineage, and record the licence or the missing parent"
    clause = "raised by a scan and not concluded"
    return Reason(alert.code, ReasonStatus.OPEN, alert.licenses, alert.origin, clause, alert.path, remedy)


def _conditions(profile: Profile, code: TermCode) -> Iterator[Condition]:
    return (condition for condition in profile.conditions if condition.code is code)


def _duty(code: TermCode, term: Term, profile: Profile, trigger: Trigger) -> Obligation:
    return Obligation(code.value, term.license, trigger, profile.clause(code), (term.origin,))


def _is_lifted(reason: Reason, case: _Case) -> bool:
    return reason.liftable and any(approval.covers(reason, case.context) for approval in case.deployment.approvals)


def _distinct(reasons: Iterable[Reason]) -> list[Reason]:
    """One reason for each (code, status, licences, origin), with the shortest path; denials first."""
    found: dict[tuple[object, ...], Reason] = {}
    for reason in sorted(reasons, key=lambda each: each.path.order):
        found.setdefault((reason.code, reason.status, reason.licenses, reason.origin), reason)
    return sorted(found.values(), key=lambda each: (each.status is ReasonStatus.OPEN, each.code, each.path.order))


def _merged(duties: Iterable[Obligation]) -> tuple[Obligation, ...]:
    """One duty for each id and trigger, naming all its origins."""
    groups: dict[tuple[str, Trigger], list[Obligation]] = {}
    for duty in duties:
        groups.setdefault((duty.id, duty.trigger), []).append(duty)
    return tuple(
        replace(group[0], origins=tuple(sorted({origin for duty in group for origin in duty.origins})))
        for _, group in sorted(groups.items())
    )


def _verdict(reasons: Iterable[Reason], obligations: Iterable[Obligation]) -> Verdict:
    statuses = {reason.status for reason in reasons}
    if ReasonStatus.DENIAL in statuses:
        return Verdict.DENIED
    if ReasonStatus.OPEN in statuses:
        return Verdict.NEEDS_REVIEW
    return Verdict.ALLOWED_WITH_OBLIGATIONS if any(True for _ in obligations) else Verdict.ALLOWED
