"""From stored exposures to terms, under the licences, agreements and policy of the day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.licensing.exposures import Exposure, Path, Step, StepKey
from registry.licensing.policy import Policy
from registry.licensing.profiles import Catalogue, Profile
from registry.licensing.vocabulary import (
    COMMERCIAL_AGREEMENT,
    UNKNOWN,
    EdgeType,
    Mark,
    ReachKey,
    ReachStatus,
    TermCode,
    TermStatus,
)


@dataclass(frozen=True, slots=True)
class OriginFacts:
    """What is known of a node today, for one context.

    `licenses` are the concluded ones, else declared and detected; None when nothing is known, () when the node was made
    here and adds no terms. `waived` are licences that an agreement in force replaces. `alerts` are codes that a scan
    raised and nobody has concluded.
    """

    licenses: tuple[str, ...] | None = None
    multimodal: bool = False
    waived: frozenset[str] = frozenset()
    alerts: frozenset[str] = frozenset()

    def effective_licenses(self) -> frozenset[str]:
        """The licences that give terms, waivers applied."""
        if self.licenses is None:
            return frozenset({UNKNOWN})
        return frozenset(COMMERCIAL_AGREEMENT if each in self.waived else each for each in self.licenses)


@dataclass(frozen=True, slots=True)
class Term:
    """One licence's reach into the subject from one origin. `path` is a witness, not part of the identity."""

    origin: str
    license: str
    codes: frozenset[TermCode]
    status: TermStatus
    crossing: EdgeType | None
    output: bool
    judged: bool
    breach: bool
    path: Path

    @property
    def key(self) -> tuple[object, ...]:
        """Terms with equal keys are one."""
        marks = (self.output, self.judged, self.breach)
        return (self.origin, self.license, self.codes, self.status, self.crossing, marks)


@dataclass(frozen=True, slots=True)
class Alert:
    """An unconcluded alert of a node whose terms reach the subject."""

    code: str
    origin: str
    licenses: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class TermSet:
    """All terms and alerts at a subject, in a fixed order (shortest path first)."""

    terms: tuple[Term, ...]
    alerts: tuple[Alert, ...] = ()


def derive_terms(
    exposures: Iterable[Exposure], facts: Mapping[str, OriginFacts], catalogue: Catalogue, policy: Policy
) -> TermSet:
    """The terms that the exposures carry under the given facts.

    Args:
        exposures: the subject's stored exposures, its own included.
        facts: by node id, for every origin among the exposures.

    Raises:
        KeyError: an origin has no facts. Absent knowledge is `OriginFacts()`, never a missing entry.
    """
    terms: dict[tuple[object, ...], Term] = {}
    alerts: dict[tuple[str, str], Alert] = {}
    for exposure in sorted(exposures, key=lambda each: each.path.order):
        origin = facts[exposure.origin]
        for term in _terms_of(exposure, origin, catalogue, policy):
            terms.setdefault(term.key, term)
        if origin.alerts and _alerts_reach(exposure, origin, catalogue, policy):
            for code in origin.alerts:
                alert = Alert(code, exposure.origin, origin.licenses or (), exposure.path)
                alerts.setdefault((code, exposure.origin), alert)
    return TermSet(tuple(terms.values()), tuple(alerts[key] for key in sorted(alerts)))


def _terms_of(exposure: Exposure, origin: OriginFacts, catalogue: Catalogue, policy: Policy) -> Iterator[Term]:
    for profile in {
        profile.id: profile for profile in map(catalogue.get, sorted(origin.effective_licenses()))
    }.values():
        state = _travel(profile, exposure.steps, origin.multimodal, policy.adapter_alone_is_derivative)
        if state is None:
            continue
        yield Term(
            exposure.origin,
            profile.id,
            state.codes,
            state.status,
            exposure.crossing,
            output=exposure.mark is Mark.OUTPUT,
            judged=exposure.mark is Mark.JUDGED,
            breach=state.breach,
            path=exposure.path,
        )


def _alerts_reach(exposure: Exposure, origin: OriginFacts, catalogue: Catalogue, policy: Policy) -> bool:
    """Whether an alert arrives: with the origin's terms, or with the very weights or rows that it speaks of.

    The second matters for a node that was made here and has no terms of its own. Waivers are left out: an agreement
    about a licence says nothing about what a scan found.
    """
    unwaived = replace(origin, waived=frozenset())
    return exposure.crossing is None or any(True for _ in _terms_of(exposure, unwaived, catalogue, policy))


class _State(NamedTuple):
    codes: frozenset[TermCode]
    status: TermStatus = TermStatus.BINDING
    breach: bool = False


def _travel(profile: Profile, steps: tuple[Step, ...], multimodal: bool, adapter_binds: bool) -> _State | None:
    """Carry a licence's own terms over the folded steps of a path; None when they do not arrive.

    A step that was crossed again later is repeated after each step opened in between. Either the path did just that, or
    the repetition does nothing: order matters at the first prohibited crossing alone, and the last repetition is real.
    """
    own = profile.codes if multimodal else profile.codes - {TermCode.EU_MULTIMODAL}
    state = _State(own)
    for index, opened in enumerate(steps):
        for step in (opened, *(earlier for earlier in steps[:index] if earlier.last >= index)):
            crossed = _cross(profile, state, step)
            if crossed is None:
                return None
            state = crossed
    if not adapter_binds and any(step.key is StepKey.ADAPTER for step in steps):
        return state._replace(status=TermStatus.CONTESTED)
    return state


def _cross(profile: Profile, state: _State, step: Step) -> _State | None:
    key = step.key.reach_key
    reach = profile.reach[key]
    if reach.status is ReachStatus.NONE:
        return None
    if reach.status is ReachStatus.PROHIBITED:
        # An exempt child drops what crosses into it, but a breach that was made before stays.
        if not state.breach and profile.except_base & step.families:
            return None
        state = state._replace(breach=True)
        if key is not ReachKey.JUDGED_BY:
            return state._replace(codes=frozenset({TermCode.OUTPUT_TRAINING_PROHIBITED}))
    codes = reach.filter(state.codes)
    if not codes:
        return None
    status = state.status if reach.status is ReachStatus.BINDING else TermStatus.CONTESTED
    return state._replace(codes=codes, status=status)
