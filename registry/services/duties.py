"""DutyService: bundles, what people attest, and how every duty stands."""

from __future__ import annotations

import grpc
from sqlmodel import Session

from registry.context import Registry
from registry.decisions.checks import check_outbound, context_text
from registry.duties import records
from registry.duties.bundle import Bundle, compose
from registry.duties.loading import Release, load_facts
from registry.duties.messages import attestation_message, bundle_message, duty_messages, recorded_message
from registry.duties.standing import standings
from registry.duties.texts import known_text
from registry.errors import not_found
from registry.listing.paging import Page
from registry.services.names import version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from spiritsafe.registry.v1 import duty_pb2, duty_pb2_grpc
from spiritsafe.rpc.caller import Caller

_Asked = (
    duty_pb2.GetBundleRequest | duty_pb2.RecordBundleRequest | duty_pb2.ListDutiesRequest | duty_pb2.AttestDutyRequest
)


class DutyService(duty_pb2_grpc.DutyServiceServicer):
    """The registry makes every bundle itself; nobody hands in what counts as one."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def GetBundle(
        self, request: duty_pb2.GetBundleRequest, context: grpc.ServicerContext
    ) -> duty_pb2.GetBundleResponse:
        with self._registry.database.read() as session:
            release = _release(session, request)
            if not request.recorded:
                message = bundle_message(release, self._compose(session, release))
                return duty_pb2.GetBundleResponse(bundle=message)
            row = records.newest_bundle(session, release)
        if row is None:
            raise not_found(f"a recorded bundle of {request.version} for this release")
        return duty_pb2.GetBundleResponse(bundle=recorded_message(self._registry, release, row))

    def RecordBundle(
        self, request: duty_pb2.RecordBundleRequest, context: grpc.ServicerContext
    ) -> duty_pb2.RecordBundleResponse:
        def act(session: Session, caller: Caller) -> tuple[duty_pb2.RecordBundleResponse, Event]:
            release = _release(session, request)
            bundle = self._compose(session, release)
            row, event = records.record_bundle(session, caller, release, bundle, allow_missing=request.allow_missing)
            message = bundle_message(release, bundle)
            if not request.validate_only:
                # Before the commit: what is on record can always be read.
                records.store_files(self._registry, bundle)
                message = recorded_message(self._registry, release, row)
            return duty_pb2.RecordBundleResponse(bundle=message), event

        return self._registry.mutate("DutyService/RecordBundle", request, duty_pb2.RecordBundleResponse, act)

    def ListDuties(
        self, request: duty_pb2.ListDutiesRequest, context: grpc.ServicerContext
    ) -> duty_pb2.ListDutiesResponse:
        asked = (request.version, str(request.context), request.outbound_license, str(request.distributed))
        page = Page.read(request.page_size, request.page_token, "ListDuties", *asked)
        with self._registry.database.read() as session:
            release = _release(session, request)
            found = standings(session, self._registry, release)
            rest = [each for each in found if page.after is None or each.duty.id > str(page.after)]
            kept, token = page.cut(rest, lambda each: each.duty.id)
            messages = duty_messages(session, release, kept)
        return duty_pb2.ListDutiesResponse(duties=messages, next_page_token=token)

    def AttestDuty(
        self, request: duty_pb2.AttestDutyRequest, context: grpc.ServicerContext
    ) -> duty_pb2.AttestDutyResponse:
        def act(session: Session, caller: Caller) -> tuple[duty_pb2.AttestDutyResponse, Event]:
            release = _release(session, request)
            facts = load_facts(session, self._registry, release)
            row, event = records.attest(session, self._registry, caller, release, facts, request)
            return duty_pb2.AttestDutyResponse(attestation=attestation_message(session, row)), event

        return self._registry.mutate("DutyService/AttestDuty", request, duty_pb2.AttestDutyResponse, act)

    def RevokeAttestation(
        self, request: duty_pb2.RevokeAttestationRequest, context: grpc.ServicerContext
    ) -> duty_pb2.RevokeAttestationResponse:
        def act(session: Session, caller: Caller) -> tuple[duty_pb2.RevokeAttestationResponse, Event]:
            row, event = records.revoke(session, caller, request)
            return duty_pb2.RevokeAttestationResponse(attestation=attestation_message(session, row)), event

        response_type = duty_pb2.RevokeAttestationResponse
        return self._registry.mutate("DutyService/RevokeAttestation", request, response_type, act)

    def _compose(self, session: Session, release: Release) -> Bundle:
        return compose(load_facts(session, self._registry, release), known_text)


def _release(session: Session, request: _Asked) -> Release:
    """What is asked about. Raises InvalidArgument, PermissionDenied or NotFound."""
    name = version_of(request.version, "version")
    context = context_text(request.context)
    outbound = check_outbound(request.outbound_license)
    return Release.of(*get_version(session, name, "version"), context, outbound, request.distributed)
