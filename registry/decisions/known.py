"""The catalogue of known models, datasets and services as one organisation sees it: its curated entries over the
shipped ones.

Entries are written by people: hundreds, not millions, so the whole is read at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from registry.licensing import KnownEntry, load_entries
from registry.licensing.entry_form import parse_entry
from registry.storage.tables import CuratedEntry


@dataclass(frozen=True, slots=True)
class Record:
    """An entry that holds, the curation that it comes from, and the shipped entry that it overrides.

    `curation` is None for a shipped entry that nobody has overridden.
    """

    entry: KnownEntry
    curation: CuratedEntry | None = None
    overridden: KnownEntry | None = None

    @property
    def origin(self) -> str:
        return "shipped" if self.curation is None else "curated"


def known_records(session: Session) -> Mapping[str, Record]:
    """Every entry that holds, by case-folded id and in that order."""
    found = {hub_id.casefold(): Record(entry) for hub_id, entry in load_entries().items()}
    for curation in _curations(session):
        shipped = found.get(curation.hub_id_folded)
        found[curation.hub_id_folded] = Record(
            parse_entry(curation.document), curation, shipped.entry if shipped else None
        )
    return {folded: found[folded] for folded in sorted(found)}


def known_entries(session: Session) -> Mapping[str, KnownEntry]:
    """Every entry that holds, by id."""
    return {record.entry.hub_id: record.entry for record in known_records(session).values()}


def newest_curation(session: Session, hub_id: str) -> CuratedEntry | None:
    """The last curation of an id, withdrawn or not; None when it was never curated."""
    query = select(CuratedEntry).where(CuratedEntry.hub_id_folded == hub_id.casefold())
    return session.exec(query.order_by(col(CuratedEntry.revision).desc()).limit(1)).first()


def _curations(session: Session) -> list[CuratedEntry]:
    """The newest curation of each id, without those that were withdrawn."""
    other = aliased(CuratedEntry)
    newest = select(func.max(other.revision)).where(other.hub_id_folded == CuratedEntry.hub_id_folded).scalar_subquery()
    query = select(CuratedEntry).where(CuratedEntry.revision == newest, col(CuratedEntry.document).is_not(None))
    return list(session.exec(query))
