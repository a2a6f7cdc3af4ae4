"""What the licensing core must know of a version's lineage today, read from the database.

Nodes of stored exposures are version ids in decimal. Every node on a stored path is itself an origin, so one query over
the origins answers for the whole lineage, at any depth and without walking the graph. Most origins of a long lineage
are alike, so the database groups them, and origins that are alike share one object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import sqlalchemy
from sqlalchemy import Integer, String, Text, cast
from sqlmodel import Session, col, select

from registry.decisions.ancestry import Ancestry, Name
from registry.licensing import Approval, Context, NodeExposures, OriginFacts
from registry.licensing.effective import effective
from registry.licensing.findings import ALERT_CODES
from registry.storage.lookup import among, id_list
from registry.storage.tables import Agreement, Finding, Review, Version
from spiritsafe.rpc.names import VersionName

_ALIKE = (
    cast(col(Version.concluded), Text),
    cast(col(Version.declared), Text),
    cast(col(Version.detected), Text),
    cast(col(Version.imported), Integer),
    cast(col(Version.multimodal), Integer),
    cast(col(Version.stand_in), Integer),
)
_AMONG = among(col(Version.id), "ids")
_ORIGINS = (
    sqlalchemy.select(sqlalchemy.func.aggregate_strings(cast(col(Version.id), String), ","), *_ALIKE)
    .where(_AMONG)
    .group_by(*_ALIKE)
)
_MODELS = sqlalchemy.select(col(Version.node_id), col(Version.id)).where(_AMONG)
_OPEN_ALERTS = sqlalchemy.select(col(Finding.version_id), col(Finding.code)).where(
    among(col(Finding.version_id), "ids"), col(Finding.state) == "open", col(Finding.code).in_(sorted(ALERT_CODES))
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an ancestor, or of the version itself: its own licences before agreements, and more."""

    licenses: tuple[str, ...]
    multimodal: bool
    stand_in: bool
    alerts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Origins:
    """Versions as origins of terms: those that are alike together, by the exposure nodes that stand for them."""

    groups: tuple[tuple[Origin, tuple[str, ...]], ...]

    @property
    def by_id(self) -> dict[int, Origin]:
        """Each origin by version id."""
        return {int(node): origin for origin, nodes in self.groups for node in nodes}


