"""From stored exposures to terms, under the licences, agreements and policy of the day."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from registry.licensing.exposures import Crossings, NodeExposures, Path, Step
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


class TermKey(NamedTuple):
    """What makes two terms of different origins equal; `own` are those of the subject itself.

    `adapted` tells of codes that forbid sharing derivatives whether they came over an edge that makes one.
    """

    license: str
    codes: frozenset[TermCode]
    status: TermStatus
    crossing: EdgeType | None
    mark: Mark
    breach: bool
    own: bool
    adapted: bool = False

    @property
    def order(self) -> tuple[object, ...]:
        """A fixed order of keys."""
        return (
            self.license,
            sorted(self.codes),
            self.status,
            self.crossing or "",
            self.mark,
            self.breach,
            self.own,
            self.adapted,
        )


PathOf = Callable[[str], Path]


class TermGroup:
    """Terms that are equal but for their origins: a lineage of any length has few such groups.

    `adapter` tells whether an `adapter` edge is on some path of it. Paths are found when they are asked for.
    """

    def __init__(self, key: TermKey) -> None:
        self.key = key
        self.adapter = False
        self._paths: dict[str, tuple[PathOf, ...]] = {}
        self._shortest: dict[str, Path] = {}

    def add(self, origins: Iterable[str], path_of: PathOf, *, adapter: bool) -> None:
        """Add origins whose shortest path of one kind `path_of` tells."""
        self.adapter = self.adapter or adapter
        if not self._paths:
            self._paths = dict.fromkeys(origins, (path_of,))
            return
        for origin in origins:
            self._paths[origin] = (*self._paths.get(origin, ()), path_of)

    @property
    def origins(self) -> Iterable[str]:
        """The nodes whose terms these are, in no particular order."""
        return self._paths.keys()

    def path(self, origin: str) -> Path:
        """The shortest path from the subject to an origin over which the term comes."""
        known = self._shortest.get(origin)
        if known is None:
            known = min((path_of(origin) for path_of in self._paths[origin]), key=lambda path: path.order)
            self._shortest[origin] = known
        return known


@dataclass(frozen=True, slots=True)
class Alert:
    """An unconcluded alert of a node whose terms reach the subject."""

    code: str
    origin: str
    licenses: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class TermSet:
    """All terms, by group, and alerts at a subject, in a fixed order."""

    groups: tuple[TermGroup, ...]
    alerts: tuple[Alert, ...] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """Each term by itself, shortest path first."""
        found = [_term(group.key, origin, group.path(origin)) for group in self.groups for origin in group.origins]
        return tuple(sorted(found, key=lambda term: term.path.order))


class TermGroups:
    """Collects terms into their groups."""

    def __init__(self) -> None:
        self._groups: dict[TermKey, TermGroup] = {}

    def of(self, key: TermKey) -> TermGroup:
        """The group of a key, made when it is new."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = TermGroup(key)
        return group

    def in_order(self) -> tuple[TermGroup, ...]:
        """The groups, whatever order they were found in."""
        return tuple(self._groups[key] for key in sorted(self._groups, key=lambda key: key.order))


def derive_terms(
    exposures: NodeExposures, facts: Mapping[str, OriginFacts], catalogue: Catalogue, policy: Policy
) -> TermSet:
    """The terms that a subject's stored exposures carry under the given facts.

    Args:
        exposures: the subject's own, as `inherit` returned them.
        facts: by node id, for each of `exposures.origins`. Nodes that share one object are looked at once.
        catalogue: the profiles of the day.
        policy: of which `adapter_alone_is_derivative` matters here.

    Raises:
        KeyError: an origin has no facts. Absent knowledge is `OriginFacts()`, never a missing entry.
    """
    reading = _Reading(catalogue, policy)
    groups = TermGroups()
    alerts: dict[tuple[str, str], Alert] = {}
    for crossings, paths, reached in _kinds_of_origins(exposures):
        for known, origins in _by_facts(reached, facts):
            for key in reading.keys(crossings, known, own=reached == (exposures.node,)):
                groups.of(key).add(origins, paths.__getitem__, adapter=crossings.adapter)
            if known.alerts and reading.alerts_arrive(crossings, known):
                _raise_alerts(alerts, known, ((origin, paths[origin]) for origin in origins))
    return TermSet(groups.in_order(), tuple(alerts[key] for key in sorted(alerts)))


def _kinds_of_origins(
    exposures: NodeExposures,
) -> Iterator[tuple[Crossings, Mapping[str, Path], Collection[str]]]:
    """Origins by crossings; the node itself, whose own terms are told from those that it inherits, stands alone."""
    for crossings, paths in exposures.paths.items():
        if exposures.node not in paths:
            yield crossings, paths, paths.keys()
            continue
        yield crossings, paths, (exposures.node,)
        yield crossings, paths, [origin for origin in paths if origin != exposures.node]


