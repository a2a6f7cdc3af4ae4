"""PolicyService: the policy on contested questions, in revisions."""

from __future__ import annotations

import grpc
from google.protobuf import json_format, struct_pb2
from sqlmodel import Session

from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions import policies
from registry.errors import etag
from registry.identity.access import check_everywhere
from registry.storage.audit import Event
from registry.storage.tables import PolicyRevision
from spiritsafe.registry.v1 import policy_pb2, policy_pb2_grpc
from spiritsafe.rpc.caller import Caller


class PolicyService(policy_pb2_grpc.PolicyServiceServicer):
    """Policies belong to no namespace: one decides for the whole registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def GetPolicy(
        self, request: policy_pb2.GetPolicyRequest, context: grpc.ServicerContext
    ) -> policy_pb2.GetPolicyResponse:
        with self._registry.database.read() as session:
            return policy_pb2.GetPolicyResponse(policy=_message(policies.get_policy(session, request.name)))

    def ListPolicies(
        self, request: policy_pb2.ListPoliciesRequest, context: grpc.ServicerContext
    ) -> policy_pb2.ListPoliciesResponse:
        page = self._registry.page(request, "ListPolicies")
        before = None if page.after is None else int(page.after)
        with self._registry.database.read() as session:
            rows = policies.list_policies(session, before, page.size + 1)
            kept, token = page.cut(rows, lambda policy: policy.revision)
            return policy_pb2.ListPoliciesResponse(policies=map(_message, kept), next_page_token=token)

    def CreatePolicy(
        self, request: policy_pb2.CreatePolicyRequest, context: grpc.ServicerContext
    ) -> policy_pb2.CreatePolicyResponse:
        def act(session: Session, caller: Caller) -> tuple[policy_pb2.CreatePolicyResponse, Event]:
            settings = json_format.MessageToDict(request.settings)
            check_everywhere(caller)
            policy, event = policies.create(session, caller.identity, settings, request.reason, request.etag)
            return policy_pb2.CreatePolicyResponse(policy=_message(policy)), event

        return self._registry.mutate("PolicyService/CreatePolicy", request, policy_pb2.CreatePolicyResponse, act)


def _message(policy: PolicyRevision) -> policy_pb2.Policy:
    return policy_pb2.Policy(
        name=policies.policy_name(policy),
        revision=policy.revision,
        settings=json_format.ParseDict(policy.settings, struct_pb2.Struct()),
        reason=policy.reason,
        creator=policy.creator,
        create_time=to_timestamp(policy.create_time or None),
        etag=etag(policy.revision),
    )
