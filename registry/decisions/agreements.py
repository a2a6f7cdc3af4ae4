"""Agreements: separate contracts that waive one licensor's licence on named models, in contexts, between dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from sqlmodel import Session, select

from registry.clock import from_timestamp, now
from registry.decisions.checks import (
    check_license_id,
    check_sha256,
    context_text,
    distinct,
    required_text,
)
from registry.decisions.epoch import Reach, bump_epoch
from registry.decisions.rules import current_rules
from registry.errors import already_exists, check_etag, invalid, not_found, wrong_state
from registry.identity.access import check_namespace
from registry.storage.audit import Event
from registry.storage.lookup import get_node
from registry.storage.tables import Agreement, Node
from spiritsafe.registry.v1 import agreement_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import NodeName, check_id

_NAME = re.compile(r"namespaces/(?P<namespace>[^/]+)/agreements/(?P<slug>[^/]+)")


def reach_of(agreement: Agreement) -> Reach:
    """What its beginning or end may change: its models and what descends from them."""
    return Reach(node_ids=tuple(agreement.node_ids))


def agreement_name(agreement: Agreement) -> str:
    return f"namespaces/{agreement.namespace}/agreements/{agreement.slug}"


def get_agreement(session: Session, caller: Caller, name: str) -> Agreement:
    """The agreement of that name. Raises InvalidArgument, PermissionDenied (namespace out of reach) or NotFound."""
    match = _NAME.fullmatch(name)
    if match is None:
        form = "namespaces/NAMESPACE/agreements/AGREEMENT"
        raise invalid("name", f"{name!r} is not of the form {form}", reason="INVALID_NAME")
    check_namespace(caller, match["namespace"])
    agreement = _find(session, match["namespace"], match["slug"])
    if agreement is None:
        raise not_found(name)
    return agreement


def create(
    session: Session, caller: Caller, namespace: str, request: agreement_pb2.CreateAgreementRequest
) -> tuple[Agreement, Event]:
    """Records an agreement of a namespace; from its start on it waives the licence.

    Raises:
        InvalidArgument: a field is missing, dates are the wrong way round, or the licence has no profile.
        NotFound: a model does not exist.
        AlreadyExists: the id is taken.
    """
    slug = check_id(request.agreement_id, "agreement_id")
    if _find(session, namespace, slug) is not None:
        raise already_exists(f"namespaces/{namespace}/agreements/{slug}")
    given = request.agreement
    start_time, end_time = _dates(given)
    agreement = Agreement(
        namespace=namespace,
        slug=slug,
        licensor=required_text(given.licensor, "agreement.licensor"),
        license=check_license_id(current_rules(session).catalogue, given.license, "agreement.license"),
        node_ids=[cast("int", node.id) for node in _models(session, caller, given.models)],
        contexts=_contexts(given),
        start_time=start_time,
        end_time=end_time,
        evidence_sha256=given.evidence_sha256 and check_sha256(given.evidence_sha256, "agreement.evidence_sha256"),
        reference=given.reference,
        creator=caller.identity,
        create_time=now(),
    )
    session.add(agreement)
    bump_epoch(session, reach_of(agreement))
    return agreement, Event("agreement.created", agreement_name(agreement), _details(agreement, given.models))


def revoke(session: Session, caller: Caller, request: agreement_pb2.RevokeAgreementRequest) -> tuple[Agreement, Event]:
    """Ends an agreement from now on. Raises FailedPrecondition when that was done before."""
    agreement = get_agreement(session, caller, request.name)
    check_etag(request.etag, agreement.revision, request.name)
    if agreement.revoke_time is not None:
        raise wrong_state(request.name, "is revoked already", reason="AGREEMENT_REVOKED")
    agreement.revoke_time = now()
    agreement.revision += 1
    session.add(agreement)
    bump_epoch(session, reach_of(agreement))
    return agreement, Event("agreement.revoked", request.name, {"license": agreement.license})


def _find(session: Session, namespace: str, slug: str) -> Agreement | None:
    query = select(Agreement).where(Agreement.namespace == namespace, Agreement.slug == slug)
    return session.exec(query).first()


def _dates(given: agreement_pb2.Agreement) -> tuple[int, int]:
    for field in ("start_time", "end_time"):
        if not given.HasField(field):
            raise invalid(f"agreement.{field}", "must be given", reason="REQUIRED_FIELD")
    start, end = from_timestamp(given.start_time), from_timestamp(given.end_time)
    if end <= start:
        raise invalid("agreement.end_time", "must be after start_time", remedy="check both dates of the contract")
    return start, end


def _models(session: Session, caller: Caller, names: Sequence[str]) -> list[Node]:
    if not names:
        raise invalid("agreement.models", "must name at least one model", reason="REQUIRED_FIELD")
    parsed = [NodeName.parse(name, "agreement.models") for name in distinct(names)]
    for name in parsed:
        check_namespace(caller, name.namespace)
    return [get_node(session, name) for name in parsed]


def _contexts(given: agreement_pb2.Agreement) -> list[str]:
    if not given.contexts:
        raise invalid("agreement.contexts", "must name at least one context", reason="REQUIRED_FIELD")
    return distinct(context_text(each, "agreement.contexts") for each in given.contexts)


def _details(agreement: Agreement, models: Sequence[str]) -> dict[str, object]:
    fields = ("licensor", "license", "contexts", "start_time", "end_time", "evidence_sha256", "reference")
    return {field: getattr(agreement, field) for field in fields} | {"models": list(models)}
