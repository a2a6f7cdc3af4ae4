"""An organisation's own entries: writing them over the shipped ones, with a reason, and taking them back.

Curation changes no stored version: it informs imports and plans from then on. A verdict follows the licences that were
recorded for the version, whatever the catalogue says later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from registry.catalog.fields import check_text
from registry.clock import now
from registry.decisions.checks import required_text
from registry.decisions.known import Record, known_records, newest_curation
from registry.decisions.rules import current_rules
from registry.errors import check_etag, etag, invalid, not_found, wrong_state
from registry.identity.access import check_everywhere
from registry.licensing import Catalogue, EntryError, KnownEntry
from registry.licensing.entries import find_in
from registry.licensing.entry_form import parse_entry
from registry.licensing.entry_links import check_links, children_of
from registry.storage.audit import Event
from registry.storage.tables import CuratedEntry
from spiritsafe.errors import InvalidArgument
from spiritsafe.rpc.caller import Caller

MAX_ENTRIES = 1_000
PREFIX = "catalog/"
Document = Mapping[str, Any]


def curate(
    session: Session, caller: Caller, documents: Sequence[tuple[str, Document]], reason: str, given_etag: str = ""
) -> tuple[list[Record], Event]:
    """Writes entries, all or none. Each document comes with the field of the request that it stands in.

    Raises:
        InvalidArgument: no reason, or an entry that is malformed or does not fit the others; names entry and field.
        PermissionDenied: the caller's roles hold in some namespaces only.
        Aborted: the entry was curated since the etag was read.
    """
    check_everywhere(caller)
    why = check_text(required_text(reason, "reason"), "reason")
    entries = _parse(documents)
    before = known_records(session)
    _check_fit(session, before, entries, [field for field, _ in documents])
    rows = [
        _append(session, caller, entry.hub_id, why, given_etag, dict(document))
        for entry, (_, document) in zip(entries, documents, strict=True)
    ]
    after = known_records(session)
    changes = [_change(before, entry, row) for entry, row in zip(entries, rows, strict=True)]
    resource = PREFIX + entries[0].hub_id if len(entries) == 1 else PREFIX.rstrip("/")
    event = Event("catalog.curated", resource, {"entries": changes, "reason": why})
    return [after[entry.hub_id.casefold()] for entry in entries], event


def withdraw(
    session: Session, caller: Caller, hub_id: str, reason: str, given_etag: str = ""
) -> tuple[Record | None, Event]:
    """Takes a curation back: the shipped entry holds again, or None where there is none.

    Raises:
        NotFound: the id has no curation that holds.
        FailedPrecondition: other entries need it, or the shipped entry no longer fits them.
        InvalidArgument, PermissionDenied, Aborted: as `curate`.
    """
    check_everywhere(caller)
    why = check_text(required_text(reason, "reason"), "reason")
    records = known_records(session)
    folded = hub_id.casefold()
    record = records.get(folded)
    if record is None or record.curation is None:
        raise not_found(PREFIX + hub_id)
    _check_withdrawal(session, records, record)
    row = _append(session, caller, record.entry.hub_id, why, given_etag, None)
    details = {"entries": [{"hub_id": record.entry.hub_id, "revision": row.revision}], "reason": why}
    return known_records(session).get(folded), Event("catalog.withdrawn", PREFIX + record.entry.hub_id, details)


def _parse(documents: Sequence[tuple[str, Document]]) -> list[KnownEntry]:
    if not 1 <= len(documents) <= MAX_ENTRIES:
        raise invalid("documents", f"must be 1 to {MAX_ENTRIES} entries, not {len(documents)}")
    entries: list[KnownEntry] = []
    for position, (field, document) in enumerate(documents):
        try:
            entry = parse_entry(document, position)
        except EntryError as error:
            raise _refused(field, error) from error
        if any(entry.hub_id.casefold() == each.hub_id.casefold() for each in entries):
            raise _refused(field, EntryError(entry.hub_id, "hub_id", "is given twice"))
        entries.append(entry)
    return entries


def _check_fit(
    session: Session, before: Mapping[str, Record], entries: Sequence[KnownEntry], fields: Sequence[str]
) -> None:
    """The new entries must fit the catalogue that they make, and those made from them must still fit."""
    merged = {folded: record.entry for folded, record in before.items()}
    merged |= {entry.hub_id.casefold(): entry for entry in entries}
    catalogue = current_rules(session).catalogue
    for entry, field in zip(entries, fields, strict=True):
        try:
            _check_kind(before.get(entry.hub_id.casefold()), entry)
            _check_links(entry, merged, catalogue)
        except EntryError as error:
            raise _refused(field, error) from error
    for entry, field in zip(entries, fields, strict=True):
        try:
            for child in children_of(entry.hub_id, merged.values()):
                _check_links(child, merged, catalogue)
        except EntryError as error:
            raise _refused(
                field, EntryError(entry.hub_id, "parts", f"would leave out what is in use: {error}")
            ) from error


def _check_links(entry: KnownEntry, entries: Mapping[str, KnownEntry], catalogue: Catalogue) -> None:
    check_links(entry, lambda hub_id: find_in(entries, hub_id), catalogue.__contains__)


def _check_kind(existing: Record | None, entry: KnownEntry) -> None:
    # Other entries name it for what it is.
    if existing is not None and existing.entry.kind is not entry.kind:
        raise EntryError(entry.hub_id, "kind", f"is {entry.kind.value!r}, but the entry is a {existing.entry.kind}")


def _check_withdrawal(session: Session, records: Mapping[str, Record], record: Record) -> None:
    """What was made from the entry must still fit, and so must the shipped entry that holds again."""
    folded = record.entry.hub_id.casefold()
    entries = {key: each.entry for key, each in records.items() if key != folded}
    if record.overridden is not None:
        entries[folded] = record.overridden
    catalogue = current_rules(session).catalogue
    try:
        for entry in (*filter(None, [record.overridden]), *children_of(record.entry.hub_id, entries.values())):
            _check_links(entry, entries, catalogue)
    except EntryError as error:
        raise wrong_state(
            PREFIX + record.entry.hub_id,
            f"cannot be withdrawn: {error}",
            reason="CATALOG_ENTRY_IN_USE",
            remedy="change or withdraw that entry first",
        ) from error


def _append(
    session: Session, caller: Caller, hub_id: str, reason: str, given_etag: str, document: dict[str, Any] | None
) -> CuratedEntry:
    last = newest_curation(session, hub_id)
    revision = last.revision if last else 0
    check_etag(given_etag, revision, PREFIX + hub_id)
    row = CuratedEntry(
        hub_id_folded=hub_id.casefold(),
        revision=revision + 1,
        document=document,
        reason=reason,
        creator=caller.identity,
        create_time=now(),
    )
    session.add(row)
    session.flush()
    return row


def _change(before: Mapping[str, Record], entry: KnownEntry, row: CuratedEntry) -> dict[str, Any]:
    replaced = before.get(entry.hub_id.casefold())
    return {
        "hub_id": entry.hub_id,
        "revision": row.revision,
        "licenses": list(entry.licenses),
        "replaces": replaced.origin if replaced else "",
        "licenses_before": list(replaced.entry.licenses) if replaced else [],
    }


def _refused(field: str, error: EntryError) -> InvalidArgument:
    return invalid(
        f"{field}.{error.field}",
        f"entry {error.entry}: {error.problem}",
        reason="INVALID_CATALOG_ENTRY",
        remedy="correct the entry; spiritsafe catalog show gives a shipped one in the same form",
    )


def record_etag(record: Record) -> str:
    """The etag of an entry: the revision of its curation, 0 for one that was never overridden."""
    return etag(record.curation.revision if record.curation else 0)
