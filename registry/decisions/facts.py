"""What the licensing core must know of a version's lineage today, read from the database.

Nodes of stored exposures are version ids in decimal. Every node on a stored path is itself an origin, so one query over
the origins answers for the whole lineage, at any depth and without walking the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, select

from registry.licensing import Approval, Context, NodeExposures, OriginFacts
from registry.licensing.findings import ALERT_CODES
from registry.licensing.vocabulary import UNKNOWN, WEIGHTS_EDGES
from registry.storage.tables import Agreement, Finding, Node, Review, Version
from spiritsafe.rpc.names import NodeName, VersionName

# Columns, not rows: an ancestor's own stored exposures are long and not needed.
_ORIGINS = sqlalchemy.select(
    col(Node.namespace),
    col(Node.collection),
    col(Node.slug),
    col(Version.id),
    col(Version.number),
    col(Version.node_id),
    col(Version.multimodal),
    col(Version.stand_in),
    col(Version.concluded),
    col(Version.declared),
    col(Version.detected),
    col(Version.imported),
).join(Version, col(Version.node_id) == Node.id)


@dataclass(frozen=True, slots=True)
class Origin:
    """One ancestor (or the version itself): its name, and its own licences before agreements."""

    name: VersionName
    node_id: int
    licenses: tuple[str, ...]
    multimodal: bool
    stand_in: bool
    alerts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The stored exposures of a version and its origins by version id."""

    exposures: NodeExposures
    origins: Mapping[int, Origin]

    @property
    def names(self) -> dict[int, VersionName]:
        """Resource names by version id."""
        return {version_id: origin.name for version_id, origin in self.origins.items()}

    @property
    def stand_ins(self) -> list[VersionName]:
        """The version itself and ancestors, as far as they are stand-ins."""
        return [origin.name for origin in self.origins.values() if origin.stand_in]

    @property
    def has_weights_parent(self) -> bool:
        """Whether some weights edge leaves the version: such an edge is the shortest path of its own exposure."""
        paths = (exposure.path.edges for exposure in self.exposures)
        return any(len(edges) == 1 and edges[0] in WEIGHTS_EDGES for edges in paths)


def effective_licenses(version: Version) -> list[str]:
    """The licences that count: concluded, else declared AND detected; ``unknown`` when imported with nothing known."""
    return _effective(version.concluded, version.declared, version.detected, version.imported)


def load_lineage(session: Session, version: Version) -> Lineage:
    """Reads the stored exposures and the licence columns of every origin; needs a finalized version."""
    assert version.exposures is not None, "a finalized version has exposures"
    exposures = NodeExposures.from_json(version.exposures)
    return Lineage(exposures, load_origins(session, map(int, exposures.origins)))


def load_origins(session: Session, version_ids: Iterable[int]) -> dict[int, Origin]:
    """What verdicts ask of these versions as origins of terms, by version id."""
    origins: dict[int, Origin] = {}
    for chunk in _chunks(sorted(version_ids)):
        alerts = _open_alerts(session, chunk)
        for row in session.execute(_ORIGINS.where(col(Version.id).in_(chunk))):
            origins[row.id] = _origin(row, alerts.get(row.id, frozenset()))
    return origins


def unended_agreements(session: Session, at: int) -> list[Agreement]:
    """Agreements that are in force at that time or will be: neither revoked nor over."""
    query = select(Agreement).where(col(Agreement.revoke_time).is_(None), Agreement.end_time > at)
    return list(session.exec(query.order_by(col(Agreement.id))))


def relevant_agreements(lineage: Lineage, agreements: Iterable[Agreement], context: Context) -> list[Agreement]:
    """Those that waive, now or later, a licence that some origin has, in the context."""
    held = {(origin.node_id, each) for origin in lineage.origins.values() for each in origin.licenses}
    return [
        agreement
        for agreement in agreements
        if context in agreement.contexts and any((node, agreement.license) in held for node in agreement.node_ids)
    ]


def origin_facts(origins: Mapping[int, Origin], agreements: Iterable[Agreement], at: int) -> dict[str, OriginFacts]:
    """Facts by exposure node, with the waivers of the agreements that have begun."""
    waived: dict[int, set[str]] = {}
    for agreement in agreements:
        if agreement.start_time <= at:
            for node_id in agreement.node_ids:
                waived.setdefault(node_id, set()).add(agreement.license)
    return {
        str(version_id): OriginFacts(
            origin.licenses,
            origin.multimodal,
            frozenset(waived.get(origin.node_id, ())),
            origin.alerts,
        )
        for version_id, origin in origins.items()
    }


def reviews_in_force(session: Session, version: Version, context: Context, at: int) -> list[Review]:
    """Approvals of this exact content in the context that are neither revoked nor expired."""
    query = select(Review).where(
        Review.version_id == version.id,
        Review.version_digest == version.digest,
        Review.context == context.value,
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


def _open_alerts(session: Session, version_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """Codes of the alerts that nobody has concluded, by version id."""
    query = select(Finding.version_id, Finding.code).where(
        col(Finding.version_id).in_(version_ids), Finding.state == "open", col(Finding.code).in_(ALERT_CODES)
    )
    found: dict[int, frozenset[str]] = {}
    for version_id, code in session.exec(query):
        found[version_id] = found.get(version_id, frozenset()) | {code}
    return found


def _origin(row: sqlalchemy.Row[Any], alerts: frozenset[str]) -> Origin:
    return Origin(
        name=VersionName(NodeName(row.namespace, row.collection, row.slug), row.number),
        node_id=row.node_id,
        licenses=tuple(_effective(row.concluded, row.declared, row.detected, row.imported)),
        multimodal=row.multimodal,
        stand_in=row.stand_in,
        alerts=alerts,
    )


def _effective(
    concluded: list[str] | None, declared: list[str] | None, detected: list[str] | None, imported: bool
) -> list[str]:
    if concluded is not None:
        return list(concluded)
    known = list(dict.fromkeys([*(declared or ()), *(detected or ())]))
    return known or ([UNKNOWN] if imported else [])


def _chunks(ids: Sequence[int], size: int = 1000) -> Iterable[Sequence[int]]:
    """Databases limit the number of bound values in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
