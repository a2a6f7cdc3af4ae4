"""From stored exposures to terms, under the licences, agreements and policy of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

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
    here and adds no terms. `waived` are licences that an agreement in force replaces. `alerts` are codes that a scan raised
    and nobody has concluded.
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
    raise NotImplementedError
