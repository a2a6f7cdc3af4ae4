"""CatalogService: known models, datasets and services, shipped and curated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import islice

import grpc
from google.protobuf import json_format, struct_pb2
from sqlmodel import Session

from registry.catalog.curation import PREFIX, curate, record_etag, withdraw
from registry.context import Registry
from registry.decisions.known import Record, known_records
from registry.errors import invalid, not_found
from registry.licensing import KnownDataset, KnownEntry, KnownModel, upstream_licenses
from registry.licensing.entries import PART_SEPARATOR, find_in
from registry.licensing.entry_form import to_document
from registry.listing.fields import check, holds, is_equal
from registry.listing.filters import Node, Restriction, parse, restrictions
from registry.listing.paging import MAX_PAGE_SIZE
from registry.storage.audit import Event
from registry.wire import enum_number, struct_data
from spiritsafe.registry.v1 import catalog_pb2, catalog_pb2_grpc
from spiritsafe.rpc.caller import Caller

_FIELDS: Mapping[str, Callable[[Record], Collection[str]]] = {
    "kind": lambda record: [record.entry.kind.value],
    "license": lambda record: list(record.entry.licenses),
    "origin": lambda record: [record.origin],
}
_Records = Mapping[str, Record]


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """The catalogue belongs to no namespace: whoever curates it does so for all of them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def ListCatalogEntries(
        self, request: catalog_pb2.ListCatalogEntriesRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.ListCatalogEntriesResponse:
        page = self._registry.page(request, "ListCatalogEntries", request.filter)
        filter_ = _filter(request.filter)
        with self._registry.database.read() as session:
            records = known_records(session)
            after = "" if page.after is None else str(page.after)
            keys = list(islice((key for key in records if key > after), MAX_PAGE_SIZE + 1))
            kept, token = page.cut_matching(
                keys, MAX_PAGE_SIZE, lambda key: key, lambda key: _matches(records[key], filter_)
            )
            entries = [_message(records[key], records) for key in kept]
        return catalog_pb2.ListCatalogEntriesResponse(entries=entries, next_page_token=token)

    def GetCatalogEntry(
        self, request: catalog_pb2.GetCatalogEntryRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.GetCatalogEntryResponse:
        hub_id = _hub_id(request.name)
        with self._registry.database.read() as session:
            records = known_records(session)
            entry = find_in(_entries(records), hub_id)
            if entry is None:
                raise not_found(request.name)
            record = records[hub_id.partition(PART_SEPARATOR)[0].casefold()]
            return catalog_pb2.GetCatalogEntryResponse(entry=_message(replace(record, entry=entry), records))

    def CurateCatalogEntry(
        self, request: catalog_pb2.CurateCatalogEntryRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.CurateCatalogEntryResponse:
        def act(session: Session, caller: Caller) -> tuple[catalog_pb2.CurateCatalogEntryResponse, Event]:
            document = ("document", struct_data(request.document))
            (record,), event = curate(session, caller, [document], request.reason, request.etag)
            entry = _message(record, known_records(session))
            return catalog_pb2.CurateCatalogEntryResponse(entry=entry), event

        response_type = catalog_pb2.CurateCatalogEntryResponse
        return self._registry.mutate("CatalogService/CurateCatalogEntry", request, response_type, act)

    def BatchCurateCatalogEntries(
        self, request: catalog_pb2.BatchCurateCatalogEntriesRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.BatchCurateCatalogEntriesResponse:
        def act(session: Session, caller: Caller) -> tuple[catalog_pb2.BatchCurateCatalogEntriesResponse, Event]:
            documents = [(f"documents[{i}]", struct_data(each)) for i, each in enumerate(request.documents)]
            curated, event = curate(session, caller, documents, request.reason)
            records = known_records(session)
            entries = [_message(record, records) for record in curated]
            return catalog_pb2.BatchCurateCatalogEntriesResponse(entries=entries), event

        response_type = catalog_pb2.BatchCurateCatalogEntriesResponse
        return self._registry.mutate("CatalogService/BatchCurateCatalogEntries", request, response_type, act)

    def WithdrawCatalogEntry(
        self, request: catalog_pb2.WithdrawCatalogEntryRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.WithdrawCatalogEntryResponse:
        hub_id = _hub_id(request.name)

        def act(session: Session, caller: Caller) -> tuple[catalog_pb2.WithdrawCatalogEntryResponse, Event]:
            record, event = withdraw(session, caller, hub_id, request.reason, request.etag)
            entry = _message(record, known_records(session)) if record else None
            return catalog_pb2.WithdrawCatalogEntryResponse(entry=entry), event

        response_type = catalog_pb2.WithdrawCatalogEntryResponse
        return self._registry.mutate("CatalogService/WithdrawCatalogEntry", request, response_type, act)


def _hub_id(name: str) -> str:
    if name.startswith(PREFIX) and len(name) > len(PREFIX):
        return name.removeprefix(PREFIX)
    raise invalid("name", f"{name!r} does not begin with {PREFIX!r}", reason="INVALID_NAME")


def _filter(text: str) -> Node | None:
    filter_ = check(parse(text), _FIELDS)
    for restriction in restrictions(filter_) if filter_ else ():
        is_equal(restriction)
    return filter_


def _matches(record: Record, filter_: Node | None) -> bool:
    def matches(restriction: Restriction) -> bool:
        return (restriction.value in _FIELDS[restriction.field](record)) == is_equal(restriction)

    return filter_ is None or holds(filter_, matches)


def _entries(records: _Records) -> dict[str, KnownEntry]:
    return {folded: record.entry for folded, record in records.items()}


def _message(record: Record, records: _Records) -> catalog_pb2.CatalogEntry:
    entry, curation = record.entry, record.curation
    entries = _entries(records)
    message = catalog_pb2.CatalogEntry(
        name=PREFIX + entry.hub_id,
        hub_repo=entry.hub_id,
        kind=enum_number(catalog_pb2.CatalogEntryKind, entry.kind.value),
        display_name=entry.display_name,
        licenses=entry.licenses,
        parents=[catalog_pb2.CatalogParent(edge_type=each.edge, hub_repo=each.hub_id) for each in entry.parents],
        parts=_parts(entry),
        lineage_completeness=entry.lineage_completeness,
        sources=dict.fromkeys(fact.source for fact in entry.facts.values()),
        as_of=entry.as_of,
        confidence=entry.weakest_confidence,
        notes=entry.notes,
        origin=enum_number(catalog_pb2.CatalogEntryOrigin, record.origin),
        upstream_licenses=upstream_licenses(entry.hub_id, lambda hub_id: find_in(entries, hub_id)),
        document=_struct(entry),
        overridden_document=_struct(record.overridden),
        etag=record_etag(record),
    )
    if isinstance(entry, KnownModel):
        message.base_family = entry.base_family or ""
        message.multimodal = entry.multimodal
    if curation is not None:
        message.reason, message.curator = curation.reason, curation.creator
        message.curate_time.FromMicroseconds(curation.create_time)
    return message


def _parts(entry: KnownEntry) -> list[catalog_pb2.CatalogPart]:
    parts = entry.parts if isinstance(entry, KnownDataset) else ()
    return [
        catalog_pb2.CatalogPart(
            name=part.name, first_row=part.first_row, last_row=part.last_row, generated_by=part.generated_by
        )
        for part in parts
    ]


def _struct(entry: KnownEntry | None) -> struct_pb2.Struct | None:
    return json_format.ParseDict(to_document(entry), struct_pb2.Struct()) if entry is not None else None
