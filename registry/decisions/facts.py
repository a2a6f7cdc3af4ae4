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
from registry.licensing.vocabulary import UNKNOWN
from registry.storage.tables import Agreement, Node, Review, Version
from spiritsafe.rpc.names import NodeName, VersionName

LICENSE_CONFLICT = "LICENSE_CONFLICT"
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
    conflicting: bool


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
        """Whether some weights edge leaves the version."""
        return self.exposures.has_weights_parent


def effective_licenses(version: Version) -> list[str]:
    """The licences that count: concluded, else declared AND detected; ``unknown`` when imported with nothing known."""
    return _effective(version.concluded, version.declared, version.detected, version.imported)


def load_lineage(session: Session, version: Version) -> Lineage:
    """Reads the stored exposures and the licence columns of every origin; needs a finalized version."""
    assert version.exposures is not None, "a finalized version has exposures"
    exposures = NodeExposures.from_json(version.exposures)
    ids = sorted(map(int, exposures.origins))
    origins: dict[int, Origin] = {}
    for chunk in _chunks(ids):
        for row in session.execute(_ORIGINS.where(col(Version.id).in_(chunk))):
            origins[row.id] = _origin(row)
    return Lineage(exposures, origins)


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


def origin_facts(lineage: Lineage, agreements: Iterable[Agreement], at: int) -> dict[str, OriginFacts]:
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
            frozenset({LICENSE_CONFLICT} if origin.conflicting else ()),
        )
        for version_id, origin in lineage.origins.items()
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


def _origin(row: sqlalchemy.Row[Any]) -> Origin:
    known = (row.concluded, row.declared, row.detected)
    return Origin(
        name=VersionName(NodeName(row.namespace, row.collection, row.slug), row.number),
        node_id=row.node_id,
        licenses=tuple(_effective(*known, row.imported)),
        multimodal=row.multimodal,
        stand_in=row.stand_in,
        conflicting=_conflicting(*known),
    )


def _effective(
    concluded: list[str] | None, declared: list[str] | None, detected: list[str] | None, imported: bool
) -> list[str]:
    if concluded is not None:
        return list(concluded)
    known = list(dict.fromkeys([*(declared or ()), *(detected or ())]))
    return known or ([UNKNOWN] if imported else [])


def _conflicting(concluded: list[str] | None, declared: list[str] | None, detected: list[str] | None) -> bool:
    """Whether publisher and scan disagree and nobody has concluded who is right."""
    return concluded is None and bool(declared) and bool(detected) and set(declared or ()) != set(detected or ())


def _chunks(ids: Sequence[int], size: int = 1000) -> Iterable[Sequence[int]]:
    """Databases limit the number of bound values in one statement."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
