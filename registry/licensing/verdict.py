"""From terms to a verdict: the decision table, reviews, and the explanation of every reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from registry.licensing.outcome import Approval, Deployment, Evaluation, Obligation, Reason, Subject, is_distributed
from registry.licensing.policy import PolicyChoice
from registry.licensing.profiles import Catalogue, Condition, Profile
from registry.licensing.terms import Alert, TermGroup, TermKey, TermSet
from registry.licensing.vocabulary import (
    Context,
    EdgeType,
    Mark,
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

__all__ = [
    "RECORDED_APPROVAL",
    "Approval",
    "Deployment",
    "Evaluation",
    "Obligation",
    "Reason",
    "Subject",
    "evaluate",
    "explain",
]

RECORDED_APPROVAL = "RECORDED_APPROVAL"


def evaluate(
    subject: Subject, term_set: TermSet, context: Context, deployment: Deployment, catalogue: Catalogue
) -> Evaluation:
    """Judge a subject in a context. Terms must have been derived under the same policy and catalogue."""
    case = _Case(subject, context, deployment)
    reasons = [_alert_reason(alert) for alert in term_set.alerts]
    duties: list[Obligation] = []
    for group in term_set.groups:
        for finding in _judge(group, catalogue.get(group.key.license), case):
            if isinstance(finding, Obligation):
                duties.append(finding)
            else:
                reasons.extend(finding.reasons(group))
    raised = _distinct(reasons)
    open_or_denied, lifted = _lift(raised, case)
    obligations = _merged([*duties, *map(_recorded_approval, lifted)])
    verdict = _verdict(open_or_denied, obligations)
    return Evaluation(context, verdict, open_or_denied, obligations, lifted, tuple(sorted(case.consulted.items())))


def explain(reason: Reason) -> str:
    """The reason as one plain sentence."""
    head = "Denied" if reason.status is ReasonStatus.DENIAL else "Open for review"
    licenses = " and ".join(reason.licenses) or "no licence"
    clause = f" ({reason.clause})" if reason.clause else ""
    policy = f", as policy {reason.policy} decides" if reason.policy else ""
    cause = f"{licenses} of {reason.origin}{clause} by way of {reason.path}{policy}"
    return f"{head}, {reason.code}: {cause}; {reason.remedy}."


def has_prefix(name: str, prefix: str) -> bool:
    """Whether a public name begins with a prefix; `-`, `_` and space are one character and case is ignored."""
    return plain_name(name.rsplit("/", 1)[-1]).startswith(plain_name(prefix))


@dataclass(frozen=True, slots=True)
class _Objection:
    """What the table says against equal terms; a reason for each of their origins."""

    code: ReasonCode
    clause: str
    remedy: str
    status: ReasonStatus = ReasonStatus.DENIAL
    policy: str | None = None

    def reasons(self, group: TermGroup) -> Iterator[Reason]:
        licenses = (group.key.license,)
        for origin in group.origins:
            path = group.path(origin)
            yield Reason(self.code, self.status, licenses, origin, self.clause, path, self.remedy, self.policy)


_Findings = Iterator[_Objection | Obligation]


class _Case:
    """Subject, context and deployment, with what the table asks of them; notes which policy settings were asked."""

    def __init__(self, subject: Subject, context: Context, deployment: Deployment) -> None:
        self.subject = subject
        self.context = context
        self.deployment = deployment
        self.distributed = is_distributed(context, deployment.distribute)
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
        """Whether the subject's public name begins with a prefix."""
        return has_prefix(self.subject.name, prefix)

    def over_cap(self, license_id: str) -> bool:
        """Whether the licensee exceeded this licence's user cap at its date."""
        over = self.deployment.mau_over_threshold
        return over if isinstance(over, bool) else license_id in over


def _license_ids(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in given if each.strip())


def plain_name(name: str) -> str:
    """A name as naming clauses compare it: case is ignored, and `-`, `_` and space are one character."""
    return name.casefold().replace("-", " ").replace("_", " ")


def _judge(group: TermGroup, profile: Profile, case: _Case) -> _Findings:
    """Every row of the table that applies to equal terms."""
    term = group.key
    if group.adapter:
        case.consulted["adapter_alone_is_derivative"] = str(case.deployment.policy.adapter_alone_is_derivative).lower()
    for finding in _rows(term, profile, case):
        yield replace(finding, origins=tuple(group.origins)) if isinstance(finding, Obligation) else finding


