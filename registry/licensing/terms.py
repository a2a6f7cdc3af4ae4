"""From stored exposures to terms, under the licences, agreements and policy of the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.licensing.exposures import Crossings, Exposure, NodeExposures, Path, Step
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
    exposures: NodeExposures, facts: Mapping[str, OriginFacts], catalogue: Catalogue, policy: Policy
) -> TermSet:
    """The terms that a subject's stored exposures carry under the given facts.

    Args:
        exposures: the subject's own, as `inherit` returned them.
        facts: by node id, for each of `exposures.origins`.
        catalogue: the profiles of the day.
        policy: of which `adapter_alone_is_derivative` matters here.

    Raises:
        KeyError: an origin has no facts. Absent knowledge is `OriginFacts()`, never a missing entry.
    """
    reading = _Reading(catalogue, policy)
    terms: dict[tuple[object, ...], Term] = {}
    alerts: dict[tuple[str, str], Alert] = {}
    for exposure in sorted(exposures, key=lambda each: each.path.order):
        origin = facts[exposure.origin]
        for term in reading.terms(exposure, origin):
            terms.setdefault(term.key, term)
        if origin.alerts and reading.alerts_arrive(exposure, origin):
            for code in origin.alerts:
                licenses = (UNKNOWN,) if origin.licenses is None else origin.licenses
                alert = Alert(code, exposure.origin, licenses, exposure.path)
                alerts.setdefault((code, exposure.origin), alert)
    return TermSet(tuple(terms.values()), tuple(alerts[key] for key in sorted(alerts)))


class _Reading:
    """Exposures read under one catalogue and policy; what a licence does over given crossings is worked out once."""

    def __init__(self, catalogue: Catalogue, policy: Policy) -> None:
        self._catalogue = catalogue
        self._adapter_binds = policy.adapter_alone_is_derivative
        self._travelled: dict[tuple[str, Crossings, bool], _State | None] = {}

    def terms(self, exposure: Exposure, origin: OriginFacts) -> Iterator[Term]:
        """The terms of an origin that arrive over one exposure."""
        crossings = exposure.crossings
        for license_id in sorted({self._catalogue.get(each).id for each in origin.effective_licenses()}):
            state = self._travel(license_id, crossings, origin.multimodal)
            if state is not None:
                yield Term(
                    exposure.origin,
                    license_id,
                    state.codes,
                    state.status,
                    crossings.crossing,
                    output=crossings.mark is Mark.OUTPUT,
                    judged=crossings.mark is Mark.JUDGED,
                    breach=state.breach,
                    path=exposure.path,
                )

    def alerts_arrive(self, exposure: Exposure, origin: OriginFacts) -> bool:
        """Whether an alert arrives: with the origin's terms, or with the very weights or rows that it speaks of.

        The second matters for a node that was made here and has no terms of its own. Waivers are left out: an agreement
        about a licence says nothing about what a scan found.
        """
        unwaived = replace(origin, waived=frozenset())
        return exposure.crossings.crossing is None or any(True for _ in self.terms(exposure, unwaived))

    def _travel(self, license_id: str, crossings: Crossings, multimodal: bool) -> _State | None:
        key = (license_id, crossings, multimodal)
        if key not in self._travelled:
            profile = self._catalogue.get(license_id)
            state = _travel(profile, crossings.steps, multimodal)
            if state is not None and crossings.adapter and not self._adapter_binds:
                state = state._replace(status=TermStatus.CONTESTED)
            self._travelled[key] = state
        return self._travelled[key]


class _State(NamedTuple):
    codes: frozenset[TermCode]
    status: TermStatus = TermStatus.BINDING
    breach: bool = False


def _travel(profile: Profile, steps: tuple[Step, ...], multimodal: bool) -> _State | None:
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
    return state


def _cross(profile: Profile, state: _State, step: Step) -> _State | None:
    reach = profile.reach[step.key]
    if reach.status is ReachStatus.NONE:
        return None
    if reach.status is ReachStatus.PROHIBITED:
        # An exempt child drops what crosses into it, but a breach that was made before stays.
        if not state.breach and profile.except_base & step.families:
            return None
        state = state._replace(breach=True)
        if step.key is not ReachKey.JUDGED_BY:
            return state._replace(codes=frozenset({TermCode.OUTPUT_TRAINING_PROHIBITED}))
    codes = reach.filter(state.codes)
    if not codes:
        return None
    status = state.status if reach.status is ReachStatus.BINDING else TermStatus.CONTESTED
    return state._replace(codes=codes, status=status)
