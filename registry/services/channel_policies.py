"""ChannelPolicyService: what channels require, who approved a release, and who signed a version."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from sqlmodel import Session, col, select

from registry.context import Registry
from registry.promotion import approvals, policies, signatures
from registry.services.names import namespace_of, version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import ChannelPolicyRevision, PromotionApproval
from spiritsafe.registry.v1 import channel_policy_pb2, channel_policy_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_VERSIONS = "/versions/"


class ChannelPolicyService(channel_policy_pb2_grpc.ChannelPolicyServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def SetChannelPolicy(
        self, request: channel_policy_pb2.SetChannelPolicyRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.SetChannelPolicyResponse:
        namespace = namespace_of(request.parent)

        def act(session: Session, caller: Caller) -> tuple[channel_policy_pb2.SetChannelPolicyResponse, Event]:
            row, event = policies.set_policy(session, caller, namespace, request)
            return channel_policy_pb2.SetChannelPolicyResponse(policy=policies.describe(row)), event

        response_type = channel_policy_pb2.SetChannelPolicyResponse
        return self._registry.mutate("ChannelPolicyService/SetChannelPolicy", request, response_type, act)

    def RetireChannelPolicy(
        self, request: channel_policy_pb2.RetireChannelPolicyRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.RetireChannelPolicyResponse:
        def act(session: Session, caller: Caller) -> tuple[channel_policy_pb2.RetireChannelPolicyResponse, Event]:
            row, event = policies.retire(session, caller, request)
            return channel_policy_pb2.RetireChannelPolicyResponse(policy=policies.describe(row)), event

        response_type = channel_policy_pb2.RetireChannelPolicyResponse
        return self._registry.mutate("ChannelPolicyService/RetireChannelPolicy", request, response_type, act)

    def GetChannelPolicy(
        self, request: channel_policy_pb2.GetChannelPolicyRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.GetChannelPolicyResponse:
        with self._registry.database.read() as session:
            row = policies.get_policy(session, current_caller(), request.name, request.revision)
            return channel_policy_pb2.GetChannelPolicyResponse(policy=policies.describe(row))

    def ListChannelPolicies(
        self, request: channel_policy_pb2.ListChannelPoliciesRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.ListChannelPoliciesResponse:
        page = self._registry.page(request, "ListChannelPolicies", request.parent)
        rows: Sequence[ChannelPolicyRevision]
        with self._registry.database.read() as session:
            if policies.is_policy_name(request.parent):
                policy = policies.get_policy(session, current_caller(), request.parent)
                rows = policies.revisions(session, policy, page.after, page.size + 1)
                kept, token = page.cut(rows, lambda row: row.revision)
            else:
                namespace = namespace_of(request.parent)
                rows = policies.newest(session, namespace, page.after or "", page.size + 1)
                kept, token = page.cut(rows, lambda row: row.slug)
            found = map(policies.describe, kept)
            return channel_policy_pb2.ListChannelPoliciesResponse(policies=found, next_page_token=token)

    def CreateApproval(
        self, request: channel_policy_pb2.CreateApprovalRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.CreateApprovalResponse:
        name = version_of(request.version, "version")

        def act(session: Session, caller: Caller) -> tuple[channel_policy_pb2.CreateApprovalResponse, Event]:
            row, event = approvals.create(session, caller, name, request)
            (message,) = approvals.describe(session, [row])
            return channel_policy_pb2.CreateApprovalResponse(approval=message), event

        response_type = channel_policy_pb2.CreateApprovalResponse
        return self._registry.mutate("ChannelPolicyService/CreateApproval", request, response_type, act)

    def RevokeApproval(
        self, request: channel_policy_pb2.RevokeApprovalRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.RevokeApprovalResponse:
        def act(session: Session, caller: Caller) -> tuple[channel_policy_pb2.RevokeApprovalResponse, Event]:
            row, event = approvals.revoke(session, caller, request)
            (message,) = approvals.describe(session, [row])
            return channel_policy_pb2.RevokeApprovalResponse(approval=message), event

        response_type = channel_policy_pb2.RevokeApprovalResponse
        return self._registry.mutate("ChannelPolicyService/RevokeApproval", request, response_type, act)

    def ListApprovals(
        self, request: channel_policy_pb2.ListApprovalsRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.ListApprovalsResponse:
        page = self._registry.page(request, "ListApprovals", request.parent)
        query = select(PromotionApproval).order_by(col(PromotionApproval.id).desc()).limit(page.size + 1)
        if page.after is not None:
            query = query.where(col(PromotionApproval.id) < page.after)
        with self._registry.database.read() as session:
            if _VERSIONS in request.parent:
                _, version = get_version(session, version_of(request.parent, "parent"), "parent", deleted=True)
                query = query.where(PromotionApproval.version_id == version.id)
            else:
                query = query.where(PromotionApproval.namespace == namespace_of(request.parent))
            kept, token = page.cut(session.exec(query).all(), lambda row: row.id or 0)
            found = approvals.describe(session, kept)
            return channel_policy_pb2.ListApprovalsResponse(approvals=found, next_page_token=token)

    def AttachSignature(
        self, request: channel_policy_pb2.AttachSignatureRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.AttachSignatureResponse:
        name = version_of(request.version, "version")

        def act(session: Session, caller: Caller) -> tuple[channel_policy_pb2.AttachSignatureResponse, Event]:
            row, event = signatures.attach(session, caller, name, request)
            message = signatures.describe(row, request.version)
            return channel_policy_pb2.AttachSignatureResponse(signature=message), event

        response_type = channel_policy_pb2.AttachSignatureResponse
        return self._registry.mutate("ChannelPolicyService/AttachSignature", request, response_type, act)

    def ListSignatures(
        self, request: channel_policy_pb2.ListSignaturesRequest, context: grpc.ServicerContext
    ) -> channel_policy_pb2.ListSignaturesResponse:
        name = version_of(request.version, "version")
        page = self._registry.page(request, "ListSignatures", request.version)
        with self._registry.database.read() as session:
            _, version = get_version(session, name, "version")
            rows = signatures.list_signatures(session, version, page.after or 0, page.size + 1)
            kept, token = page.cut(rows, lambda row: row.id or 0)
            found = [signatures.describe(row, str(name)) for row in kept]
            return channel_policy_pb2.ListSignaturesResponse(signatures=found, next_page_token=token)