def _rows(term: TermKey, profile: Profile, case: _Case) -> _Findings:
    yield from _relicensing(term, profile, case)
    if term.codes & _NC_CODES:
        yield from (_nc_contested if term.status is TermStatus.CONTESTED else _nc_binding)(term, profile, case)
    for code in sorted(term.codes - _NC_CODES):
        yield from _ROWS.get(code, _plain_duty)(code, term, profile, case)


_NC_CODES = frozenset({TermCode.NC, TermCode.RESEARCH_ONLY})


def _relicensing(term: TermKey, profile: Profile, case: _Case) -> _Findings:
    """Own terms, or terms come over weights alone, of a licence that must stay the licence of what it covers."""
    if (
        profile.outbound_relicense is OutboundRelicense.SAME
        and term.status is TermStatus.BINDING
        and term.crossing is None
        and case.is_model
        and case.permissive_release
    ):
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, profile.summary)


def _nc_binding(term: TermKey, profile: Profile, case: _Case) -> _Findings:
    for code in sorted(term.codes & _NC_CODES):
        clause = profile.clause(code)
        if case.context is Context.COMMERCIAL:
            yield _denial(_NC_DENIAL[code], clause)
        elif case.context is Context.INTERNAL:
            choice = case.ask("nc_internal_use")
            yield from _by_policy(choice, "nc_internal_use", ReasonCode.NC_INTERNAL_USE_AMBIGUOUS, clause)
        elif case.context is Context.EDUCATION and code is TermCode.RESEARCH_ONLY:
            yield _open(ReasonCode.RESEARCH_ONLY_REVIEW, clause)
        if case.open_release:
            yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, clause)


_NC_DENIAL = {
    TermCode.NC: ReasonCode.NC_LIMITATION,
    TermCode.RESEARCH_ONLY: ReasonCode.RESEARCH_ONLY_LIMITATION,
}


def _nc_contested(term: TermKey, profile: Profile, case: _Case) -> _Findings:
    by_data = term.crossing is EdgeType.TRAINED_ON and term.mark is not Mark.OUTPUT
    reason = ReasonCode.NC_DATA_TRAINING_CONTESTED if by_data else ReasonCode.NC_OUTPUT_REACH_CONTESTED
    for code in sorted(term.codes & _NC_CODES):
        clause = profile.clause(code)
        if case.context is Context.COMMERCIAL:
            yield from _by_policy(case.ask("nc_output_reach"), "nc_output_reach", reason, clause)
        elif case.context is Context.INTERNAL:
            if case.ask("nc_internal_use") is not PolicyChoice.ALLOW:
                yield _open(reason, clause)
        elif case.open_release or (case.context is Context.EDUCATION and code is TermCode.RESEARCH_ONLY):
            yield _open(reason, clause)


def _use_restrictions(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    yield _duty(code, profile, Trigger.USE)
    # Sampled text is free in itself: a dataset of it carries the restrictions as a duty and no more.
    covered = case.is_model or (case.is_dataset and term.mark is not Mark.OUTPUT)
    if term.status is TermStatus.BINDING and covered and case.permissive_release:
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, profile.clause(code))


