"""Reads the facts about a version from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from sqlmodel import Session, col, select

from registry.catalog.files import files_of
from registry.catalog.lineage import Link, walk
from registry.clock import now
from registry.context import Registry
from registry.decisions.agreements import agreement_name
from registry.decisions.evaluation import CONTEXTS, current_epoch, evaluate_contexts
from registry.decisions.facts import effective_licenses
from registry.decisions.reviews import review_name
from registry.decisions.rules import current_rules
from registry.evidence import facts
from registry.identity.access import may_use
from registry.licensing import Catalogue, EdgeType, Profile
from registry.reports.figures import with_figures
from registry.reports.records import newest_by_dataset
from registry.storage.lookup import channel_name, names_of, rows_of, version_name
from registry.storage.tables import (
    Agreement,
    AuditEvent,
    Channel,
    File,
    Node,
    Promotion,
    Review,
    Version,
)
from registry.wire import enum_text
from spiritsafe.registry.v1 import licensing_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import EvaluationReportName

CONCLUDED = "version.licenses_concluded"


def load(
    session: Session,
    registry: Registry,
    caller: Caller,
    found: tuple[Node, Version],
    *,
    contexts: Sequence[str] = (),
    outbound: str = "",
    distributed: bool = False,
) -> facts.Dossier:
    """Everything about a finalized version. Contexts are all four where none is named.

    Of namespaces that the caller may not see there are names, kinds and effective licences, as in any lineage; the rest
    is left out, agreements and conclusions too, though they count in the verdicts.

    Raises:
        FailedPrecondition: the version is a draft.
    """
    node, row = found
    results = evaluate_contexts(
        session, registry, node, row, list(contexts) or CONTEXTS, outbound=outbound, distributed=distributed
    )
    ids, edges = walk(session, row, "ancestors", 0)
    items = _items(session, caller, ids)
    catalogue = current_rules(session).catalogue
    evaluations = tuple(map(_evaluation, results))
    return facts.Dossier(
        subject=str(version_name(node, row)),
        items={item.name: item for item in items.values()},
        links=tuple(_links(edges, items)),
        licences=_licences(catalogue, _license_ids(items.values(), evaluations, outbound)),
        evaluations=evaluations,
        reviews=tuple(_reviews(session, row)),
        agreements=tuple(_agreements(session, caller, ids, items.values())),
        conclusions=tuple(_conclusions(session, items.values())),
        promotions=tuple(_promotions(session, node, row)),
        measurements=tuple(_measurements(session, node, row)),
        outbound=outbound,
        node_description=node.description,
        node_tags=node.tags,
        epoch=current_epoch(session),
        at=now(),
        key_id=registry.signer.key_id,
        tool_version=_tool_version(),
    )


def _items(session: Session, caller: Caller, ids: Sequence[int]) -> dict[int, facts.Item]:
    """In the order of ``ids``."""
    files: dict[int, list[File]] = defaultdict(list)
    for file in files_of(session, ids):
        files[file.version_id].append(file)
    rows = rows_of(session, ids)
    return {
        id_: _item(*rows[id_], files[id_]) if may_use(caller, rows[id_][0].namespace) else _outline(*rows[id_])
        for id_ in ids
    }


def _outline(node: Node, row: Version) -> facts.Item:
    """What GetLineage tells of a version, wherever it lies."""
    name = version_name(node, row)
    return facts.Item(
        name=str(name),
        short=name.short,
        uid=row.uid,
        public_name=node.display_name,
        number=row.number,
        dataset=node.collection == "datasets",
        kind=row.kind,
        effective=tuple(effective_licenses(row)),
        stand_in=row.stand_in,
        withheld=True,
    )


def _item(node: Node, row: Version, files: Iterable[File]) -> facts.Item:
    name = version_name(node, row)
    return facts.Item(
        name=str(name),
        short=name.short,
        uid=row.uid,
        public_name=node.display_name,
        number=row.number,
        dataset=node.collection == "datasets",
        kind=row.kind,
        description=row.description,
        tags=row.tags,
        digest=row.digest,
        declared=_optional(row.declared),
        detected=_optional(row.detected),
        concluded=_optional(row.concluded),
        effective=tuple(effective_licenses(row)),
        imported=row.imported,
        multimodal=row.multimodal,
        base_family=row.base_family,
        source_repo=row.source_repo,
        source_revision=row.source_revision,
        lineage_completeness=row.lineage_completeness,
        stand_in=row.stand_in,
        creator=row.creator,
        create_time=row.create_time,
        finalize_time=row.finalize_time or row.create_time,
        files=tuple(facts.FileFact(file.path, file.size_bytes, file.sha256) for file in files),
    )


def _optional(ids: list[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(ids)


def _links(edges: Iterable[Link], items: dict[int, facts.Item]) -> Iterable[facts.Link]:
    for edge in edges:
        yield facts.Link(items[edge.child_id].name, EdgeType(edge.type), items[edge.parent_id].name)


def _license_ids(items: Iterable[facts.Item], evaluations: Iterable[facts.EvaluationFact], outbound: str) -> list[str]:
    named = [each for item in items for each in item.licenses]
    named += [each for one in evaluations for reason in one.reasons for each in reason.licenses]
    named += [outbound] if outbound else []
    return list(dict.fromkeys(named))


def _licences(catalogue: Catalogue, ids: Iterable[str]) -> dict[str, facts.LicenceFact]:
    return {each: _licence(each, catalogue.get(each), known=each in catalogue) for each in ids}


def _licence(license_id: str, profile: Profile, *, known: bool) -> facts.LicenceFact:
    limits = [facts.Clause(each.code.value, "", profile.clause(each.code)) for each in profile.limitations]
    duties = [facts.Clause(each.code.value, each.trigger.value, each.detail) for each in profile.conditions]
    return facts.LicenceFact(
        id=license_id,
        known=known,
        spdx=profile.spdx or "",
        hub=profile.hf_id or "",
        category=profile.category,
        clauses=(*limits, *duties),
        evidence=profile.evidence,
        confidence=profile.confidence,
        notes=profile.notes,
    )


def _evaluation(result: licensing_pb2.Evaluation) -> facts.EvaluationFact:
    return facts.EvaluationFact(
        context=enum_text(licensing_pb2.Context, result.context),
        outbound=result.outbound_license,
        verdict=enum_text(licensing_pb2.Verdict, result.verdict),
        reasons=tuple(_reason(each) for each in result.reasons),
        duties=tuple(facts.DutyFact(each.code, each.trigger, each.detail) for each in result.obligations),
        valid_until=result.valid_until.ToMicroseconds() if result.HasField("valid_until") else None,
        policy_revision=result.policy_revision,
    )


def _reason(reason: licensing_pb2.Reason) -> facts.ReasonFact:
    return facts.ReasonFact(
        reason.code,
        reason.status,
        tuple(reason.licenses),
        reason.origin,
        tuple(reason.path),
        reason.clause,
        reason.remedy,
        reason.sentence,
        reason.confidence,
        reason.policy,
    )


def _reviews(session: Session, row: Version) -> Iterable[facts.ReviewFact]:
    rows = session.exec(select(Review).where(Review.version_id == row.id).order_by(col(Review.id))).all()
    names = names_of(session, {review.origin_id for review in rows})
    for review in rows:
        yield facts.ReviewFact(
            name=review_name(review),
            context=review.context,
            code=review.code,
            license=review.license,
            origin=str(names[review.origin_id]),
            state=review.state,
            requester=review.requester,
            reviewer=review.reviewer,
            rationale=review.rationale,
            evidence_sha256=review.evidence_sha256,
            questions=tuple(review.questions),
            answers=tuple(review.answers),
            self_administered=review.self_administered,
            create_time=review.create_time,
            decide_time=review.decide_time,
            expire_time=review.expire_time,
        )


def _agreements(
    session: Session, caller: Caller, ids: Sequence[int], items: Iterable[facts.Item]
) -> Iterable[facts.AgreementFact]:
    """Those about a licence that some version of the lineage has, past and revoked ones included."""
    nodes = {row.node_id for _, row in rows_of(session, ids).values()}
    licenses = {each for item in items for each in item.licenses}
    for row in session.exec(select(Agreement).where(col(Agreement.license).in_(licenses)).order_by(col(Agreement.id))):
        if nodes & set(row.node_ids) and may_use(caller, row.namespace):
            yield facts.AgreementFact(
                name=agreement_name(row),
                licensor=row.licensor,
                license=row.license,
                contexts=tuple(row.contexts),
                start_time=row.start_time,
                end_time=row.end_time,
                revoke_time=row.revoke_time,
                evidence_sha256=row.evidence_sha256,
                reference=row.reference,
                creator=row.creator,
                create_time=row.create_time,
            )


def _conclusions(session: Session, items: Iterable[facts.Item]) -> Iterable[facts.ConclusionFact]:
    names = [item.name for item in items if item.concluded is not None]  # None where it is withheld
    query = select(AuditEvent).where(AuditEvent.type == CONCLUDED, col(AuditEvent.resource).in_(names))
    for event in session.exec(query.order_by(col(AuditEvent.sequence))):
        details = event.details
        concluded = tuple(details["concluded"])
        yield facts.ConclusionFact(event.resource, concluded, details["rationale"], event.actor, event.create_time)


def _promotions(session: Session, node: Node, row: Version) -> Iterable[facts.PromotionFact]:
    query = (
        select(Promotion, Channel)
        .join(Channel, col(Promotion.channel_id) == Channel.id)
        .where(Promotion.version_id == row.id)
        .order_by(col(Promotion.id))
    )
    for promotion, channel in session.exec(query):
        name = channel_name(node, channel)
        yield facts.PromotionFact(
            name=f"{name}/promotions/{promotion.number}",
            channel=name.label,
            action=promotion.action,
            state=promotion.state,
            verdict=str(promotion.evaluation.get("verdict", "")).removeprefix("VERDICT_").lower(),
            outbound=promotion.outbound_license,
            failed=tuple(check["check"] for check in promotion.checks if not check["passed"]),
            reviews=tuple(promotion.reviews),
            actor=promotion.actor,
            self_administered=promotion.self_administered,
            time=promotion.create_time,
        )


def _measurements(session: Session, node: Node, row: Version) -> Iterable[facts.MeasurementFact]:
    if node.collection == "datasets":
        return
    rows = newest_by_dataset(session, node, row)
    names = names_of(session, {id_ for one in rows for id_ in (one.version_id, one.baseline_id, one.dataset_id)})
    for one in rows:
        scores = [with_figures(category) for category in one.categories]
        yield facts.MeasurementFact(
            str(EvaluationReportName(names[one.version_id], one.uid)),
            str(names[one.baseline_id]),
            str(names[one.dataset_id]),
            tuple(
                facts.ScoreFact(
                    each.category,
                    each.count,
                    each.candidate_exact,
                    each.baseline_exact,
                    each.difference,
                    each.difference_low,
                    each.difference_high,
                )
                for each in scores
            ),
            one.creator,
            one.create_time,
        )


def _tool_version() -> str:
    try:
        return version("spiritsafe")
    except PackageNotFoundError:
        return ""
