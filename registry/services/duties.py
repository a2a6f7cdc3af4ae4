"""DutyService: bundles, what people attest, and how every duty stands."""

from __future__ import annotations

from contextlib import suppress

import grpc
from sqlmodel import Session

from registry.context import Registry
from registry.decisions.checks import check_outbound, context_text
from registry.decisions.facts import load_lineage
from registry.duties import records
from registry.duties.bundle import compose
from registry.duties.digest import obligations_digest
from registry.duties.loading import PaperStore, Release, load_facts, read_papers
from registry.duties.messages import attestation_message, bundle_message, duty_messages, recorded_message
from registry.duties.standing import standings
from registry.duties.texts import known_text
from registry.duties.visibility import MaySee, as_seen, sees_all
from registry.errors import not_found
from registry.identity.access import may_use
from registry.services.names import version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version, rows_of, version_name
from spiritsafe.errors import PermissionDenied, SpiritsafeError
from spiritsafe.registry.v1 import duty_pb2, duty_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

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
                facts = load_facts(session, PaperStore(self._registry.store), release)
                bundle = compose(as_seen(facts, _may_see(current_caller())), known_text, obligations_digest(facts))
                return duty_pb2.GetBundleResponse(bundle=bundle_message(release, bundle))
            _check_sees_all(session, current_caller(), release)
            row = records.newest_bundle(session, release)
        if row is None:
            raise not_found(f"a recorded bundle of {request.version} for this release")
        return duty_pb2.GetBundleResponse(bundle=recorded_message(self._registry, release, row))

    def RecordBundle(
        self, request: duty_pb2.RecordBundleRequest, context: grpc.ServicerContext
    ) -> duty_pb2.RecordBundleResponse:
        papers = self._read(request)

        def act(session: Session, caller: Caller) -> tuple[duty_pb2.RecordBundleResponse, Event]:
            release = _release(session, request)
            # Whoever sees a part only would replace the whole bundle by one that lacks something.
            _check_sees_all(session, caller, release)
            bundle = compose(load_facts(session, papers, release), known_text)
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
        page = self._registry.page(request, "ListDuties", *asked)
        with self._registry.database.read() as session:
            release = _release(session, request)
            may_see = _may_see(current_caller())
            found = standings(session, PaperStore(self._registry.store), release, may_see)
            rest = [each for each in found if page.after is None or each.duty.id > str(page.after)]
            kept, token = page.cut(rest, lambda each: each.duty.id)
            messages = duty_messages(session, release, kept, may_see)
        return duty_pb2.ListDutiesResponse(duties=messages, next_page_token=token)

    def AttestDuty(
        self, request: duty_pb2.AttestDutyRequest, context: grpc.ServicerContext
    ) -> duty_pb2.AttestDutyResponse:
        papers = self._read(request)

        def act(session: Session, caller: Caller) -> tuple[duty_pb2.AttestDutyResponse, Event]:
            release = _release(session, request)
            facts = load_facts(session, papers, release)
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

    def _read(self, request: _Asked) -> PaperStore:
        """The papers, read before the write lock is taken."""
        papers = PaperStore(self._registry.store)
        # What is wrong with the request is for the transaction to say: it may be a retry that has an answer.
        with suppress(SpiritsafeError), self._registry.database.read() as session:
            read_papers(session, papers, _release(session, request).version)
        return papers


def _may_see(caller: Caller) -> MaySee:
    return lambda namespace: may_use(caller, namespace)


def _check_sees_all(session: Session, caller: Caller, release: Release) -> None:
    """Raises PermissionDenied for whoever may not see every ancestor: a recorded bundle has the papers of all."""
    rows = rows_of(session, load_lineage(session, release.version).origins)
    if sees_all(_may_see(caller), (str(version_name(*row)) for row in rows.values())):
        return
    raise PermissionDenied(
        "a recorded bundle holds papers of ancestors in namespaces that your roles do not reach",
        reason="HIDDEN_ANCESTORS",
        remedy="ask somebody whose token reaches every namespace of the lineage to make it",
    )


def _release(session: Session, request: _Asked) -> Release:
    """What is asked about. Raises InvalidArgument, PermissionDenied or NotFound."""
    name = version_of(request.version, "version")
    context = context_text(request.context)
    outbound = check_outbound(request.outbound_license)
    return Release.of(*get_version(session, name, "version"), context, outbound, request.distributed)
