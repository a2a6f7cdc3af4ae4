"""LicenseService: profiles, verdicts, what-ifs and conclusions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import grpc
from google.protobuf import json_format, struct_pb2
from sqlmodel import Session

from registry.context import Registry
from registry.decisions.checks import context_text
from registry.decisions.conclusions import conclude
from registry.decisions.evaluation import CONTEXTS, evaluate_contexts
from registry.decisions.planning import answer, check_request, read_question
from registry.errors import invalid, not_found
from registry.licensing import Profile, ScenarioError, evaluate_scenarios, load_profiles
from registry.listing.paging import Page
from registry.services.names import version_of
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.wire import struct_data
from spiritsafe.registry.v1 import licensing_pb2, licensing_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

_LICENSES = "licenses/"
ValueT = TypeVar("ValueT")


class LicenseService(licensing_pb2_grpc.LicenseServiceServicer):
    """Profiles are shipped data; verdicts are read from stored lineage."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def ListLicenses(
        self, request: licensing_pb2.ListLicensesRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ListLicensesResponse:
        page = Page.read(request.page_size, request.page_token, "ListLicenses")
        profiles, token = _page({profile.id: profile for profile in load_profiles()}, page)
        return licensing_pb2.ListLicensesResponse(licenses=map(_license, profiles), next_page_token=token)

    def GetLicense(
        self, request: licensing_pb2.GetLicenseRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.GetLicenseResponse:
        license_id = _after(_LICENSES, request.name)
        # The catalogue answers an id that it does not know with `unknown`; a reader must not mistake one for the other.
        if license_id not in load_profiles():
            raise not_found(request.name)
        return licensing_pb2.GetLicenseResponse(license=_license(load_profiles().get(license_id)))

    def EvaluateVersion(
        self, request: licensing_pb2.EvaluateVersionRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.EvaluateVersionResponse:
        name = version_of(request.name)
        contexts = [context_text(each, "contexts") for each in request.contexts] or CONTEXTS
        with self._registry.database.read() as session:
            node, version = get_version(session, name)
            evaluations = evaluate_contexts(
                session,
                self._registry,
                node,
                version,
                contexts,
                outbound=request.outbound_license,
                distributed=request.distributed,
                public_name=request.public_name,
            )
        return licensing_pb2.EvaluateVersionResponse(evaluations=evaluations)

    def EvaluateScenario(
        self, request: licensing_pb2.EvaluateScenarioRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.EvaluateScenarioResponse:
        try:
            result = evaluate_scenarios(struct_data(request.scenario))
        except ScenarioError as error:
            raise invalid("scenario", str(error), reason="INVALID_SCENARIO", remedy="correct the file there") from error
        return licensing_pb2.EvaluateScenarioResponse(result=json_format.ParseDict(result, struct_pb2.Struct()))

    def ConcludeLicenses(
        self, request: licensing_pb2.ConcludeLicensesRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ConcludeLicensesResponse:
        name = version_of(request.name)

        def act(session: Session, caller: Caller) -> tuple[licensing_pb2.ConcludeLicensesResponse, Event]:
            return conclude(session, caller, name, request)

        response_type = licensing_pb2.ConcludeLicensesResponse
        return self._registry.mutate("LicenseService/ConcludeLicenses", request, response_type, act)

    def PlanStudent(
        self, request: licensing_pb2.PlanStudentRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.PlanStudentResponse:
        check_request(current_caller(), request)
        with self._registry.database.read() as session:
            question = read_question(session, request)
        return answer(question)


def _after(prefix: str, name: str) -> str:
    if name.startswith(prefix) and len(name) > len(prefix):
        return name.removeprefix(prefix)
    raise invalid("name", f"{name!r} does not begin with {prefix!r}", reason="INVALID_NAME")


def _page(values: Mapping[str, ValueT], page: Page) -> tuple[list[ValueT], str]:
    """One page of shipped data, in the order of ids."""
    after = "" if page.after is None else str(page.after)
    ids = sorted(key for key in values if key > after)[: page.size + 1]
    kept, token = page.cut(ids, lambda key: key)
    return [values[key] for key in kept], token


def _license(profile: Profile) -> licensing_pb2.License:
    return licensing_pb2.License(
        name=_LICENSES + profile.id,
        id=profile.id,
        spdx_id=profile.spdx or "",
        hub_id=profile.hf_id or "",
        category=profile.category,
        purposes={context.value: purpose.value for context, purpose in profile.purposes.items()},
        limitations=[licensing_pb2.Limitation(code=each.code, detail=each.detail) for each in profile.limitations],
        conditions=[
            licensing_pb2.Condition(code=each.code, trigger=each.trigger, detail=each.detail)
            for each in profile.conditions
        ],
        reach=[
            licensing_pb2.Reach(key=key, status=reach.status, carries=sorted(reach.carries or ()))
            for key, reach in profile.reach.items()
        ],
        outbound_relicense=profile.outbound_relicense,
        evidence=profile.evidence,
        confidence=profile.confidence,
        notes=profile.notes,
    )
