"""AgreementService: contracts that waive a licence."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from sqlmodel import Session, col, select

from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions import agreements
from registry.errors import etag
from registry.listing.paging import Page
from registry.services.names import namespace_of
from registry.storage.audit import Event
from registry.storage.lookup import node_name
from registry.storage.tables import Agreement, Node
from registry.wire import enum_number
from spiritsafe.registry.v1 import agreement_pb2, agreement_pb2_grpc, licensing_pb2
from spiritsafe.rpc.caller import Caller, current_caller


class AgreementService(agreement_pb2_grpc.AgreementServiceServicer):
    """Agreements are ended, never deleted: verdicts of the past rest on them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def CreateAgreement(
        self, request: agreement_pb2.CreateAgreementRequest, context: grpc.ServicerContext
    ) -> agreement_pb2.CreateAgreementResponse:
        namespace = namespace_of(request.parent)

        def act(session: Session, caller: Caller) -> tuple[agreement_pb2.CreateAgreementResponse, Event]:
            agreement, event = agreements.create(session, caller, namespace, request)
            return agreement_pb2.CreateAgreementResponse(agreement=_message(session, agreement)), event

        response_type = agreement_pb2.CreateAgreementResponse
        return self._registry.mutate("AgreementService/CreateAgreement", request, response_type, act)

    def GetAgreement(
        self, request: agreement_pb2.GetAgreementRequest, context: grpc.ServicerContext
    ) -> agreement_pb2.GetAgreementResponse:
        with self._registry.database.read() as session:
            agreement = agreements.get_agreement(session, current_caller(), request.name)
            return agreement_pb2.GetAgreementResponse(agreement=_message(session, agreement))

    def ListAgreements(
        self, request: agreement_pb2.ListAgreementsRequest, context: grpc.ServicerContext
    ) -> agreement_pb2.ListAgreementsResponse:
        namespace = namespace_of(request.parent)
        page = self._registry.page(request, "ListAgreements", namespace)
        with self._registry.database.read() as session:
            kept, token = page.cut(_rows(session, namespace, page), lambda agreement: agreement.id or 0)
            messages = [_message(session, agreement) for agreement in kept]
        return agreement_pb2.ListAgreementsResponse(agreements=messages, next_page_token=token)

    def RevokeAgreement(
        self, request: agreement_pb2.RevokeAgreementRequest, context: grpc.ServicerContext
    ) -> agreement_pb2.RevokeAgreementResponse:
        def act(session: Session, caller: Caller) -> tuple[agreement_pb2.RevokeAgreementResponse, Event]:
            agreement, event = agreements.revoke(session, caller, request)
            return agreement_pb2.RevokeAgreementResponse(agreement=_message(session, agreement)), event

        response_type = agreement_pb2.RevokeAgreementResponse
        return self._registry.mutate("AgreementService/RevokeAgreement", request, response_type, act)


def _rows(session: Session, namespace: str, page: Page) -> Sequence[Agreement]:
    query = select(Agreement).where(Agreement.namespace == namespace)
    if page.after is not None:
        query = query.where(col(Agreement.id) < page.after)
    return session.exec(query.order_by(col(Agreement.id).desc()).limit(page.size + 1)).all()


def _message(session: Session, agreement: Agreement) -> agreement_pb2.Agreement:
    nodes = session.exec(select(Node).where(col(Node.id).in_(agreement.node_ids)))
    return agreement_pb2.Agreement(
        name=agreements.agreement_name(agreement),
        licensor=agreement.licensor,
        license=agreement.license,
        models=sorted(str(node_name(node)) for node in nodes),
        contexts=[enum_number(licensing_pb2.Context, each, "contexts") for each in agreement.contexts],
        start_time=to_timestamp(agreement.start_time),
        end_time=to_timestamp(agreement.end_time),
        evidence_sha256=agreement.evidence_sha256,
        reference=agreement.reference,
        creator=agreement.creator,
        create_time=to_timestamp(agreement.create_time),
        revoke_time=to_timestamp(agreement.revoke_time),
        etag=etag(agreement.revision),
    )
