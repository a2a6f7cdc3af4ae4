"""LicenseService: profiles, verdicts, what-ifs and conclusions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import grpc
from google.protobuf import json_format, struct_pb2
from sqlmodel import Session

from registry.clock import to_timestamp
from registry.context import Registry
from registry.decisions.checks import context_text
from registry.decisions.conclusions import conclude
from registry.decisions.evaluation import CONTEXTS, evaluate_contexts
from registry.decisions.planning import answer, check_request, read_question
from registry.decisions.profiles import LICENSES, latest_revisions, revise
from registry.decisions.rules import current_rules
from registry.errors import etag, invalid, not_found
from registry.identity.access import check_everywhere
from registry.licensing import Profile, ScenarioError, evaluate_scenarios
from registry.listing.paging import Page
from registry.reevaluation.impact import Proposal, preview
from registry.services.names import version_of
from registry.services.reevaluations import change_message, list_changes, list_jobs, visible
from registry.storage.audit import Event
from registry.storage.lookup import get_version
from registry.storage.tables import ProfileRevision
from registry.wire import struct_data
from spiritsafe.registry.v1 import licensing_pb2, licensing_pb2_grpc
from spiritsafe.rpc.caller import Caller, current_caller

ValueT = TypeVar("ValueT")


class LicenseService(licensing_pb2_grpc.LicenseServiceServicer):
    """Profiles are shipped data under this registry's revisions; verdicts are read from stored lineage."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def ListLicenses(
        self, request: licensing_pb2.ListLicensesRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ListLicensesResponse:
        page = self._registry.page(request, "ListLicenses")
        with self._registry.database.read() as session:
            profiles, token = _page({profile.id: profile for profile in current_rules(session).catalogue}, page)
            revisions = latest_revisions(session, [profile.id for profile in profiles])
            licenses = [_license(profile, revisions.get(profile.id)) for profile in profiles]
        return licensing_pb2.ListLicensesResponse(licenses=licenses, next_page_token=token)

    def GetLicense(
        self, request: licensing_pb2.GetLicenseRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.GetLicenseResponse:
        license_id = _after(LICENSES, request.name)
        with self._registry.database.read() as session:
            catalogue = current_rules(session).catalogue
            # The catalogue answers an unknown id with `unknown`; a reader must not mistake one for the other.
            if license_id not in catalogue:
                raise not_found(request.name)
            found = _license(catalogue.get(license_id), latest_revisions(session, [license_id]).get(license_id))
        return licensing_pb2.GetLicenseResponse(license=found)

    def ReviseLicense(
        self, request: licensing_pb2.ReviseLicenseRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ReviseLicenseResponse:
        document = struct_data(request.document)

        def act(session: Session, caller: Caller) -> tuple[licensing_pb2.ReviseLicenseResponse, Event]:
            check_everywhere(caller)
            profile, revision, event = revise(session, caller.identity, document, request.reason, request.etag)
            return licensing_pb2.ReviseLicenseResponse(license=_license(profile, revision)), event

        response_type = licensing_pb2.ReviseLicenseResponse
        return self._registry.mutate("LicenseService/ReviseLicense", request, response_type, act)

    def PreviewImpact(
        self, request: licensing_pb2.PreviewImpactRequest, context: grpc.ServicerContext
    ) -> Iterator[licensing_pb2.PreviewImpactResponse]:
        caller = current_caller()
        for impact in preview(self._registry.database, _proposal(request)):
            yield licensing_pb2.PreviewImpactResponse(
                changes=map(change_message, visible(caller, impact.changes)),
                reached=impact.reached,
                evaluated=impact.evaluated,
            )

    def ListReevaluations(
        self, request: licensing_pb2.ListReevaluationsRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ListReevaluationsResponse:
        page = self._registry.page(request, "ListReevaluations")
        with self._registry.database.read() as session:
            jobs, token = list_jobs(session, current_caller(), page)
        return licensing_pb2.ListReevaluationsResponse(reevaluations=jobs, next_page_token=token)

    def ListVerdictChanges(
        self, request: licensing_pb2.ListVerdictChangesRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.ListVerdictChangesResponse:
        caller = current_caller()
        page = self._registry.page(request, "ListVerdictChanges", *sorted(caller.namespaces))
        with self._registry.database.read() as session:
            changes, token = list_changes(session, caller, page)
        return licensing_pb2.ListVerdictChangesResponse(changes=changes, next_page_token=token)

    def EvaluateVersion(
        self, request: licensing_pb2.EvaluateVersionRequest, context: grpc.ServicerContext
    ) -> licensing_pb2.EvaluateVersionResponse:
        name = version_of(request.name)
        contexts = [context_text(each, "contexts") for each in request.contexts] or CONTEXTS
        with self._registry.database.read() as session:
            node, version = get_version(session, name, deleted=True)
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
        with self._registry.database.read() as session:
            rules = current_rules(session)
        try:
            result = evaluate_scenarios(struct_data(request.scenario), rules.catalogue, rules.policy)
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
            question = read_question(session, current_caller(), request)
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


def _proposal(request: licensing_pb2.PreviewImpactRequest) -> Proposal:
    change = request.WhichOneof("change")
    if change == "profile":
        return Proposal.of_profile(struct_data(request.profile))
    if change == "policy":
        return Proposal.of_policy(struct_data(request.policy))
    raise invalid("change", "give a profile or a policy", reason="REQUIRED_FIELD")


def _license(profile: Profile, revision: ProfileRevision | None) -> licensing_pb2.License:
    return licensing_pb2.License(
        name=LICENSES + profile.id,
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
        revision=revision.revision if revision else 0,
        revision_reason=revision.reason if revision else "",
        revision_creator=revision.creator if revision else "",
        revision_time=to_timestamp(revision.create_time if revision else None),
        etag=etag(revision.revision if revision else 0),
    )
