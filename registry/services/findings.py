"""FindingService: what scans of files found, what people conclude about it, and scanning again."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import json_format, struct_pb2
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions.findings import conclude, finding_name, get_finding
from registry.detection import records
from registry.errors import etag
from registry.licensing.findings import ALERT_CODES
from registry.listing import fields
from registry.listing.paging import Page
from registry.services.filtering import VersionField
from registry.services.names import namespace_of, version_of
from registry.services.scans import scan_version
from registry.storage.audit import Event
from registry.storage.lookup import alive, get_version, names_of
from registry.storage.tables import Finding, Node, Version
from registry.wire import enum_number, license_set
from spiritsafe.registry.v1 import finding_pb2, finding_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_FIELDS: fields.Fields = {
    "state": fields.Text(col(Finding.state)),
    "code": fields.Text(col(Finding.code)),
    "file": fields.Text(col(Finding.file)),
    "reviewer": fields.Text(col(Finding.reviewer)),
    "create_time": fields.Time(col(Finding.create_time)),
}


class FindingService(finding_pb2_grpc.FindingServiceServicer):
    """Conclusions and scans advance the licence epoch, so that no verdict from before them is served."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def GetFinding(
        self, request: finding_pb2.GetFindingRequest, context: grpc.ServicerContext
    ) -> finding_pb2.GetFindingResponse:
        with self._registry.database.read() as session:
            row = get_finding(session, current_caller(), request.name)
            return finding_pb2.GetFindingResponse(finding=_messages(session, [row])[0])

    def ListFindings(
        self, request: finding_pb2.ListFindingsRequest, context: grpc.ServicerContext
    ) -> finding_pb2.ListFindingsResponse:
        namespace = namespace_of(request.parent)
        page = self._registry.page(request, "ListFindings", namespace, request.filter)
        with self._registry.database.read() as session:
            rows = _rows(session, namespace, request.filter, page)
            kept, token = page.cut(rows, lambda row: row.id or 0)
            return finding_pb2.ListFindingsResponse(findings=_messages(session, kept), next_page_token=token)

    def ConcludeFinding(
        self, request: finding_pb2.ConcludeFindingRequest, context: grpc.ServicerContext
    ) -> finding_pb2.ConcludeFindingResponse:
        def act(session: Session, caller: Caller) -> tuple[finding_pb2.ConcludeFindingResponse, Event]:
            row, event = conclude(session, caller, request)
            return finding_pb2.ConcludeFindingResponse(finding=_messages(session, [row])[0]), event

        response_type = finding_pb2.ConcludeFindingResponse
        return self._registry.mutate("FindingService/ConcludeFinding", request, response_type, act)

    def RescanVersion(
        self, request: finding_pb2.RescanVersionRequest, context: grpc.ServicerContext
    ) -> finding_pb2.RescanVersionResponse:
        name = version_of(request.version, "version")
        seen = scan_version(self._registry, name)

        def act(session: Session, _caller: Caller) -> tuple[finding_pb2.RescanVersionResponse, Event]:
            node, version = get_version(session, name, "version")
            event = records.rescan(session, node, version, seen)
            response = finding_pb2.RescanVersionResponse(
                findings=_messages(session, records.findings_of(session, version)),
                detected_licenses=license_set(version.detected),
                not_looked_at=seen.not_looked_at,
                etag=etag(version.revision),
            )
            return response, event

        response_type = finding_pb2.RescanVersionResponse
        return self._registry.mutate("FindingService/RescanVersion", request, response_type, act)


def _rows(session: Session, namespace: str, text: str, page: Page) -> Sequence[Finding]:
    known = {**_FIELDS, "version": VersionField(session, col(Finding.version_id))}
    query = select(Finding).where(Finding.namespace == namespace, *fields.where(text, known))
    # Those of deleted versions are hidden with them.
    shown = select(Version.id).join(Node, col(Version.node_id) == Node.id).where(*alive())
    query = query.where(col(Finding.version_id).in_(shown))
    if page.after is not None:
        query = query.where(col(Finding.id) < page.after)
    return session.exec(query.order_by(col(Finding.id).desc()).limit(page.size + 1)).all()


def _messages(session: Session, rows: Sequence[Finding]) -> list[finding_pb2.Finding]:
    names = names_of(session, {row.version_id for row in rows})
    return [
        finding_pb2.Finding(
            name=finding_name(row),
            version=str(names[row.version_id]),
            code=row.code,
            file=row.file,
            alert=row.code in ALERT_CODES,
            state=enum_number(finding_pb2.FindingState, row.state, "state"),
            detail=json_format.ParseDict(row.detail, struct_pb2.Struct()),
            reviewer=row.reviewer,
            rationale=row.rationale,
            create_time=to_timestamp(row.create_time),
            conclude_time=to_timestamp(row.conclude_time),
            etag=etag(row.revision),
        )
        for row in rows
    ]