@dataclass(frozen=True, slots=True)
class Waiver:
    """An agreement with the origins, by exposure node, whose licence it waives."""

    agreement: Agreement
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The stored exposures of a version and its origins, within a session."""

    session: Session
    ancestry: Ancestry
    known: Origins

    @property
    def origins(self) -> Mapping[int, Origin]:
        """Each origin by version id."""
        return self.known.by_id

    @property
    def exposures(self) -> NodeExposures:
        """How the origins reach the version."""
        return self.ancestry.exposures

    @property
    def names(self) -> Mapping[str, Name]:
        """Names by exposure node."""
        return self.ancestry.names(self.session)

    @property
    def stand_ins(self) -> list[VersionName]:
        """The version itself and ancestors, as far as they are stand-ins."""
        return [self.names[node].version for origin, nodes in self.known.groups if origin.stand_in for node in nodes]


def effective_licenses(version: Version) -> list[str]:
    """The licences that count: concluded, else declared AND detected; ``unknown`` when imported with nothing known."""
    return effective(version.concluded, version.declared, version.detected, version.imported)


def load_lineage(session: Session, version: Version, ancestry: Ancestry | None = None) -> Lineage:
    """Reads what is known today of every origin of a finalized version; its ancestry too where it is not given."""
    ancestry = ancestry or Ancestry.of(version)
    return Lineage(session, ancestry, load_origins(session, ancestry.version_ids))


def load_origins(session: Session, version_ids: Iterable[int]) -> Origins:
    """What verdicts ask of these versions as origins of terms."""
    among_these = {"ids": id_list(version_ids)}
    alerts = _open_alerts(session, among_these)
    rows = session.execute(_ORIGINS, among_these)
    alike = ((_origin(*columns), tuple(ids.split(","))) for ids, *columns in rows)
    return Origins(tuple(group for origin, nodes in alike for group in _by_alerts(origin, nodes, alerts)))


def unended_agreements(session: Session, at: int) -> list[Agreement]:
    """Agreements that are in force at that time or will be: neither revoked nor over."""
    query = select(Agreement).where(col(Agreement.revoke_time).is_(None), Agreement.end_time > at)
    return list(session.exec(query.order_by(col(Agreement.id))))


def find_waivers(session: Session, origins: Origins, agreements: Iterable[Agreement]) -> list[Waiver]:
    """The agreements that waive, now or later and in some context, a licence that some origin has."""
    licensed = {each for origin, _ in origins.groups for each in origin.licenses}
    about = [each for each in agreements if each.license in licensed]
    if not about:
        return []
    versions = _by_model(session, origins)
    waivers = []
    for agreement in about:
        named = {node for model in agreement.node_ids for node in versions.get(model, ())}
        held = {node for origin, nodes in origins.groups if agreement.license in origin.licenses for node in nodes}
        if named & held:
            waivers.append(Waiver(agreement, frozenset(named & held)))
    return waivers


def origin_facts(origins: Origins, waivers: Iterable[Waiver], at: int) -> dict[str, OriginFacts]:
    """Facts by exposure node, with the waivers of the agreements that have begun; those that are alike share one."""
    waived: dict[str, frozenset[str]] = {}
    for waiver in waivers:
        if waiver.agreement.start_time <= at:
            for node in waiver.nodes:
                waived[node] = waived.get(node, frozenset()) | {waiver.agreement.license}
    known: dict[str, OriginFacts] = {}
    for origin, nodes in origins.groups:
        known.update(dict.fromkeys(nodes, _facts(origin, frozenset())))
        known.update((node, _facts(origin, waived[node])) for node in waived.keys() & set(nodes))
    return known


def reviews_in_force(session: Session, version: Version, contexts: Iterable[Context], at: int) -> list[Review]:
    """Approvals of this exact content in the contexts that are neither revoked nor expired."""
    query = select(Review).where(
        Review.version_id == version.id,
        Review.version_digest == version.digest,
        col(Review.context).in_([context.value for context in contexts]),
        Review.state == "approved",
        col(Review.expire_time) > at,
    )
    return list(session.exec(query.order_by(col(Review.id))))


def approval(review: Review) -> Approval:
    """The review as the core sees it."""
    return Approval(review.code, review.license, str(review.origin_id), Context(review.context))


def next_change(agreements: Iterable[Agreement], reviews: Iterable[Review], at: int) -> int | None:
    """When the passing of time alone first changes the facts; None when it never does."""
    times = [time for each in agreements for time in (each.start_time, each.end_time)]
    times += [each.expire_time for each in reviews if each.expire_time is not None]
    return min((time for time in times if time > at), default=None)


def _open_alerts(session: Session, among_these: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Codes of the alerts that nobody has concluded, by exposure node."""
    found: dict[str, frozenset[str]] = {}
    for version_id, code in session.execute(_OPEN_ALERTS, among_these):
        found[str(version_id)] = found.get(str(version_id), frozenset()) | {code}
    return found


def _by_alerts(
    origin: Origin, nodes: tuple[str, ...], alerts: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Origin, tuple[str, ...]]]:
    """Origins with alerts of their own set apart from those that are alike otherwise."""
    raised = [node for node in nodes if node in alerts]
    yield origin, tuple(node for node in nodes if node not in alerts) if raised else nodes
    for node in raised:
        yield replace(origin, alerts=alerts[node]), (node,)


def _by_model(session: Session, origins: Origins) -> dict[int, list[str]]:
    """The origins by the model or dataset that they are a version of."""
    ids = (int(node) for _, nodes in origins.groups for node in nodes)
    found: dict[int, list[str]] = {}
    for model, version_id in session.execute(_MODELS, {"ids": id_list(ids)}):
        found.setdefault(model, []).append(str(version_id))
    return found


def _facts(origin: Origin, waived: frozenset[str]) -> OriginFacts:
    return OriginFacts(origin.licenses, origin.multimodal, waived, origin.alerts)


def _origin(
    concluded: str | None, declared: str | None, detected: str | None, imported: int, multimodal: int, stand_in: int
) -> Origin:
    known = (_ids(concluded), _ids(declared), _ids(detected))
    return Origin(
        licenses=tuple(effective(*known, bool(imported))),
        multimodal=bool(multimodal),
        stand_in=bool(stand_in),
    )


def _ids(stored: str | None) -> list[str] | None:
    """Licence ids as the column holds them."""
    if stored is None:
        return None
    ids: list[str] = json.loads(stored)
    return ids