def _name_prefix(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    subject = case.subject
    licensors_own = term.own and subject.base_family is not None and not subject.has_weights_parent
    if not (case.distributed and case.is_model) or licensors_own:
        return
    for condition in _conditions(profile, code):
        if case.starts_with(condition.prefix or ""):
            yield _duty(code, profile, condition.trigger)
            continue
        status = ReasonStatus.DENIAL if term.status is TermStatus.BINDING else ReasonStatus.OPEN
        remedy = f"rename it so that the name begins with {condition.prefix}"
        yield replace(
            _denial(ReasonCode.NAME_PREFIX_MISSING, condition.detail or profile.summary), status=status, remedy=remedy
        )


def _share_alike(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    if not case.distributed:
        return
    if term.status is TermStatus.CONTESTED:
        yield _open(ReasonCode.SHARE_ALIKE_CONTESTED, profile.clause(code))
    elif any(each != term.license.lower() for each in case.outbound):
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, profile.clause(code))
    else:
        yield _duty(code, profile, Trigger.DISTRIBUTE)


def _no_derivatives(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    """Adapted material may be made and not shared, under any licence; the work itself only under its own."""
    if not case.distributed:
        return
    if term.adapted:
        judged = _open if term.status is TermStatus.CONTESTED else _denial
        yield judged(ReasonCode.NO_DERIVATIVES, profile.clause(code))
    elif any(each != term.license.lower() for each in case.outbound):
        yield _denial(ReasonCode.OUTBOUND_LICENSE_INCOMPATIBLE, profile.clause(code))


def _mau_cap(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    if case.over_cap(term.license):
        yield _denial(ReasonCode.MAU_THRESHOLD_EXCEEDED, profile.clause(code))


def _eu_multimodal(code: TermCode, _term: TermKey, profile: Profile, case: _Case) -> _Findings:
    if case.deployment.licensee_in_eu:
        yield _denial(ReasonCode.EU_MULTIMODAL_EXCLUDED, profile.clause(code))


def _output_training(code: TermCode, term: TermKey, profile: Profile, case: _Case) -> _Findings:
    if not (term.breach and case.is_model):
        return
    if term.status is TermStatus.BINDING:
        yield _denial(ReasonCode.OUTPUT_TRAINING_PROHIBITED, profile.clause(code))
    else:
        yield _open(ReasonCode.OUTPUT_TRAINING_CONTESTED, profile.clause(code))


def _competing_model(code: TermCode, _term: TermKey, profile: Profile, case: _Case) -> _Findings:
    if case.context in (Context.INTERNAL, Context.COMMERCIAL):
        yield _open(ReasonCode.PROVIDER_TERMS_COMPETING_MODEL, profile.clause(code))


def _unknown_license(code: TermCode, _term: TermKey, profile: Profile, case: _Case) -> _Findings:
    choice = case.ask("unknown_license")
    yield from _by_policy(choice, "unknown_license", ReasonCode.UNKNOWN_LICENSE, profile.clause(code))


def _plain_duty(code: TermCode, _term: TermKey, profile: Profile, case: _Case) -> _Findings:
    for condition in _conditions(profile, code):
        if condition.trigger is Trigger.USE or case.distributed:
            yield _duty(code, profile, condition.trigger)


_Row = Callable[[TermCode, TermKey, Profile, _Case], _Findings]
_ROWS: dict[TermCode, _Row] = {
    TermCode.USE_RESTRICTIONS: _use_restrictions,
    TermCode.NAME_PREFIX: _name_prefix,
    TermCode.SHARE_ALIKE: _share_alike,
    TermCode.NO_DERIVATIVES: _no_derivatives,
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
    ReasonCode.NO_DERIVATIVES: "share it with nobody, get an agreement, or choose another base or other data",
    ReasonCode.MAU_THRESHOLD_EXCEEDED: _GET_AGREEMENT,
    ReasonCode.EU_MULTIMODAL_EXCLUDED: "get an agreement with the licensor, or choose a text-only base of the family",
    ReasonCode.OUTPUT_TRAINING_PROHIBITED: "train again from another teacher, or get an agreement with the licensor",
    ReasonCode.OUTPUT_TRAINING_CONTESTED: "ask for a review of this reason, or train again with another judge",
    ReasonCode.PROVIDER_TERMS_COMPETING_MODEL: "ask for a review of this reason, or choose another teacher",
    ReasonCode.UNKNOWN_LICENSE: "conclude the licence from its text, or have a profile added for it",
}


def _denial(code: ReasonCode, clause: str) -> _Objection:
    return _Objection(code, clause, _REMEDIES[code])


def _open(code: ReasonCode, clause: str) -> _Objection:
    return _Objection(code, clause, _REMEDIES[code], ReasonStatus.OPEN)


def _by_policy(choice: PolicyChoice, setting: str, code: ReasonCode, clause: str) -> _Findings:
    if choice is not PolicyChoice.ALLOW:
        objection = _denial(code, clause) if choice is PolicyChoice.DENY else _open(code, clause)
        yield replace(objection, policy=f"{setting}={choice.value}")


def _alert_reason(alert: Alert) -> Reason:
    remedy = "conclude the alert: check the files and the lineage, and record the licence or the missing parent"
    clause = "raised by a scan and not concluded"
    return Reason(alert.code, ReasonStatus.OPEN, alert.licenses, alert.origin, clause, alert.path, remedy)


def _conditions(profile: Profile, code: TermCode) -> Iterator[Condition]:
    return (condition for condition in profile.conditions if condition.code is code)


def _duty(code: TermCode, profile: Profile, trigger: Trigger) -> Obligation:
    return Obligation(code.value, profile.id, trigger, profile.clause(code))


def _recorded_approval(lifted: Reason) -> Obligation:
    detail = "keep the recorded review with the release"
    return Obligation(RECORDED_APPROVAL, lifted.code, Trigger.USE, detail, (lifted.origin,))


def _lift(raised: Iterable[Reason], case: _Case) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """The reasons that stand, and those that an approval lifts."""
    found: dict[bool, list[Reason]] = {False: [], True: []}
    for reason in raised:
        found[_is_lifted(reason, case)].append(reason)
    return tuple(found[False]), tuple(found[True])


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
