"""EvidenceService: documents about a version, and the keys that verify what the registry signs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

from registry.context import Registry
from registry.decisions.checks import context_text, distinct
from registry.errors import invalid
from registry.evidence import completeness, cyclonedx, hub_card, intoto, page, report, spdx
from registry.evidence.facts import Dossier
from registry.evidence.identifiers import canonical_json
from registry.evidence.loading import load
from registry.services.names import version_of
from registry.storage.lookup import get_version
from registry.wire import enum_text
from spiritsafe.evidence import STATEMENT_TYPE, envelope_json
from spiritsafe.registry.v1 import evidence_pb2, evidence_pb2_grpc
from spiritsafe.rpc.caller import current_caller

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"


class _Form(NamedTuple):
    """How a format is written, its media type, and the ending of its file name."""

    write: Callable[[Dossier], bytes]
    media_type: str
    ending: str


def _text(data: Any) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


_FORMS = {
    "html": _Form(lambda one: page.render(one, completeness.assess(one)).encode(), "text/html", "html"),
    "json": _Form(lambda one: _text(report.render(one, completeness.assess(one))), "application/json", "report.json"),
    "cyclonedx": _Form(
        lambda one: _text(cyclonedx.render(one)), "application/vnd.cyclonedx+json; version=1.7", "cdx.json"
    ),
    "spdx": _Form(lambda one: _text(spdx.render(one)), "application/spdx+json", "spdx3.json"),
    "in_toto": _Form(lambda one: canonical_json(intoto.render(one)), STATEMENT_TYPE, "intoto"),
    "hf_card": _Form(lambda one: hub_card.render(one).encode(), "text/markdown", "card.md"),
}


class EvidenceService(evidence_pb2_grpc.EvidenceServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def GetReport(
        self, request: evidence_pb2.GetReportRequest, context: grpc.ServicerContext
    ) -> evidence_pb2.GetReportResponse:
        name = version_of(request.name)
        form = _form(request)
        with self._registry.database.read() as session:
            dossier = load(
                session,
                self._registry,
                current_caller(),
                get_version(session, name, deleted=True),
                contexts=distinct(context_text(each, "contexts") for each in request.contexts),
                outbound=request.outbound_license,
                distributed=request.distributed,
            )
        content, media_type, ending = form.write(dossier), form.media_type, form.ending
        if request.signed or media_type == STATEMENT_TYPE:
            content = _text(envelope_json(self._registry.signer.sign(media_type, content)))
            media_type, ending = ENVELOPE_TYPE, f"{ending}.dsse.json"
        return evidence_pb2.GetReportResponse(
            content=content,
            media_type=media_type,
            file_name=f"{name.node.id}-{name.number}.{ending}",
            completeness=completeness.assess(dossier).score,
        )

    def GetSigningKeys(
        self, request: evidence_pb2.GetSigningKeysRequest, context: grpc.ServicerContext
    ) -> evidence_pb2.GetSigningKeysResponse:
        return evidence_pb2.GetSigningKeysResponse(keys=[self._registry.signer.public_key()])


def _form(request: evidence_pb2.GetReportRequest) -> _Form:
    chosen = enum_text(evidence_pb2.ReportFormat, request.format, "format")
    if not chosen:
        raise invalid("format", f"must be one of {', '.join(_FORMS)}", reason="REQUIRED_FIELD")
    return _FORMS[chosen]