def _by_facts(origins: Iterable[str], facts: Mapping[str, OriginFacts]) -> Iterable[tuple[OriginFacts, list[str]]]:
    # By identity: hashing the facts of every origin would cost more than all that is done with them.
    found: dict[int, tuple[OriginFacts, list[str]]] = {}
    for origin in origins:
        known = facts[origin]
        entry = found.get(id(known))
        if entry is None:
            entry = found[id(known)] = (known, [])
        entry[1].append(origin)
    return found.values()


def _raise_alerts(alerts: dict[tuple[str, str], Alert], known: OriginFacts, paths: Iterable[tuple[str, Path]]) -> None:
    licenses = (UNKNOWN,) if known.licenses is None else known.licenses
    for origin, path in paths:
        for code in known.alerts:
            earlier = alerts.get((code, origin))
            if earlier is None or path.order < earlier.path.order:
                alerts[code, origin] = Alert(code, origin, licenses, path)


def _term(key: TermKey, origin: str, path: Path) -> Term:
    return Term(
        origin,
        key.license,
        key.codes,
        key.status,
        key.crossing,
        output=key.mark is Mark.OUTPUT,
        judged=key.mark is Mark.JUDGED,
        breach=key.breach,
        path=path,
    )


class _Reading:
    """Exposures read under one catalogue and policy; what a licence does over given crossings is worked out once."""

    def __init__(self, catalogue: Catalogue, policy: Policy) -> None:
        self._catalogue = catalogue
        self._adapter_binds = policy.adapter_alone_is_derivative
        self._travelled: dict[tuple[str, Crossings, bool], TermState | None] = {}

    def keys(self, crossings: Crossings, origin: OriginFacts, *, own: bool = False) -> Iterator[TermKey]:
        """The terms of an origin that arrive over one exposure."""
        for license_id in own_licenses(origin, self._catalogue):
            state = self._travel(license_id, crossings, origin.multimodal)
            if state is not None:
                came = (crossings.crossing, crossings.mark, state.breach, own)
                adapted = crossings.adapted and TermCode.NO_DERIVATIVES in state.codes
                yield TermKey(license_id, state.codes, state.status, *came, adapted)

    def alerts_arrive(self, crossings: Crossings, origin: OriginFacts) -> bool:
        """Whether an alert arrives: with the origin's terms, or with the very weights or rows that it speaks of.

        The second matters for a node that was made here and has no terms of its own. Waivers are left out: an agreement
        about a licence says nothing about what a scan found.
        """
        unwaived = replace(origin, waived=frozenset())
        return crossings.crossing is None or any(True for _ in self.keys(crossings, unwaived))

    def _travel(self, license_id: str, crossings: Crossings, multimodal: bool) -> TermState | None:
        key = (license_id, crossings, multimodal)
        if key not in self._travelled:
            profile = self._catalogue.get(license_id)
            state = _travel(profile, crossings.steps, multimodal)
            if state is not None and crossings.adapter and not self._adapter_binds:
                state = state._replace(status=TermStatus.CONTESTED)
            self._travelled[key] = state
        return self._travelled[key]


def own_licenses(facts: OriginFacts, catalogue: Catalogue) -> list[str]:
    """The ids of the profiles that give a node's own terms; `unknown` for a licence without one."""
    return sorted({catalogue.get(each).id for each in facts.effective_licenses()})


class TermState(NamedTuple):
    """What is left of a licence's terms on their way."""

    codes: frozenset[TermCode]
    status: TermStatus = TermStatus.BINDING
    breach: bool = False


def own_state(profile: Profile, multimodal: bool) -> TermState:
    """A licence's terms at the node that is under it."""
    return TermState(profile.codes if multimodal else profile.codes - {TermCode.EU_MULTIMODAL})


def _travel(profile: Profile, steps: tuple[Step, ...], multimodal: bool) -> TermState | None:
    """Carry a licence's own terms over the folded steps of a path; None when they do not arrive.

    A step that was crossed again later is repeated after each step opened in between. Either the path did just that, or
    the repetition does nothing: order matters at the first prohibited crossing alone, and the last repetition is real.
    """
    state = own_state(profile, multimodal)
    for index, opened in enumerate(steps):
        for step in (opened, *(earlier for earlier in steps[:index] if earlier.last >= index)):
            crossed = cross(profile, state, step.key, step.families)
            if crossed is None:
                return None
            state = crossed
    return state


def cross(profile: Profile, state: TermState, key: ReachKey, families: frozenset[str]) -> TermState | None:
    """Carry terms over one reach key; None when they stop there. `families` are those of the child's weight lineage."""
    reach = profile.reach[key]
    if reach.status is ReachStatus.NONE:
        return None
    if reach.status is ReachStatus.PROHIBITED:
        # An exempt child drops what crosses into it, but a breach that was made before stays.
        if not state.breach and profile.except_base & families:
            return None
        state = state._replace(breach=True)
        if key is not ReachKey.JUDGED_BY:
            return state._replace(codes=frozenset({TermCode.OUTPUT_TRAINING_PROHIBITED}))
    codes = reach.filter(state.codes)
    if not codes:
        return None
    status = state.status if reach.status is ReachStatus.BINDING else TermStatus.CONTESTED
    return state._replace(codes=codes, status=status)
